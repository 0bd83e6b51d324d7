"""What is said of a counterexample: the bug's name, candidates, or what is known; and the first wrong number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.finding import MAYBE, NAMED
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.diagnosis.divergence import first_divergence, telling_shape
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, Look
from rnn_parity.tests.judge.diagnosis.pattern import known
from rnn_parity.tests.judge.diagnosis.solving import Diagnosis, solve
from rnn_parity.tests.judge.reduction.counterexample import Counterexample

#: No more candidates are listed.
_LISTED = 4


@dataclass(frozen=True)
class Told:
    """A diagnosis in lines."""

    diagnosis: list[str]
    certain: bool = False
    #: The wrong results that it rests on, that of the minimal case first; and whether a wrong shape is what was found.
    failing: Sequence[Look] = ()
    of_shapes: bool = False
    #: Whether no bug model explains it, where some might have.
    unexplained: bool = False

    @property
    def divergence(self) -> list[str]:
        """The first wrong number in the order of computation, or the wrong shape on sizes that differ."""
        if self.of_shapes:
            return telling_shape(self.failing)
        return first_divergence(self.failing[0], self.failing) if self.failing else []


def diagnose(counterexample: Counterexample, failing_too: Sequence[Case] = ()) -> Told:
    """Look for the bug behind a counterexample; what is said of all failing cases is so of those `failing_too`."""
    if name := counterexample.disagreement.name:
        # It has the bug's name: seeing it is knowing it.
        return Told([NAMED + name], certain=True)
    evidence = Evidence(counterexample)
    found = solve(evidence)
    failing = [look for look in evidence.looks if not look.is_right] if evidence.failing else []
    of_shapes = counterexample.disagreement.kind.endswith(" shape")
    unexplained = bool(evidence.failing) and not found.names
    return Told(list(_lines(evidence, found, failing_too)), found.certain, failing, of_shapes, unexplained)


def _lines(evidence: Evidence, found: Diagnosis, failing_too: Sequence[Case]) -> Iterator[str]:
    if found.certain:
        yield NAMED + _clause(found.names[0])
        if found.shows:
            yield f"  {found.shows}"
            return
        yield (
            f"  explains all that it returned in {counted(found.cases, 'case')}, {found.wrong} of them wrong; "
            f"none of the other {found.models - 1} bug models does"
        )
        return
    if found.names:
        yield MAYBE
        yield from (f"  {_clause(name)}" for name in found.names[:_LISTED])
        if len(found.names) > _LISTED:
            yield f"  or one of {counted(len(found.names) - _LISTED, 'other')}"
        return
    if not evidence.failing:
        yield "no bug model applies: called once, and in the right way, the network is right on this case"
        return
    yield f"none of the {found.models} bug models explains it"
    yield f"  {found.wrong} of {counted(found.cases, 'case')} {'is' if found.wrong == 1 else 'are'} wrong"
    yield from (f"    {phrase}" for phrase in known(evidence, failing_too))


def _clause(name: str) -> str:
    """Return a clause that ends a sentence."""
    return name.removesuffix(",")
