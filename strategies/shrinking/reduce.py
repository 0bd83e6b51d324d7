"""Reducing a failing case until no single step keeps the failure: our own pass after Hypothesis's.

Hypothesis shrinks choices and stops at local minima; this works on the case itself. Two things take turns until
neither finds anything: every single step (`STEPS`), made greedily, and a search in order of size through the
smallest cases of all (`smaller`), for what no single step leads to. Large cases are cut down before
(`halving`).
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator

from rnn_parity.contract.case import Case
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.halving import coarse_steps
from rnn_parity.strategies.shrinking.numbers import numbers_traded, plainer_numbers, zero_parts
from rnn_parity.strategies.shrinking.smaller import smaller_cases
from rnn_parity.strategies.shrinking.steps import fewer, fewer_layers, fewer_together, one_direction, plainer_options
from rnn_parity.strategies.shrinking.trades import parts_traded, sizes_traded, states_traded

#: The kinds of single steps, those that take most away first.
STEPS: tuple[Callable[[Case], Iterator[Case]], ...] = (
    fewer_layers,
    one_direction,
    fewer_together,
    fewer,
    plainer_options,
    zero_parts,
    plainer_numbers,
    sizes_traded,
    parts_traded,
    states_traded,
    numbers_traded,
)


def steps(case: Case) -> Iterator[Case]:
    """Yield every single step from a case, whether it leads to a simpler one or not."""
    return itertools.chain.from_iterable(kind(case) for kind in STEPS)


class Reduction:
    """The smallest failing case found so far, and what it took."""

    def __init__(self, case: Case, fails: Callable[[Case], bool], limit: int, seconds: float) -> None:
        self.case, self.calls = case, 0
        self._key, self._fails, self._limit = complexity(case), fails, limit
        self._tried = {identity(case)}
        self._until = time.monotonic() + seconds

    @property
    def exhausted(self) -> bool:
        """Whether the limit of calls or of time ended it, so that single steps may be left."""
        return self.calls >= self._limit or time.monotonic() > self._until

    def take_any(self, candidates: Iterable[Case]) -> bool:
        """Take the first candidate that is simpler and fails too, and return whether there is one."""
        return any(self._take(candidate) for candidate in itertools.takewhile(lambda _: not self.exhausted, candidates))

    def _take(self, candidate: Case) -> bool:
        key = complexity(candidate)
        if key >= self._key or (tried := identity(candidate)) in self._tried:
            return False
        self._tried.add(tried)
        self.calls += 1
        if not self._fails(candidate):
            return False
        self.case, self._key = candidate, key
        return True


def reduce_case(case: Case, fails: Callable[[Case], bool], limit: int = 6000, seconds: float = math.inf) -> Reduction:
    """Shrink a failing case to one that is 1-minimal: no single step of `steps` leads to a simpler one that fails.

    Args:
        case: a case for which `fails` is true.
        fails: whether a case is admissible and shows the same failure.
        limit: how often `fails` may be called.
        seconds: after how long no other call of it is begun.
    """
    reduction = Reduction(case, fails, limit, seconds)
    while reduction.take_any(coarse_steps(reduction.case)):
        pass
    while True:
        _descend(reduction)
        if not reduction.take_any(smaller_cases(reduction.case)):
            return reduction


def _descend(reduction: Reduction) -> None:
    """Make single steps until none is left that keeps the failure."""
    moved = True
    while moved:
        moved = False
        for kind in STEPS:
            while reduction.take_any(kind(reduction.case)):
                moved = True


def identity(case: Case) -> tuple[object, ...]:
    """Return what tells a case from all others."""
    numbers = ((name, hashlib.sha256(array.tobytes()).digest()) for name, array in case.arrays.items())
    return case.config, case.x.shape, *case.options.values(), *numbers
