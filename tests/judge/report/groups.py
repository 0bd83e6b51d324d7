"""The run at a glance: implementations against groups of properties, and the exceptions in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from rnn_parity import Implementation
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.base.words import counted, listed
from rnn_parity.tests.judge.demands.property import group_of, in_groups
from rnn_parity.tests.judge.report.results import Result, Results

#: What each status is in a cell; of several in a group the last counts.
MARKS = {
    "not installed": "x",
    "unsupported": "-",
    "agrees": "ok",
    "seen once": "??",
    "too few": "??",
    "error": "??",
    "follows": "(NO)",
    "disagrees": "NO",
}
_LEGEND = {
    "ok": "agrees on so many cases",
    "NO": "disagrees",
    "(NO)": "fails as a plainer call fails, which is told",
    "??": "no verdict",
    "-": "not offered",
    "x": "not installed",
}
#: In words, property by property.
_EXCEPTIONS = {
    "disagrees": "disagrees",
    "follows": "follows from that",
    "error": "no verdict, but an error",
    "too few": "too few cases",
    "seen once": "seen once, accuses nobody",
}
#: No more names stand in a line.
_MOST = 8


class Standing(NamedTuple):
    """How an implementation does in a group: one of `MARKS`, and how many cases were judged."""

    mark: str
    cases: int

    def __str__(self) -> str:
        return f"{self.mark} {self.cases}" if self.cases and self.mark != MARKS["follows"] else self.mark


def standing(name: str, group: str, results: Results) -> Standing:
    """Return how one implementation does in one group; what the archive found counts where its property stands."""
    own = [result for result in results.of(name) if result.group == group]
    statuses = [result.status for result in own]
    statuses += [
        "disagrees"
        for finding in results.findings
        if finding.implementation == name and group_of(finding.property) == group
    ]
    worst = max(statuses, key=[*MARKS].index, default=None)
    return Standing(MARKS[worst] if worst else "", sum(result.cases for result in own))


def legend(names: Iterable[str], results: Results) -> str:
    """Say what the marks mean that stand in the cells of these implementations."""
    shown = {standing(name, group, results).mark for name in names for group in GROUPS}
    return "; ".join(f"{mark}: {means}" for mark, means in _LEGEND.items() if mark in shown)


def lines(results: Results, implementations: Iterable[Implementation], width: int) -> Iterator[str]:
    """Yield a row an implementation, a column a group (of one implementation, a row a group); then words."""
    judged = [each for each in implementations if results.of(each.name)]
    there = [each.name for each in judged if any(found.status != "not installed" for found in results.of(each.name))]
    rows = [[name, *(str(standing(name, group, results)) for group in GROUPS)] for name in sorted(there)]
    if len(rows) == 1:
        titles = ["", *(group.title for group in GROUPS.values())]
        rows = [list(pair) for pair in zip(titles, rows[0], strict=True)][1:]
    elif rows:
        rows.insert(0, ["", *GROUPS])
    yield from _aligned([row for row in rows if any(row[1:])])
    for line in [legend(there, results), *_in_words(results, judged)]:
        yield from textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _in_words(results: Results, judged: Sequence[Implementation]) -> Iterator[str]:
    """Say what a cell does not: which properties, whose budget ended, which known defects, who is not there."""
    hopeless = {found.implementation for found in results.findings if found.hopeless}
    for status, says in _EXCEPTIONS.items():
        for each in judged:
            if status == "follows" and each.name in hopeless:
                continue  # All that there is.
            if found := [result for result in results.of(each.name) if result.status == status]:
                yield f"{each.name}: {says}: {', '.join(_named(found))}"
    if cut := sorted({result.implementation for result in results.found.values() if result.cut}):
        yield f"the CPU seconds of some properties ended before their cases (--seconds): {listed(cut, most=_MOST)}"
    if expected := sorted({line for result in results.found.values() for line in result.expected}):
        yield f"failing as expected: {listed(expected, most=_MOST)}"
    for result in results.found.values():
        yield from (f"{result.implementation}: {line}" for line in without(result.left_out, result.within))
    known = {each.name: sum(result.known for result in results.of(each.name)) for each in judged}
    if having := [each for each in judged if known[each.name]]:
        libraries = counted(len({each.library for each in having}), "library", "libraries")
        yield f"{counted(sum(known.values()), 'known defect')} of {libraries} still there: impls/CONFORMANCE.md"
    if absent := sorted(each.name for each in judged if not each.installed):
        yield f"not installed, see --list-impls: {listed(absent, most=_MOST)}"


def without(left_out: Mapping[str, str], within: str) -> Iterator[str]:
    """Say what was not judged, by reason, and within what the rest was, where that is narrower."""
    for reason, names in groupby(sorted(left_out, key=left_out.__getitem__), left_out.__getitem__):
        yield f"not judged: {', '.join(names)} ({reason})"
    if within:
        yield f"judged within {within}"


def _named(found: Sequence[Result]) -> Iterator[str]:
    by_name = {result.property: result for result in found}
    for name in in_groups(by_name):
        yield f"{name} ({by_name[name].cases})" if by_name[name].status == "too few" else name
