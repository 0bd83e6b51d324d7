"""What one way of testing makes of one network, and what it takes until the first failure and until the end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.complexity import Complexity, complexity


class OutOfTimeError(BaseException):
    """Ends a way of testing that has used up its CPU; not an Exception, which would count as a failing case."""


class Taken(NamedTuple):
    """CPU seconds, and cases given to the network."""

    seconds: float
    calls: int


@dataclass(frozen=True)
class Outcome:
    """What came out of one way on one network."""

    #: The smallest failing case that it hands back; None where none failed.
    case: Case | None
    #: Until the first failure; all that was spent where there was none.
    first: Taken
    #: Until the smallest case is there, or all cases passed.
    whole: Taken
    #: Whether its time was up.
    cut: bool = False
    #: Whether a correct network fails on that case, too, so that it says nothing of this one.
    by_accident: bool = False
    #: A smaller case that an exhaustive search has found to fail as well; None where there is none.
    smaller: Case | None = None
    #: What went wrong with the benchmark itself.
    error: str = ""

    @property
    def caught(self) -> bool:
        """Whether it found the bug, and not something that it accuses correct networks of."""
        return self.case is not None and not self.by_accident

    @property
    def size(self) -> Complexity | None:
        """How simple the case is: the measure of `rnn_parity.strategies.shrinking.complexity`, whatever the way."""
        return None if self.case is None else complexity(self.case)


class Meter:
    """Counts the cases given to a network and the CPU used from its making on, and keeps the smallest that failed."""

    def __init__(self, limit: float = math.inf) -> None:
        self._start, self._limit, self._calls = time.process_time(), limit, 0
        self.first: Taken | None = None
        self.smallest: Case | None = None

    @property
    def taken(self) -> Taken:
        """What was used so far."""
        return Taken(time.process_time() - self._start, self._calls)

    @contextmanager
    def trying(self, case: Case) -> Iterator[None]:
        """Count one case; what is raised within is a failure.

        Raises:
            OutOfTimeError: the limit is passed.
        """
        if self.taken.seconds > self._limit:
            raise OutOfTimeError
        self._calls += 1
        try:
            yield
        except Exception:
            self.first = self.first or self.taken
            if self.smallest is None or complexity(case) < complexity(self.smallest):
                self.smallest = case
            raise

    def outcome(self, case: Case | None, *, cut: bool = False) -> Outcome:
        """What came out, now that it ended with this case."""
        return Outcome(case, self.first or self.taken, self.taken, cut)
