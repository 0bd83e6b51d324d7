"""What a check comes to, for whoever called it: a truth value, findings, a table, text, and a picture in a notebook."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from rnn_parity import Capabilities
from rnn_parity.strategies import Case
from rnn_parity.strategies.plain import from_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.check.judging import Judging
from rnn_parity.tests.judge.demands.property import in_groups
from rnn_parity.tests.judge.look.claims import in_source
from rnn_parity.tests.judge.report import groups, html, sentences
from rnn_parity.tests.judge.report.terminal import Told, columns, seen_once

#: Kinds of verdicts on what is wrong, or on what the suite could not judge for an error of its own.
_WRONG = ("error", "manners", "named", "unnamed", "raises")
#: Columns of text, at least and at most; so many where no terminal says how many it has.
_NARROWEST, _WIDEST = 80, 100


class Row(NamedTuple):
    """How an implementation does on one property; a list of these is a table for pandas."""

    property: str
    group: str
    status: str
    cases: int
    #: NaN where no numbers were compared.
    worst_error_over_bound: float


@dataclass(frozen=True, repr=False)
class Found:
    """One thing that is wrong, on the smallest case that shows it."""

    #: The bug's name; empty where none is certain.
    name: str
    property: str
    case: Case
    #: Of the first thing that differs, a number, a shape or a dtype; None where the network raises, say.
    expected: Any
    got: Any
    #: How far apart these may be, where they are numbers.
    bound: float | None
    #: Properties that fail as this one does, or by the same bug.
    follows: tuple[str, ...]
    #: What is told of it, in full.
    text: str

    @classmethod
    def of(cls, finding: Finding, follows: Sequence[str]) -> Found:
        """Return a finding as Python takes it up."""
        details = {name: _value(value) for name, value in finding.details.items()}
        case = from_plain(finding.plain)
        given = details.get("expected"), details.get("got"), details.get("allowed")
        return cls(finding.name, finding.property, case, *given, tuple(follows), str(Told(finding)))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.property}: {self.name or self.text.splitlines()[2].strip()}>"


def _broken(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False)


def _value(plain: Any) -> Any:
    if isinstance(plain, str):  # A number that JSON has no name for, or a dtype.
        return float(plain) if plain in ("inf", "-inf", "nan") else plain
    return tuple(plain) if isinstance(plain, list) else plain


class Verdict:
    """What a check comes to: true where the implementation is right; `print` tells all of it."""

    def __init__(self, judging: Judging, left_out: Mapping[str, str]) -> None:
        (self._implementation,) = judging.run.implementations
        self._judging = judging
        #: What was not judged, and why.
        self.left_out = {**left_out, **judging.exempt}
        self._narrowed = bool(left_out)
        self._told = sentences.verdicts(judging.results, judging.run.implementations)[self.implementation]
        if self._told.kind == "nothing":  # Why is told beside.
            nothing = f"{self.implementation} was not judged: nothing of what was asked could be."
            self._told = self._told._replace(sentence=nothing)
        #: One of `rnn_parity.tests.judge.report.sentences.KINDS`, and the verdict in a sentence.
        self.kind, self.sentence = self._told

    @property
    def implementation(self) -> str:
        """The name of what was judged."""
        return self._implementation.name

    @property
    def seed(self) -> int:
        """What repeats it: check(..., seed=seed)."""
        return self._judging.run.seed

    @property
    def capabilities(self) -> Capabilities:
        """What it was judged within."""
        return self._implementation.capabilities

    def __bool__(self) -> bool:
        return self.kind == "right"

    @cached_property
    def findings(self) -> list[Found]:
        """What is wrong, each thing once."""
        follows = self._judging.following
        return [Found.of(finding, follows[finding.gist]) for finding in self._judging.findings]

    @cached_property
    def table(self) -> list[Row]:
        """A row for each property."""
        own = {result.property: result for result in self._judging.results.of(self.implementation)}
        return [
            Row(
                name,
                own[name].group,
                own[name].verdict,
                own[name].cases,
                own[name].worst_error_over_bound if own[name].elements else math.nan,
            )
            for name in in_groups(own)
        ]

    def raise_if_wrong(self) -> None:
        """Raise where something is wrong.

        Raises:
            AssertionError: it is; the text is that of the verdict.
        """
        __tracebackhide__ = True
        if self.kind in _WRONG:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return f"<{self.sentence}>"

    def _lines(self) -> Iterator[str]:
        width = min(max(columns(_WIDEST), _NARROWEST), _WIDEST)
        for finding in self._judging.findings:
            yield from (*(line.text for line in Told(finding).lines(width)), "")
        yield from groups.lines(self._judging.results, [self._implementation], width)
        yield from map(seen_once, self._judging.results.seen_once)
        for line in self._without():
            yield from _broken(line, width)
        yield from self._judging.teller.told({})
        yield from _broken(self.sentence, width)

    def _remarks(self) -> Iterator[str]:
        """Say what else is to be known: what accuses nobody, what was not judged, and what went wrong in the suite."""
        yield from map(seen_once, self._judging.results.seen_once)
        yield from self._without()
        yield from self._judging.teller.told({})

    def _without(self) -> Iterator[str]:
        return groups.without(self.left_out, in_source(self.capabilities) if self._narrowed else "")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print it for IPython, where that shows no HTML."""
        printer.text(str(self))
        if absent := html.missing():
            install = "python -m pip install 'rnn-parity[report]'"
            printer.text(f"\n(Jupyter shows it with pictures where {' and '.join(absent)} are installed: {install})")

    def _repr_html_(self) -> str | None:
        """Show it in a notebook; None where what the page is made with is not installed, and the text is shown."""
        if html.missing():
            return None
        from rnn_parity.tests.judge.report.html import fragment

        follows = [self._judging.following[finding.gist] for finding in self._judging.findings]
        return fragment.rendered(self._told, self.implementation, self._judging.results, self._remarks(), follows)
