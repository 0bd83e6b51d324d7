"""Large cases first: sizes cut in halves, then ever finer, and numbers set to zero in blocks.

What `steps` tries one by one would be thousands of candidates, each with a million numbers. What is left has
sizes that matter, and few numbers besides zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile

import numpy as np

from rnn_parity.contract.case import Case
from rnn_parity.reference.large import LARGE
from rnn_parity.strategies.shrinking.steps import AXES, extent, fewer_layers, keep, one_direction

#: Into how many blocks the numbers of an array are cut at most.
_BLOCKS = 64


def is_large(case: Case) -> bool:
    """Return whether one of its sizes is larger than those usually drawn."""
    return max(extent(case, axis) for axis in AXES) > LARGE


def coarse_steps(case: Case) -> Iterator[Case]:
    """Yield large steps from a large case, whether they lead to a simpler one or not; none from another."""
    if is_large(case):
        yield from fewer_layers(case)
        yield from one_direction(case)
        for axis in AXES:
            yield from _shorter(case, axis)
        for name in case.arrays:
            yield from _plainer(case, name)


def _shorter(case: Case, axis: str) -> Iterator[Case]:
    """Yield the first half of an axis, then three quarters of it, and so on up to all but one."""
    size = extent(case, axis)
    for cut in takewhile(bool, (size >> shift for shift in count(1))):
        yield keep(case, axis, range(size - cut))


def _plainer(case: Case, name: str) -> Iterator[Case]:
    """Yield zeros in the place of ever smaller blocks of an array's other numbers; only signs of what is left."""
    array = case.arrays[name]
    places = np.flatnonzero(array)
    blocks = 1
    while blocks <= min(len(places), _BLOCKS):
        for block in np.array_split(places, blocks):
            changed = array.copy()
            changed.flat[block] = 0.0
            yield case.with_arrays(**{name: changed})
        blocks *= 2
    yield case.with_arrays(**{name: np.sign(array)})
