"""What is said of a counterexample, as plain data: made where it was found, told where the run ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from strategies import Case
from strategies.plain import to_plain
from tests.judge.calls import calls_made
from tests.judge.counterexample import Counterexample, Tries, others
from tests.judge.diagnosis import Told, diagnose
from tests.judge.matters import Variations
from tests.judge.pictures import pictures_of
from tests.judge.source import written_at
from tests.judge.telling import Teller
from tests.judge.wording import pasteable, what_differs

#: The attribute of a pytest report under which a finding travels from a worker.
KEY = "rnn_parity_finding"


@dataclass(frozen=True)
class Finding:
    """Everything that a user is told of one counterexample; every field survives a trip through JSON."""

    implementation: str
    library: str
    version: str
    property: str
    says: str
    #: The minimal case: in a line, as it can be pasted, and as the archive keeps it.
    descriptor: str
    case: str
    plain: dict[str, Any]
    #: What differs, in lines: the first wrong element, expected, got, allowed, how many are wrong.
    differs: list[str]
    kind: str
    #: The calls that were made, in order, where there were several; lines, the one that failed last and marked as such.
    made: list[str] = field(default_factory=list, kw_only=True)
    #: The case that was found first, how many calls reduced it, and whether a limit ended that.
    found: str
    calls: int
    reduced_fully: bool
    #: The bug's name, or candidates, or that none explains it and what is known; lines.
    diagnosis: list[str] = field(default_factory=list)
    #: Whether exactly one bug model explains everything.
    certain: bool = False
    #: The first wrong number with the sum that leads to it; lines.
    divergence: list[str] = field(default_factory=list)
    #: Which parts of the case matter, in a sentence.
    matters: str = ""
    #: How the others do on the same case: a verdict, and the names it goes for.
    others: dict[str, list[str]] = field(default_factory=dict)
    #: What to do next: what, and its command.
    commands: dict[str, str] = field(default_factory=dict)
    #: A script that shows it without the suite; empty where none can be written.
    script: str = ""
    pictures: list[dict[str, Any]] = field(default_factory=list)
    #: The file in the archive, where one was written.
    archived: str = ""
    #: Where the implementation is written, from the root of the repository; empty where no file of it is known.
    source: str = ""
    line: int = 0
    #: How often it failed when it was tried again, and of how many tries.
    tries: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls,
        counterexample: Counterexample,
        commands: Mapping[str, str],
        archived: str = "",
        script: str = "",
        teller: Teller | None = None,
        only: Collection[str] = (),
    ) -> Finding:
        """All that can be said of a counterexample, or `only` some parts; what raises is left out for a `teller`."""
        implementation, case = counterexample.implementation, counterexample.case
        found = cls(
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
            tries=tuple(counterexample.tries),
        )
        told = _Looked(counterexample)
        for what in only or PARTS:
            make = PARTS[what]
            with teller.part(what) if teller else nullcontext():
                found = replace(found, **make(told))
        return found

    @property
    def seen_once(self) -> bool:
        """Whether it could not be repeated."""
        return Tries(*self.tries).seen_once

    @property
    def by_chance(self) -> bool:
        """Whether it fails, and not always."""
        return Tries(*self.tries).by_chance

    @property
    def gist(self) -> tuple[str, ...]:
        """What is the same where another shard or property finds the same counterexample."""
        return self.implementation, *self.differs, self.case


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
    return {"diagnosis": looked.diagnosis.diagnosis, "certain": looked.diagnosis.certain}


def _pictures(looked: _Looked) -> dict[str, Any]:
    # What it does to its process is in no numbers.
    named = looked.counterexample.disagreement.name
    return {"pictures": [] if named else [asdict(picture) for picture in pictures_of(looked.counterexample)]}


#: What is made of a counterexample, in this order: some fields of a finding each.
PARTS: dict[str, Callable[[_Looked], dict[str, Any]]] = {
    "the case and where the implementation is written": _as_written,
    "the calls made": lambda looked: {"made": calls_made(looked.counterexample)},
    "what differs": lambda looked: {"differs": what_differs(looked.counterexample.disagreement)},
    "what matters": _matters,
    "the diagnosis": _diagnosis,
    "the first divergence": lambda looked: {"divergence": looked.diagnosis.divergence},
    "the others on the same case": lambda looked: {"others": others(looked.counterexample)},
    "the pictures": _pictures,
}
#: Those of what could not be repeated.
SEEN_ONCE = ("the case and where the implementation is written", "what differs")
