"""From the first failing case to a minimal one, and what is said of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from rnn_parity import Implementation, registered
from rnn_parity.registry import LIGHT, MAIN
from rnn_parity.registry.limits import limited_to
from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.halving import is_large
from rnn_parity.strategies.shrinking.reduce import reduce_case
from rnn_parity.tests.judge.base.finding import Tries
from rnn_parity.tests.judge.base.telling import keep_error
from rnn_parity.tests.judge.base.words import spelled
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.reduction.archive import Record
from rnn_parity.tests.judge.trial.faults import BY_CHANCE, COSTLY, ENDING
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: Calls from several threads fail by chance, and how much memory is held has noise: a case counts as passing after this
#: many quiet tries.
_TRIES = {"threads": 5, "leaks": 3}
#: How many of the cases that failed while reducing are kept, and of those that did not.
_KEPT = 12
#: Seconds given to reducing a large case, or that of a dear implementation.
PATIENCE = 90.0
#: And to what fails by chance, each case of which is tried several times.
_CHANCY = 30.0
#: And so many to a call, while what hangs is reduced.
HURRIED = 2.0
#: And to one of another implementation, which imports its library first.
_ANOTHER = 30.0
#: What another does that is no answer to the case: its process ends, or its library cannot be imported here.
_NO_VERDICT = (*ENDING, "raises ImportError", "raises ModuleNotFoundError")


_UNTRIED = Tries(0, 0)


@dataclass(frozen=True)
class Counterexample:
    """A minimal case on which an implementation fails a property."""

    property: Property
    implementation: Implementation
    case: Case
    disagreement: Disagreement
    found: Case
    calls: int
    reduced_fully: bool
    #: Other cases that were tried while it was reduced, some that failed and some that did not.
    #: Each as the calls of one network, the last of which tells.
    seen: tuple[tuple[Case, ...], ...] = ()
    #: How it did when it was tried again, where it was.
    tries: Tries = _UNTRIED

    @classmethod
    def as_found(
        cls, judged: Property, implementation: Implementation, case: Case, disagreement: Disagreement
    ) -> Counterexample:
        """One that is not reduced."""
        return cls(judged, implementation, case, disagreement, case, calls=0, reduced_fully=False)

    def record(self, diagnosis: Sequence[str] = ()) -> Record:
        """Return what the archive keeps of a counterexample, with its diagnosis where it has one by then."""
        details = {key: value for key, value in self.disagreement.details.items() if isinstance(value, int | float)}
        seen: dict[str, Any] = {
            "implementation": self.implementation.name,
            "kind": self.disagreement.kind,
            "says": self.disagreement.text,
        }
        if self.disagreement.frames:
            seen["frames"] = [frame._asdict() for frame in self.disagreement.frames]
        if diagnosis:
            seen["diagnosis"] = "; ".join(line.strip() for line in diagnosis)
        versions = {
            self.implementation.library: self.implementation.version or "not installed",
            "python": sys.version.split()[0],
        }
        return Record(
            self.property.name, self.case, [seen | {key: spelled(value) for key, value in details.items()}], versions
        )


def find_minimal(
    judged: Property,
    implementation: Implementation,
    disagreement: Disagreement,
    known: Sequence[Counterexample] = (),
) -> Counterexample:
    """Reduce the case of a disagreement as far as it keeps failing in the same way.

    A counterexample that is `known` is handed back as it is where it fails in that way: nothing simpler was found then.
    """
    trial = Trial(implementation, asked_for=judged.name)
    found = disagreement.case
    assert found is not None
    seen: dict[bool, list[tuple[Case, ...]]] = {False: [], True: []}
    shown, by_chance = disagreement, disagreement.kind.startswith(BY_CHANCE)

    def fails(case: Case) -> bool:
        nonlocal shown
        if not judged.admits(trial, case):
            return False
        try:
            again = verdict_on(judged, implementation, case)
        except Exception:
            keep_error()  # It is another failure.
            return False
        if len(kept := seen[again is not None]) < _KEPT and not is_large(case):
            kept.append((again and again.calls) or (case,))
        if again is None or again.kind != disagreement.kind:
            return False
        if by_chance and verdict_on(judged, implementation, case) is None:
            return False  # It has to fail twice: otherwise cases are taken on which it fails less and less often.
        shown = again  # What fails is where the reduction goes on.
        return True

    for counterexample in known:
        if counterexample.disagreement.kind == disagreement.kind and _fails_still(counterexample, fails):
            return counterexample
    costly = disagreement.kind in COSTLY
    with limited_to(HURRIED) if costly else nullcontext():
        reduction = reduce_case(found, fails, seconds=_patience(implementation, disagreement, found))
    last = verdict_on(judged, implementation, reduction.case)
    if last is None or last.kind != disagreement.kind:
        # It took long only for so hurried a limit, or shows by chance: what was seen is told with its own case.
        last, reduction.case = (disagreement, found) if disagreement.kind in ENDING else (shown, reduction.case)
    return Counterexample(
        judged,
        implementation,
        reduction.case,
        last,
        found,
        reduction.calls,
        not reduction.exhausted,
        (*seen[True], *seen[False]),
    )


def _patience(implementation: Implementation, disagreement: Disagreement, found: Case) -> float:
    """Seconds given to reducing a case."""
    if disagreement.kind.startswith(BY_CHANCE):
        return _CHANCY
    return PATIENCE if implementation.dear or disagreement.kind in COSTLY or is_large(found) else math.inf


def _fails_still(known: Counterexample, fails: Callable[[Case], bool]) -> bool:
    """Return whether a known case fails; one that fails by chance, and has failed twice, is not tried again."""
    return known.tries.by_chance or fails(known.case)


def verdict_on(judged: Property, implementation: Implementation, case: Case) -> Disagreement | None:
    """Return the disagreement of an implementation on one case, or None where it does what is demanded."""
    for _ in range(_TRIES.get(judged.name, 1)):
        try:
            judged.judge(Trial(implementation, asked_for=judged.name), case)
        except Disagreement as disagreement:
            return disagreement
    return None


def others(counterexample: Counterexample) -> dict[str, list[str]]:
    """Judge others of the main group and of its own, and of the same kind of cell, on the same case: names by verdict.

    Whoever is slow, hangs, crashes or cannot be imported there is not accused: its own items judge it.
    """
    verdicts = ("agree", "disagree", "cannot take it", "not installed", "cannot be judged")
    standing: dict[str, list[str]] = {verdict: [] for verdict in verdicts}
    groups = {MAIN, counterexample.implementation.group}
    for name, implementation in registered().items():
        alike = implementation.group in groups and counterexample.case.config.cell in implementation.capabilities.cells
        if name != counterexample.implementation.name and alike:
            standing[_standing(counterexample, implementation)].append(name)
    return standing


def _standing(counterexample: Counterexample, implementation: Implementation) -> str:
    judged, case = counterexample.property, counterexample.case
    if not implementation.installed:
        return "not installed"
    if judged.exempts(implementation.capabilities) or implementation.capabilities.objections(case):
        return "cannot take it"
    # What is foreign may crash on a case that it does not claim to take, and who knows what is not of this tree.
    ours = implementation.library in LIGHT and not implementation.asked
    apart = implementation if ours else implementation.isolated()
    if judged.exempts(apart.capabilities):
        return "cannot take it"
    try:
        with limited_to(_ANOTHER):
            found = verdict_on(judged, apart, case)
    except Exception:
        return "cannot be judged"
    if found is None:
        return "agree"
    return "cannot be judged" if found.kind in _NO_VERDICT else "disagree"
