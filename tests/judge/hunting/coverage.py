"""What of the space of cases was seen, in cells: a cell is what a case is on three of its sides at once.

The sides are those of `tests.judge.trial.counts`, and how near to its bound the result came.
"""

from __future__ import annotations

import base64
import zlib
from bisect import bisect_left
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from strategies import Case
from tests.judge.trial.counts import BINS, FACETS, LARGEST

_SIZES = np.array([*(len(facet.values) for facet in FACETS.values()), len(BINS)])
_FIRST, _SECOND, _THIRD = np.array(list(combinations(range(len(_SIZES)), 3))).T
_CELLS_OF = _SIZES[_FIRST] * _SIZES[_SECOND] * _SIZES[_THIRD]
#: Where the cells of each three sides begin.
_START = np.cumsum(_CELLS_OF) - _CELLS_OF
#: All cells that there are by the numbers; some are of no case: no unbatched one has three rows.
CELLS = int(_CELLS_OF.sum())
_OF = [facet.of for facet in FACETS.values()]

#: Which cells were seen, eight in a byte.
Packed = NDArray[np.uint8]


def nothing() -> Packed:
    """No cell seen yet."""
    return np.zeros(-(-CELLS // 8), np.uint8)


def cells_of(case: Case, worst: float) -> NDArray[np.intp]:
    """Return the cells of a case whose worst error / bound is known."""
    nearness = min(bisect_left(LARGEST, worst), len(BINS) - 1)
    at = np.array([*(of(case) for of in _OF), nearness], np.intp)
    found: NDArray[np.intp] = _START + (at[_FIRST] * _SIZES[_SECOND] + at[_SECOND]) * _SIZES[_THIRD] + at[_THIRD]
    return found


class Coverage:
    """The cells that one round has seen."""

    def __init__(self) -> None:
        self._seen = np.zeros(CELLS, np.bool_)

    def add(self, case: Case, worst: float) -> None:
        """Take in a case."""
        self._seen[cells_of(case, worst)] = True

    def packed(self) -> Packed:
        """As it is kept."""
        return np.packbits(self._seen)


def count(cells: Packed) -> int:
    """Return how many cells were seen."""
    return int(np.unpackbits(cells).sum())


def as_text(cells: Packed) -> str:
    """As it travels, and lies in a file."""
    return base64.b64encode(zlib.compress(cells.tobytes())).decode()


def from_text(text: str) -> Packed:
    """Read what `as_text` wrote.

    Raises:
        ValueError: it did not, or where the space of cases was another.
    """
    try:
        cells = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.uint8)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from error
    if cells.shape != nothing().shape:
        raise ValueError(f"of {8 * cells.size} cells, where the space of cases has {CELLS}")
    return cells
