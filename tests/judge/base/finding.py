"""What is said of a counterexample, as plain data: made where it was found, told where the run ends."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: The kind of a finding that a first look makes of claims: all else is judged.
CLAIMS = "claims"
#: How a diagnosis begins, where the bug has a name, and where it has several that may be its own.
NAMED, MAYBE = "the bug: ", "the bug may be, as far as can be told,"


class Tries(NamedTuple):
    """How often a case failed when it was tried again, of so many tries."""

    failed: int
    made: int

    @property
    def seen_once(self) -> bool:
        """Whether it did not fail again."""
        return self.made > 0 == self.failed

    @property
    def by_chance(self) -> bool:
        """Whether it fails, and not always."""
        return 0 < self.failed < self.made


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
    #: Where an error was raised: file, line, function, source and whether it is a library's, the innermost call first.
    frames: list[dict[str, Any]] = field(default_factory=list)
    #: Whether it is what a first look shows: of no case by itself, and told in a few lines.
    of_look: bool = False
    #: How often it failed when it was tried again, and of how many tries.
    tries: tuple[int, int] = (0, 0)
    #: Of the first thing that differs, where that is a number, a shape or a dtype: expected, got, and what is allowed.
    details: dict[str, Any] = field(default_factory=dict)

    @builtins.property
    def name(self) -> str:
        """The bug's name; empty where none is certain."""
        first = self.diagnosis[0].strip() if self.diagnosis else ""
        return first.removeprefix(NAMED) if first.startswith(NAMED) else ""

    @builtins.property
    def first(self) -> str:
        """The first thing that differs, with what was expected and what came where that is a number."""
        first, *others = [line.strip() for line in self.differs] or [self.kind]
        said = dict(re.findall(r"^(expected|got) +(.*)$", "\n".join(others), re.MULTILINE))
        return f"{first} is {said['got']}, expected {said['expected']}" if len(said) == 2 else first.rstrip(".")

    @builtins.property
    def headline(self) -> str:
        """It in one line: the bug, where that has a name, or else what differs."""
        return self.diagnosis[0].strip() if self.name else self.first

    @builtins.property
    def candidates(self) -> list[str]:
        """What the bug may be, where that is not certain."""
        return [line.strip() for line in self.diagnosis[1:]] if self.diagnosis[:1] == [MAYBE] else []

    @builtins.property
    def hopeless(self) -> bool:
        """Whether nothing else of its implementation can be judged."""
        return self.of_look and self.kind != CLAIMS

    @builtins.property
    def seen_once(self) -> bool:
        """Whether it could not be repeated."""
        return Tries(*self.tries).seen_once

    @builtins.property
    def by_chance(self) -> bool:
        """Whether it fails, and not always."""
        return Tries(*self.tries).by_chance

    @builtins.property
    def gist(self) -> tuple[str, ...]:
        """What is the same where another shard or property finds the same counterexample."""
        return self.implementation, *self.differs, self.case
