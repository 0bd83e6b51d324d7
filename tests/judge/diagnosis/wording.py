"""What is said of a counterexample: the bug's name, candidates, or what is known; and the first wrong number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.judge.counterexample import Counterexample
from tests.judge.diagnosis.divergence import first_divergence
from tests.judge.diagnosis.evidence import Evidence
from tests.judge.diagnosis.pattern import known
from tests.judge.diagnosis.solving import Diagnosis, solve

#: No more candidates are listed.
_LISTED = 4


@dataclass(frozen=True)
class Told:
    """A diagnosis in lines."""

    diagnosis: list[str]
    certain: bool
    #: The first wrong number in the order of computation.
    divergence: list[str]
    #: Whether the disagreement has the bug's name: seeing it is knowing it.
    named: bool = False


def diagnose(counterexample: Counterexample) -> Told:
    """Look for the bug behind a counterexample.

    A fault of the diagnosis takes nothing from the counterexample: it is told in the diagnosis's place.
    """
    try:
        return _diagnosed(counterexample)
    except Exception as error:
        return Told([f"no diagnosis, by a fault of rnn-parity's own: {type(error).__name__}: {error}"], False, [])


def _diagnosed(counterexample: Counterexample) -> Told:
    if name := counterexample.disagreement.name:
        return Told([f"the bug: {name}"], True, [], named=True)
    evidence = Evidence(counterexample)
    found = solve(evidence)
    divergence = first_divergence(evidence.failing[0]) if evidence.failing else []
    return Told(list(_lines(evidence, found)), found.certain, divergence)


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
