"""What was tested, as counts: the cases drawn, by facet, and how near to their bounds those that agreed came."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnn_parity.contract import DTYPES, dtype_name
from rnn_parity.contract.axes import AXES
from rnn_parity.strategies import Case

#: Plain numbers, which travel with a result and add up.
Counts: TypeAlias = dict[str, int]


def together(*counts: Counts) -> Counts:
    """Several counts as one."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def key(name: str, value: str) -> str:
    """Return the key under which a value of a facet, or a bin of a dtype, is counted."""
    return f"{name}: {value}"


@dataclass(frozen=True)
class Facet:
    """One side of a case: the values that it may have, in order, and which of them a case has."""

    values: Sequence[str]
    of: Callable[[Case], int]


#: The smallest size in each bin.
_SMALLEST = (0, 1, 2, 3, 5, 9, 17, 33)
_SIZES = ("0", "1", "2", "3-4", "5-8", "9-16", "17-32", "33+")
NAMES = tuple(map(dtype_name, DTYPES))


def _size(of: Callable[[Case], int]) -> Facet:
    return Facet(_SIZES[1:], lambda case: max(bisect_right(_SMALLEST, of(case)) - 2, 0))


#: In the order in which they are shown.
FACETS: dict[str, Facet] = {
    "steps T": _size(lambda case: case.steps),
    "rows B": Facet(_SIZES, lambda case: bisect_right(_SMALLEST, case.batch_size) - 1),
    "inputs I": _size(lambda case: case.config.input_size),
    "units H": _size(lambda case: case.config.hidden_size),
    **{axis.name: Facet([value.name for value in axis.values], axis.of) for axis in AXES},
}
_KEYED = [(facet.of, [key(name, value) for value in facet.values]) for name, facet in FACETS.items()]


def count_drawn(counts: Counts, case: Case) -> None:
    """Count a case under its value of each facet."""
    for of, keys in _KEYED:
        place = keys[of(case)]
        counts[place] = counts.get(place, 0) + 1


#: The largest error / bound in each bin: nothing at all, then powers of two up to the whole bound.
LARGEST = (0.0, *(2.0**-power for power in range(9, -1, -1)))
BINS = ("0", *(f"1/{2**power}" for power in range(9, 0, -1)), "1")
_MARGINS = {dtype: [key(name, largest) for largest in BINS] for dtype, name in zip(DTYPES, NAMES, strict=True)}


def count_margin(counts: Counts, case: Case, worst: float) -> None:
    """Count a case under the bin of its worst error / bound, by dtype."""
    place = _MARGINS[case.config.dtype][min(bisect_left(LARGEST, worst), len(BINS) - 1)]
    counts[place] = counts.get(place, 0) + 1
