"""Bugs that real implementations had, each planted in a correct network as an override of a few lines.

The first line of a class says in plain words what it gets wrong. `@plant(family, property)` enters it in `BUGS` with
the property of the suite that is expected to catch it (others may, too):

    agreement      outputs, final states, shapes and dtypes are the reference's
    layouts        batch-first, time-major and unbatched arguments give the same results
    initial_state  an absent h_0 is a zero h_0
    final_state    h_n of the last layer is the last output of each direction
    calls          repeated and interleaved calls, also of other networks, do not influence each other
    arguments      x, h_0 and the weights are the same afterwards
    memory         results share no memory with the arguments, with each other, or with the next call's results
    strides        strided, expanded and offset arguments are read as what they are
    threads        several threads may call one network at once
    repeatability  the same call gives the same bits
    capabilities   what is not claimed is refused or right

Bugs that remember something across networks do so in a class attribute; the last family but one of `calls` says which.
All of them are wrong on some case within T <= 40, B <= 33, I and H <= 65 and three layers.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor

from impls import Capabilities, Config
from impls.contract import Build, Weights
from tests.suite.planted.loop import Cell, Loop

Family: TypeAlias = Literal[
    "weights",
    "bias",
    "state",
    "directions",
    "layers",
    "layout",
    "final state",
    "activation",
    "blocks",
    "memory",
    "calls",
    "precision",
    "strides",
    "capabilities",
    "nonfinite",
]
Property: TypeAlias = Literal[
    "agreement",
    "layouts",
    "initial_state",
    "final_state",
    "calls",
    "arguments",
    "memory",
    "strides",
    "threads",
    "repeatability",
    "capabilities",
]
HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Bug:
    """A network with one thing wrong, and the property that is expected to say so."""

    name: str
    family: Family
    build: Build
    property: Property
    capabilities: Capabilities = field(default_factory=Capabilities)

    def __str__(self) -> str:
        return self.name

    @property_of_class
    def words(self) -> str:
        return ""
