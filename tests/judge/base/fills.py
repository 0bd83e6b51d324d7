"""A case with other numbers: fills for all its arrays, and one array without what is special."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rnn_parity.contract import Array
from rnn_parity.contract.case import round_to
from rnn_parity.contract.changes import Change
from rnn_parity.strategies import Case

#: Numbers of these sizes are plain. Others, NaN and infinities stay where they are when a case gets other numbers.
_PLAIN = (1e-3, 1e3)


class Fill(NamedTuple):
    """Numbers for all arrays of a case, none of them zero, and no two equal in a small array.

    Of one sign, ReLU is the identity; of both, it cuts off; large ones reach what is clipped or saturates, and those of
    many digits what is rounded. The others have few digits, whose sums are exact.
    """

    sort: str
    seed: int

    def of(self, case: Case) -> Case:
        """Return the case with these numbers, its special ones kept."""
        if self is SPREAD:
            return case.with_arrays(**{name: _spread(array) for name, array in case.arrays.items()})
        draw = np.random.default_rng(self.seed)
        drawn = {name: np.where(special(array), array, self._like(array, draw)) for name, array in case.arrays.items()}
        return case.with_arrays(**{name: round_to(case.config.dtype, array) for name, array in drawn.items()})

    def _like(self, array: Array, draw: np.random.Generator) -> Array:
        numbers = np.resize(draw.permutation(np.arange(1, 65) / 64), array.shape)
        if self.sort == "many-digit":
            numbers = draw.uniform(0.5, 1.0, array.shape)
        if self.sort in ("signed", "large"):
            numbers = numbers * draw.choice((-1, 1), array.shape)
        if array.ndim == 2:
            # A weighted sum of many numbers is no larger than the numbers: else tanh is 1 and hides everything.
            return np.asarray(numbers / 2 ** np.ceil(np.log2(max(1, array.shape[1]))))
        return numbers * 16 if self.sort == "large" else numbers


#: By turns, so that the first few are of every sort.
FILLS = [Fill(sort, seed) for seed in range(3) for sort in ("positive", "signed", "large", "many-digit")]


#: A case's own numbers, of each array the largest everywhere: of any size, it has what a larger or smaller one has.
SPREAD = Fill("own", -1)


def _spread(array: Array) -> Array:
    if not array.size:
        return array
    return np.full_like(array, array.flat[int(np.nan_to_num(np.abs(array), nan=np.inf).argmax())])


def special(array: Array) -> npt.NDArray[np.bool_]:
    """Return where an array holds what is not finite, or very large or small."""
    size = np.abs(array)
    return ~np.isfinite(array) | (size > _PLAIN[1]) | ((size > 0) & (size < _PLAIN[0]))


def special_in_words(array: Array) -> str:
    """Return in words where an array holds special numbers; empty where all are plain."""
    size = np.abs(array)
    found = {
        "is not finite": ~np.isfinite(array),
        f"holds numbers above {_PLAIN[1]:g}": np.isfinite(array) & (size > _PLAIN[1]),
        f"holds numbers below {_PLAIN[0]:g}": (size > 0) & (size < _PLAIN[0]),
    }
    return " and ".join(words for words, where in found.items() if where.any())


def companion(case: Case) -> Case:
    """Another case of the same sizes and options: every array turned around and negated."""
    return replace(
        case,
        x=-case.x[::-1, ::-1, ::-1],
        h_0=None if case.h_0 is None else -case.h_0[::-1, ::-1, ::-1],
        weights={
            name: -array[tuple(slice(None, None, -1) for _ in array.shape)] for name, array in case.weights.items()
        },
    )


def zeros(name: str) -> Change:
    """One array of zeros."""
    return lambda case: case.with_arrays(**{name: np.zeros_like(case.arrays[name])})


def parts_of_start(case: Case) -> list[str]:
    """Return the names of the parts of an initial state that has several, and is given."""
    states = case.config.kind.states
    return [f"{state}_0" for state in states] if case.has_h_0 and len(states) > 1 else []


def part_of_start_zero(place: int) -> Change:
    """Make one part of the initial state zeros."""

    def change(case: Case) -> Case:
        assert case.h_0 is not None
        parts = np.split(case.h_0, len(case.config.kind.states), -1)
        parts[place] = np.zeros_like(parts[place])
        return replace(case, h_0=np.concatenate(parts, -1))

    return change


def plain(name: str) -> Change:
    """One array without special numbers: halves in their places."""
    return lambda case: case.with_arrays(**{name: np.where(special(case.arrays[name]), 0.5, case.arrays[name])})
