"""A minimal case with changes, each judged again, as long as there is time.

Any failure of the property counts as one, whatever it looks like: what raises at one size and is wrong at another fails
at both. Where one choice makes it raise, and the case did not (or the other way round), that is told beside it.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from rnn_parity.contract.changes import Change
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.choices import batched
from rnn_parity.tests.judge.base.fills import FILLS, SPREAD, Fill
from rnn_parity.tests.judge.base.telling import keep_error
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, verdict_on
from rnn_parity.tests.judge.trial.trial import Trial

#: Seconds of CPU for one counterexample, and for one of a dear implementation; and how many seconds each may last: what
#: waits for processes or devices takes little of the CPU.
SECONDS, DEAR_SECONDS = 1.5, 10.0
_LASTS = 5.0
#: How many fills a changed case is judged on, beside its own numbers, before it counts as passing.
_TRIES = 3


@dataclass
class Varied:
    """A minimal case, of which one can ask whether it fails when it is changed."""

    counterexample: Counterexample
    #: The fills with which the case fails.
    fills: list[Fill] = field(default_factory=list)
    #: What fails in another way.
    otherwise: dict[str, list[str]] = field(default_factory=dict)
    #: Every case that failed, as the call that did: of some properties another than the case.
    failing: list[Case] = field(default_factory=list)

    def __post_init__(self) -> None:
        implementation = self.counterexample.implementation
        seconds = DEAR_SECONDS if implementation.dear else SECONDS
        self._ends = _cpu() + seconds, time.monotonic() + seconds * _LASTS
        self._trial = Trial(implementation, asked_for=self.counterexample.property.name)
        self.case = self.counterexample.case
        #: For how many other inputs it fails, in words; empty where none could be tried.
        self.inputs = self._inputs()
        if self.case.unbatched and self.tried("x is a batch of one", batched):
            # It is varied as a batch of one, where it fails as that, too: B may change then.
            self.case = batched(self.case)

    def _inputs(self) -> str:
        """Find the fills with which it fails; return for how many other inputs it does, in words."""
        outcomes = {fill: self._outcome(lambda case: case, fill) for fill in FILLS}
        self.fills = [fill for fill, outcome in outcomes.items() if outcome]
        tried = Counter(fill.sort for fill, outcome in outcomes.items() if outcome is not None)
        failed = Counter(fill.sort for fill in self.fills)
        if not self.fills and self._outcome(lambda case: case, SPREAD):
            self.fills = [SPREAD]
        if not tried:
            return ""
        if failed == tried:
            return f"for every input tried ({failed.total()} of {tried.total()})"
        if not failed:
            return f"only for numbers like its own (0 of {tried.total()} others tried)"
        return f"for {', '.join(f'{failed[sort]} of {tried[sort]} {sort}' for sort in tried)} inputs tried"

    def _outcome(self, change: Change, fill: Fill | None) -> str | None:
        """Return the sort of a failure; empty where it passes, None where it cannot be judged or time is over."""
        if self.over():
            return None
        judged = self.counterexample.property
        try:
            # Of another size, a case's own numbers would be others: they are spread before.
            case = change(SPREAD.of(self.case) if fill is SPREAD else self.case)
            case = change(fill.of(case)) if fill and fill is not SPREAD else case
        except ValueError:
            return None  # There is no such case.
        try:
            if not judged.admits(self._trial, case):
                return None
            found = verdict_on(judged, self.counterexample.implementation, case)
        except Exception:
            keep_error()  # It is no verdict.
            return None
        if found is None:
            return ""
        self.failing.append((found.calls or (case,))[-1])
        return _sort(found.kind)

    def over(self) -> bool:
        """Return whether time is over."""
        return _cpu() > self._ends[0] or time.monotonic() > self._ends[1]

    def tried(self, name: str, change: Change, tries: int = _TRIES) -> bool | None:
        """Return whether it fails so changed, with its own numbers or one of a few fills; None where not known."""
        fills = self.fills[:tries]
        passed = []
        for fill in (None, *fills):
            outcome = self._outcome(change, fill)
            if outcome:
                if name and outcome != _sort(self.counterexample.disagreement.kind):
                    self.otherwise.setdefault(outcome, []).append(name)
                return True
            passed.append(outcome)
        return None if self.over() or passed.count("") == 0 else False


def _sort(kind: str) -> str:
    """Return whether it raised, or returned what is wrong."""
    return kind if kind.startswith("raises") else "wrong"


def _cpu() -> float:
    return time.process_time() + cpu_seconds()
