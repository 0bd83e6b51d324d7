"""What is said of a counterexample: the bug's name, candidates, or what is known; and the first wrong number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.judge.counterexample import Counterexample
from tests.judge.diagnosis.divergence import first_divergence
from tests.judge.diagnosis.evidence import Evidence, Look
from tests.judge.diagnosis.pattern import known
from tests.judge.diagnosis.solving import Diagnosis, solve

#: No more candidates are listed.
_LISTED = 4


@dataclass(frozen=True)
class Told:
    """A diagnosis in lines."""

    diagnosis: list[str]
    certain: bool = False
    #: The first of the wrong results that it rests on.
    wrong: Look | None = None

    @property
    def divergence(self) -> list[str]:
        """The first wrong number in the order of computation."""
        return first_divergence(self.wrong) if self.wrong else []


def diagnose(counterexample: Counterexample) -> Told:
    """Look for the bug behind a counterexample."""
    if name := counterexample.disagreement.name:
        # It has the bug's name: seeing it is knowing it.
        return Told([f"the bug: {name}"], certain=True)
    evidence = Evidence(counterexample)
    found = solve(evidence)
    return Told(list(_lines(evidence, found)), found.certain, next(iter(evidence.failing), None))


def _lines(evidence: Evidence, found: Diagnosis) -> Iterator[str]:
    if found.certain:
        yield f"the bug: {_clause(found.names[0])}"
        yield (
            f"  explains all that it returned in {found.cases} cases, {found.wrong} of them wrong; "
            f"none of the other {found.models - 1} bug models does"
        )
        return
    if found.names:
        yield "the bug may be, as far as can be told,"
        yield from (f"  {_clause(name)}" for name in found.names[:_LISTED])
        if len(found.names) > _LISTED:
            yield f"  or one of {len(found.names) - _LISTED} others"
        return
    if not evidence.failing:
        yield "no bug model applies: called once, and in the right way, the network is right on this case"
        return
    phrases = list(known(evidence.looks, again=evidence.again))
    yield f"none of the {found.models} bug models explains it"
    yield f"  {found.wrong} of {found.cases} cases are wrong{': ' if phrases else ''}{'; '.join(phrases)}"


def _clause(name: str) -> str:
    """A clause that ends a sentence."""
    return name.removesuffix(",")
