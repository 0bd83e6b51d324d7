"""The table at the end of a run: implementations against properties."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.demands.property import in_groups
from rnn_parity.tests.judge.report.results import Features, Result, Results, added, subnormals, worst_error
from rnn_parity.tests.judge.trial.features import FEATURES

_LEGEND = (
    "cases that agreed (~: its CPU seconds ended there, see --seconds; +1k: and one archived case of a known defect "
    "that is still there), or: too few: 3 (no verdict: fewer cases were judged than 20, or than were asked for), "
    "- unsupported, x not installed, SEEN ONCE (it did not happen again: see below), DISAGREES, FOLLOWS (it fails as a "
    "plainer call of the network fails, which is told above), "
    "ERROR (not a verdict: see above)"
)
_MARGINS = ("worst/bound", "vacuous", "subnormals")
_MARKS = {"unsupported": "-", "not installed": "x"} | {
    status: status.upper() for status in ("seen once", "follows", "disagrees", "error")
}


def lines(results: Results, width: int | None = None) -> Iterator[str]:
    """Yield a row an implementation, a column a property; how near it came to its bounds; then a column a feature.

    Where a `width` is given, columns that do not fit beside each other are put below.
    """
    names = sorted({name for name, _ in results.found})
    properties = in_groups({judged for _, judged in results.found})
    columns = [[judged, *(_cell(results.found.get((name, judged))) for name in names)] for judged in properties]
    margins = [_margin(results, name) for name in names]
    columns += [[head, *cells] for head, *cells in zip(_MARGINS, *margins, strict=True)]
    columns += [
        [name, *cells] for name, *cells in zip(FEATURES, *(_features(results, name) for name in names), strict=True)
    ]
    for block in _blocks(columns, width - max(map(len, names)) if width else None):
        yield from _aligned(["", *names], block)
    yield from textwrap.wrap(_LEGEND, width) if width else [_LEGEND]


def _blocks(columns: list[list[str]], width: int | None) -> Iterator[list[list[str]]]:
    block: list[list[str]] = []
    for column in columns:
        if block and width is not None and sum(_width(kept) for kept in [*block, column]) > width:
            yield block
            block = []
        block.append(column)
    yield block


def _width(column: list[str]) -> int:
    return 2 + max(map(len, column))


def _aligned(first: list[str], columns: list[list[str]]) -> Iterator[str]:
    for head, *cells in zip(first, *columns, strict=True):
        rest = [cell.rjust(_width(column)) for cell, column in zip(cells, columns, strict=True)]
        yield "".join([head.ljust(max(map(len, first))), *rest])


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    if result.status != "agrees":
        return _MARKS[result.status] if result.status in _MARKS else str(result.verdict)
    known = f"+{result.known}k" if result.known else ""
    return f"{result.cases - result.known}{'~' if result.cut else ''}{known}"


def _margin(results: Results, name: str) -> list[str]:
    own = results.of(name)
    if (worst := worst_error(own)) is None:
        return [""] * len(_MARGINS)
    elements = sum(result.elements for result in own)
    vacuous, kept, flushed = (sum(getattr(result, count) for result in own) for count in ("vacuous", "kept", "flushed"))
    return [f"{worst:.2f}", f"{vacuous / elements:.1%}", subnormals(kept, flushed)]


def _features(results: Results, name: str) -> list[str]:
    """Return how many cases with each feature agreed; of how many, where some did not."""
    counts: Features = {}
    for (found, _), result in results.found.items():
        counts = added(counts, result.features) if found == name else counts
    shown = (counts.get(feature, (0, 0, 0.0)) for feature in FEATURES)
    return [f"{agreed}/{agreed + not_so}" if not_so else str(agreed) for agreed, not_so, _ in shown]


def totals(results: Results) -> str:
    """Return the number of cases judged, and the verdict."""
    found = results.found.values()
    disagreeing = sorted({result.implementation for result in found if result.status in ("disagrees", "follows")})
    once = sum(result.status == "seen once" for result in found)
    also = f"; seen once: {once}" if once else ""
    verdict = f"disagreeing: {', '.join(disagreeing)}" if disagreeing else "no disagreement"
    cases, seconds = sum(result.cases for result in found), sum(result.cpu_seconds for result in found)
    few = len(results.too_few)
    lacking = f"; too few cases for {counted(few, 'verdict')}" if few else ""
    return f"{counted(cases, 'case')} judged in {seconds:.0f} s of CPU; {verdict}{also}{lacking}"
