"""The run that follows from the command line, the same in every worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rnn_parity import Implementation
from rnn_parity.registry.limits import Limits
from rnn_parity.tests.judge.base.part import WHOLE, Part


@dataclass(frozen=True)
class Run:
    """One run, the same in every worker."""

    implementations: tuple[Implementation, ...]
    cases: int
    seed: int
    profile: str
    archive: Path | None
    replay: Path | None
    #: CPU seconds for each property and implementation.
    seconds: float = math.inf
    #: How long it is to hunt; 0 where it is to judge so many cases.
    minutes: float = 0.0
    #: Where tensors lie.
    device: str = "cpu"
    #: Why nothing can be judged there; empty where it can.
    no_device: str = ""
    #: Where scripts are written that reproduce what was found.
    reproduction: Path | None = None
    #: What one call may take.
    limits: Limits = field(default_factory=Limits)
    #: Which sizes cases have.
    sizes: str = "usual"
    #: Which part of it is judged here.
    part: Part = WHOLE
    #: The groups of properties that are judged; all where none are named.
    only: tuple[str, ...] = ()
    #: The kinds of cells that are judged; all that are claimed where none are named.
    cells: tuple[str, ...] = ()
    #: What is judged of the tests: paths, expressions of names and marks.
    selected: tuple[str, ...] = ()
    #: By property and implementation: failures that are expected, each with the line that says so.
    expected: Mapping[tuple[str, str], Any] = field(default_factory=dict)


RUN = pytest.StashKey[Run]()
