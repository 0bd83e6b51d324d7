"""How long an item is fed: for so many CPU seconds, but for as many cases as a verdict needs.

What is done once in a process is none of the seconds: the library is imported, and a network of each shape is built and
compiled for the first time. A multiple of them ends an item whatever it is doing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from impls import Implementation
from impls.isolation import cpu_seconds
from strategies import Case
from strategies.drawing.pool import Shape

#: Fewer cases are no verdict, where so many were asked for.
ENOUGH = 20
#: So many times its seconds an item takes at most, with what is done once, and while its cases are too few.
MOST = 20


def needed(start: int, end: int, of: int) -> int:
    """Return how many of the cases that a verdict needs fall to a shard, which has the cases from `start` to `end`.

    >>> [needed(start, start + 100, 600) for start in range(0, 600, 100)]
    [3, 3, 4, 3, 3, 4]
    """
    whole = min(ENOUGH, of)
    return whole * end // of - whole * start // of


@dataclass
class Budget:
    """What an item may take, and how much of it is spent."""

    #: CPU seconds, for all that is done more than once.
    seconds: float = math.inf
    #: Cases that are judged, however long they take.
    enough: int = 0
    _began: float | None = None
    _once: float = 0.0

    def ends(self, cases: int) -> bool:
        """Return whether no other case is to be judged after this many."""
        if self._began is None:
            self._began = _now()
        spent = _now() - self._began
        few = cases < max(1, self.enough)
        return cases > 0 and (spent >= MOST * self.seconds or (not few and spent - self._once >= self.seconds))

    @contextmanager
    def spending(self, *, once: bool) -> Iterator[None]:
        """Have what is done in here counted, or not where it is done once."""
        before = _now()
        try:
            yield
        finally:
            self._once += (_now() - before) * once


def _now() -> float:
    return time.process_time() + cpu_seconds()


#: What this process has judged, by implementation and property.
_SEEN: set[tuple[str, str, Shape | None]] = set()


def is_first(implementation: Implementation, judged: str, case: Case) -> bool:
    """Return whether this process has not judged the implementation yet; where it builds per shape, this shape."""
    shape = Shape.of(case) if implementation.capabilities.per_shape else None
    known = len(_SEEN)
    _SEEN.add((implementation.name, judged, shape))
    return len(_SEEN) > known
