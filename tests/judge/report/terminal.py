"""A finding as a user reads it in the terminal: what is wrong, then the case, how it differs, and what to do next.

It fills a screen at most. What does not fit is cut, with a word of where the whole is.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.words import counted

#: The most lines that a finding takes, as the terminal breaks them.
SCREEN = 40
#: Text is neither broken earlier nor later than here, however wide the terminal is.
_NARROWEST, _WIDEST = 80, 120
#: Lines that every part may have, as long as there is room for all of them.
_LEAST = 4
#: More characters of what somebody else wrote, say of an error, are not shown.
_LONGEST = 480
#: How a line looks where the terminal has colours; by its role.
_STYLES: dict[str, dict[str, bool]] = {
    "headline": {"bold": True, "red": True},
    "diagnosis": {"bold": True},
    "heading": {"bold": True, "cyan": True},
    "expected": {"green": True},
    "got": {"red": True},
    "quiet": {"light": True},
    "": {},
}


class Line(NamedTuple):
    """A line of text, and its role."""

    text: str
    role: str = ""


class Part(NamedTuple):
    """Some lines under a heading, which may be cut."""

    heading: Line | None
    lines: list[Line]
    #: Where the whole is.
    whole: str
    #: Columns by which what is broken hangs behind its first line.
    hang: int = 2
    #: Whether its lines are sentences of one paragraph.
    flows: bool = False
    #: Whether it is data, which may be cut anywhere; of what is not, lines are left out whole.
    data: bool = False

    def broken(self, width: int, kept: int | None = None) -> list[Line]:
        """Its first so many lines, or all, broken at spaces, so that a case can still be pasted."""
        lines = self.lines[:kept]
        if self.flows and lines:
            lines = [Line(" ".join([lines[0].text, *(line.text.strip() for line in lines[1:])]))]
        return [part for line in lines for part in self._broken(line, width)]

    def _broken(self, line: Line, width: int) -> Iterator[Line]:
        behind = " " * (len(line.text) - len(line.text.lstrip()) + self.hang)
        broken = textwrap.wrap(line.text, width, subsequent_indent=behind, break_on_hyphens=False)
        yield from (Line(part, line.role) for part in broken or [""])


class Crash(NamedTuple):
    """What pytest's summary and its junitxml say of a failure."""

    path: str
    lineno: int
    message: str


class Told:
    """A finding in the place of a traceback, in colour where the terminal has it."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        #: Other items in which the same counterexample came out.
        self.again: list[str] = []
        #: The files that were archived of it: another property has its own.
        self.archived = [finding.archived] if finding.archived else []
        #: What the same item tells first.
        self.before: Told | None = None
        self.reprcrash = Crash(finding.source, finding.line, finding.headline)

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines(columns(_WIDEST)))

    def toterminal(self, writer: Any) -> None:
        """Print it for pytest."""
        for line in self.lines(writer.fullwidth):
            writer.line(line.text, **_STYLES[line.role])

    def lines(self, width: int) -> Iterator[Line]:
        """Yield the finding, and the other items that have it."""
        if self.before:
            yield from (*self.before.lines(width), Line(""))
        yield from lines(self.finding, width)
        if self.again:
            yield Line("")
            yield Line(f"the same counterexample: {_more(self.again)}", "quiet")
        for name in self.archived[1:]:
            yield Line(f"archived for another property: {name}", "quiet")


def columns(otherwise: int) -> int:
    """Return the width of the terminal, or what COLUMNS says; `otherwise` where there is neither."""
    return shutil.get_terminal_size((otherwise, 0)).columns


def seen_once(finding: Finding) -> str:
    """Return a line on a failure that could not be repeated."""
    made = counted(finding.tries[1], "more try", "more tries")
    return (
        f"seen once, and in none of {made}: {finding.implementation} failed {finding.property} on "
        f"{finding.descriptor}: {finding.headline}; it accuses nobody. To try it: {finding.commands['replay']}"
    )


def _more(nodeids: Sequence[str]) -> str:
    """So many items, of these properties."""
    counts = Counter(nodeid.partition("::test_")[2].partition("[")[0] for nodeid in nodeids)
    return f"{counted(len(nodeids), 'more item')} of {', '.join(sorted(counts))}"


def lines(finding: Finding, width: int) -> Iterator[Line]:
    """Yield the lines of a finding, as they fit on a screen of so many columns."""
    width = min(max(width, _NARROWEST), _WIDEST)
    if finding.of_look:
        yield from _at_first_sight(finding, width)
        return
    first, last = list(_headline(finding, width)), list(_footer(finding, width))
    parts = [part for part in _parts(finding) if part.lines]
    room = SCREEN - sum(_height(line, width) for line in [*first, *last])
    yield from first
    for part, most in zip(parts, _shares(parts, room, width), strict=True):
        yield Line("")
        yield from [part.heading] if part.heading else ()
        yield from _cut(part, most, width)
    yield from last


def _at_first_sight(finding: Finding, width: int) -> Iterator[Line]:
    """Yield what a first look shows: the sentence, what goes with it, and what to do, without headings."""
    version = f"{finding.library} {finding.version}".strip()
    first, *others = finding.differs
    told = Part(None, [Line(f"{finding.implementation} ({version}): {first}", "headline"), *map(Line, others)], "")
    yield from told.broken(width)
    yield from (Line(f"  {what}: {command}") for what, command in finding.commands.items())


def _headline(finding: Finding, width: int) -> Iterator[Line]:
    version = f"{finding.library} {finding.version}".strip()
    text = f"{finding.implementation} ({version}) fails {finding.property}: {finding.says}"
    yield from (Line(text, "headline") for text in textwrap.wrap(text, width, subsequent_indent="  "))


def _parts(finding: Finding) -> Iterator[Part]:
    """Yield the parts in the order in which they are read."""
    diagnosis = [Line(f"  {_within_reason(text)}", "diagnosis") for text in finding.diagnosis]
    yield Part(None, diagnosis, "the HTML report has the rest")
    of_shapes = finding.kind.endswith(" shape")
    if of_shapes or not (finding.diagnosis and finding.divergence):
        yield Part(None, [_differing(text) for text in finding.differs], "the rest is of the same kind")
    case = [Line(f"  {text}") for text in finding.case.splitlines()]
    case.append(Line(f"  ({_reduced(finding)})", "quiet"))
    whole = "--archive and --html keep the whole case"
    called = "minimal case" if finding.calls or finding.reduced_fully else "case"
    if finding.by_chance:
        failed, tries = finding.tries
        called = f"a case on which it fails by chance, in {failed} of {counted(tries, 'try', 'tries')}"
    yield Part(Line(f"{called}: {finding.descriptor}", "heading"), case, whole, hang=7, data=True)
    made = [Line(f"  {text}") for text in finding.made]
    yield Part(Line("the calls made, in order", "heading"), made, "the HTML report has the rest", hang=5)
    matters = [Line(f"  {sentence}") for sentence in sentences(finding.matters)]
    yield Part(Line("what matters", "heading"), matters, "the HTML report has the rest", hang=0, flows=True)
    divergence = [_differing(text) for text in finding.divergence]
    heading = "on sizes that differ" if of_shapes else "first divergence"
    yield Part(Line(heading, "heading"), divergence, "the HTML report has the rest")


def _reduced(finding: Finding) -> str:
    if not (finding.calls or finding.reduced_fully):
        return "as it was found: it was not reduced"
    unless = "" if finding.reduced_fully else ", the limit: it may not be minimal"
    return f"reduced from {finding.found} in {counted(finding.calls, 'call')}{unless}"


def _differing(text: str) -> Line:
    word = text.strip().partition(" ")[0]
    return Line(f"  {_within_reason(text)}", word if word in ("expected", "got") else "")


def _footer(finding: Finding, width: int) -> Iterator[Line]:
    """Yield the other implementations and the commands, unwrapped, as commands are pasted."""
    if any(finding.others.values()):
        yield Line("")
        yield Line("on this same case", "heading")
    for verdict, names in finding.others.items():
        if names:
            told = str(len(names)) if verdict == "not installed" else _folded(names, width - len(verdict) - 4)
            yield Line(f"  {verdict}: {told}")
    yield Line("")
    yield Line("what next", "heading")
    longest = max(map(len, finding.commands), default=0)
    yield from (Line(f"  {what.ljust(longest)}: {command}") for what, command in finding.commands.items())


def _folded(names: Sequence[str], width: int) -> str:
    """As many names as fit in a line, and how many are left."""
    for shown in range(len(names), 0, -1):
        left = f" and {len(names) - shown} more" if shown < len(names) else ""
        if len(told := ", ".join(names[:shown]) + left) <= width:
            return told
    return str(len(names))


def _height(line: Line, width: int) -> int:
    """Return the number of lines that it takes on the terminal."""
    return max(1, -(-len(line.text) // width))


def _within_reason(text: str) -> str:
    """Return a line that quotes foreign text, cut off where it is too long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def sentences(text: str) -> list[str]:
    """Return a paragraph's sentences."""
    return re.split(r"(?<=\.) (?=[A-Z])", text) if text else []


def _shares(parts: Sequence[Part], room: int, width: int) -> Iterator[int]:
    """Yield the number of lines of each part: the first ones get what they ask for, but leave the others some."""
    heights = [len(part.broken(width)) for part in parts]
    # A first line, and one that says how many are left out.
    floors = [
        min(height, 2 if part.data else len(part.broken(width, 1)) + 1)
        for part, height in zip(parts, heights, strict=True)
    ]
    least = [max(floor, min(height, _LEAST)) for floor, height in zip(floors, heights, strict=True)]
    room -= sum(1 + (part.heading is not None) for part in parts)
    for place in reversed(range(len(parts))):
        least[place] -= min(max(0, sum(least) - room), least[place] - floors[place])
    for place, height in enumerate(heights):
        share = min(height, max(least[place], room - sum(least[place + 1 :])))
        yield share
        room -= share


def _cut(part: Part, most: int, width: int) -> Iterator[Line]:
    """So many lines of a part: the first ones, a word of what is left out, and the last, which often sums up."""
    whole = part.broken(width)
    if len(whole) <= most:
        yield from whole
        return
    last = [] if part.flows else whole[-1:] if part.data else part._replace(lines=part.lines[-1:]).broken(width)
    kept, left = whole[: most - 2], counted(len(whole) - most + 1, "more line")
    if not part.data:
        counts = range(len(part.lines) - 1, 0, -1)
        count = next((n for n in counts if len(part.broken(width, n)) + 1 + len(last) <= most), 1)
        last = last if count < len(part.lines) - 1 and len(part.broken(width, count)) + 1 + len(last) <= most else []
        kept, of = part.broken(width, count), "sentence" if part.flows else "line"
        left = counted(len(part.lines) - count - bool(last), f"more {of}")
    yield from kept
    if not left.startswith("0"):
        yield Line(f"  ... {left}; {part.whole}", "quiet")
    yield from last
