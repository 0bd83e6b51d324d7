"""From a counterexample to all that can be said of it, part by part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Any

from rnn_parity.strategies import Case
from rnn_parity.strategies.plain import to_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.diagnosis import Told, diagnose
from rnn_parity.tests.judge.finding.calls import calls_made
from rnn_parity.tests.judge.finding.matters import Variations
from rnn_parity.tests.judge.finding.pictures import pictures_of
from rnn_parity.tests.judge.finding.source import written_at
from rnn_parity.tests.judge.finding.wording import pasteable, plain_details, what_differs
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, others

#: The attribute of a pytest report under which a finding travels from a worker.
KEY = "rnn_parity_finding"
#: And the one of a first look, beside it.
LOOK = "rnn_parity_look"


def explained(
    counterexample: Counterexample,
    commands: Mapping[str, str],
    archived: str = "",
    script: str = "",
    teller: Teller | None = None,
    only: Collection[str] = (),
) -> Finding:
    """All that can be said of a counterexample, or `only` some parts; what raises is left out for a `teller`."""
    implementation, case = counterexample.implementation, counterexample.case
    found = Finding(
        implementation.name,
        implementation.library,
        implementation.version or "",
        counterexample.property.name,
        counterexample.property.says,
        case.descriptor,
        "",
        to_plain(case),
        [counterexample.disagreement.text],
        counterexample.disagreement.kind,
        counterexample.found.descriptor,
        counterexample.calls,
        counterexample.reduced_fully,
        commands=dict(commands),
        archived=archived,
        script=script,
        frames=[frame._asdict() for frame in counterexample.disagreement.frames],
        tries=(counterexample.tries.failed, counterexample.tries.made),
        details=plain_details(counterexample.disagreement),
    )
    told = _Looked(counterexample)
    for what in only or PARTS:
        make = PARTS[what]
        with teller.part(what) if teller else nullcontext():
            found = replace(found, **make(told))
    return found


class _Looked:
    """A counterexample that is looked into, and its diagnosis once it is made."""

    def __init__(self, counterexample: Counterexample) -> None:
        self.counterexample = counterexample
        self.diagnosis = Told([])
        #: Cases like it that fail, too.
        self.failing: list[Case] = []


def _as_written(looked: _Looked) -> dict[str, Any]:
    source, line = written_at(looked.counterexample.implementation)
    return {"source": source, "line": line, "case": pasteable(looked.counterexample.case)}


def _matters(looked: _Looked) -> dict[str, Any]:
    if looked.counterexample.tries.by_chance:
        return {}  # It passes by chance, too: which part of a case matters cannot be told.
    varied = Variations(looked.counterexample)
    looked.failing = varied.failing
    return {"matters": varied.told}


def _diagnosis(looked: _Looked) -> dict[str, Any]:
    looked.diagnosis = diagnose(looked.counterexample, looked.failing)
    if looked.counterexample.disagreement.frames and looked.diagnosis.unexplained:
        return {}  # The error and its line say more.
    return {"diagnosis": looked.diagnosis.diagnosis, "certain": looked.diagnosis.certain}


def _pictures(looked: _Looked) -> dict[str, Any]:
    # What it does to its process is in no numbers.
    named = looked.counterexample.disagreement.name
    return {"pictures": [] if named else [asdict(picture) for picture in pictures_of(looked.counterexample)]}


#: What is told also of what can be neither reduced nor looked into.
WRITTEN = "the case and where the implementation is written"
#: What takes long: every other implementation is judged.
OTHERS = "the others on the same case"
#: What is made of a counterexample, in this order: some fields of a finding each.
PARTS: dict[str, Callable[[_Looked], dict[str, Any]]] = {
    WRITTEN: _as_written,
    "the calls made": lambda looked: {"made": calls_made(looked.counterexample)},
    "what differs": lambda looked: {"differs": what_differs(looked.counterexample.disagreement)},
    "what matters": _matters,
    "the diagnosis": _diagnosis,
    "the first divergence": lambda looked: {"divergence": looked.diagnosis.divergence},
    OTHERS: lambda looked: {"others": others(looked.counterexample)},
    "the pictures": _pictures,
}
#: Those of what could not be repeated.
SEEN_ONCE = (WRITTEN, "what differs")
