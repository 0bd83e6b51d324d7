"""What is said of a counterexample, as plain data: made where it was found, told where the run ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from strategies.plain import to_plain
from tests.judge.counterexample import Counterexample, others
from tests.judge.diagnosis import diagnose
from tests.judge.matters import what_matters
from tests.judge.pictures import pictures_of
from tests.judge.source import written_at
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

    @classmethod
    def of(
        cls, counterexample: Counterexample, commands: Mapping[str, str], archived: str = "", script: str = ""
    ) -> Finding:
        """All that can be said of a counterexample."""
        implementation, case = counterexample.implementation, counterexample.case
        told = diagnose(counterexample)
        source, line = written_at(implementation)
        return cls(
            implementation.name,
            implementation.library,
            implementation.version or "",
            counterexample.property.name,
            counterexample.property.says,
            case.descriptor,
            pasteable(case),
            to_plain(case),
            what_differs(counterexample.disagreement),
            counterexample.disagreement.kind,
            counterexample.found.descriptor,
            counterexample.calls,
            counterexample.reduced_fully,
            diagnosis=told.diagnosis,
            certain=told.certain,
            divergence=told.divergence,
            matters=what_matters(counterexample),
            others=others(counterexample),
            commands=dict(commands),
            script=script,
            # What it does to its process is in no numbers.
            pictures=[] if told.named else [asdict(picture) for picture in pictures_of(counterexample)],
            archived=archived,
            source=source,
            line=line,
        )

    @property
    def gist(self) -> tuple[str, ...]:
        """What is the same where another shard or property finds the same counterexample."""
        return self.implementation, *self.differs, self.case
