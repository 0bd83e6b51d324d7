"""The cases of a first look: a plain call, one of all claims at once, and a case with other numbers and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch

from rnn_parity import Capabilities, Config
from rnn_parity.contract.changes import sized
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.fills import FILLS
from rnn_parity.tests.judge.look.claims import OF_THE_NETWORK

T = TypeVar("T")
#: Sizes that all differ, so that a wrong shape shows.
_STEPS, _BATCH, _INPUTS, _UNITS = 3, 2, 4, 5
#: Numbers of both signs.
_NUMBERS = FILLS[1]
#: Of these each says one thing: sizes of one, larger ones, equal ones.
_SIZES: list[dict[str, int]] = [
    *({name: 1} for name in ("T", "B", "input_size", "hidden_size")),
    {"T": 1, "B": 1, "input_size": 1, "hidden_size": 1},
    {"T": 7, "B": 3, "input_size": 2, "hidden_size": 6},
    {"T": 2, "B": 9, "input_size": 8, "hidden_size": 8},
    {"T": 4, "B": 4, "input_size": 4, "hidden_size": 4},
]


def plain(able: Capabilities) -> Case:
    """Return a small call of a network with as little as these capabilities allow."""
    config = Config(
        min(_INPUTS, able.max_input_size or _INPUTS),
        min(_UNITS, able.max_hidden_size or _UNITS),
        nonlinearity=_one_of(able.nonlinearities, "tanh"),
        bias=_one_of(able.biases, True),
        batch_first=_one_of(able.batch_first, False),
        dtype=_one_of(able.dtypes, torch.float32),
        cell=able.cells[0],
    )
    steps = min(_STEPS, able.max_steps or _STEPS)
    batch = min(max(_BATCH, able.min_batch), able.max_batch or max(_BATCH, able.min_batch))
    return _NUMBERS.of(Case(config, np.zeros((steps, batch, config.input_size))))


def rich(able: Capabilities) -> Case:
    """Return a small call of a network with all at once that these capabilities allow beyond that."""
    case = first = plain(able)
    for claim in OF_THE_NETWORK:
        if claim.narrow(able) and claim.axis.of(first) != claim.place:
            case = claim.asks(case)
    return _NUMBERS.of(case)


def variations(case: Case) -> Iterator[Case]:
    """Yield the case with other numbers, and with other sizes; no option differs."""
    yield case.with_arrays(**{name: np.zeros_like(array) for name, array in case.arrays.items()})
    for fill in FILLS[2:4]:
        yield fill.of(case)
    for sizes in _SIZES:
        if not (case.unbatched and "B" in sizes):
            yield _NUMBERS.of(sized(**sizes)(case))


def numbered(case: Case) -> Case:
    """Return the case with numbers that all differ, those of new arrays too."""
    return _NUMBERS.of(case)


def _one_of(claimed: tuple[T, ...], wanted: T) -> T:
    return wanted if wanted in claimed else claimed[0]
