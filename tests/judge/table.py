"""The table at the end of a run: implementations against properties."""

from __future__ import annotations

from collections.abc import Iterator

from tests.judge.report import Result, Results

_LEGEND = (
    "cases that agreed (+1k: and one archived case of a known defect that is still there), or: - unsupported, "
    "x not installed, DISAGREES, ERROR (not a verdict: see above)"
)
_MARKS = {"unsupported": "-", "not installed": "x", "disagrees": "DISAGREES", "error": "ERROR"}


def lines(results: Results) -> Iterator[str]:
    """A row an implementation, a column a property, and how close to the bounds it came."""
    names = sorted({name for name, _ in results.found})
    properties = list(dict.fromkeys(judged for _, judged in sorted(results.found, key=lambda place: place[1])))
    head = ["", *properties, "worst/bound", "vacuous"]
    rows = [
        [name, *(_cell(results.found.get((name, judged))) for judged in properties), *_margin(results, name)]
        for name in names
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        first, *rest = (
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *rest])
    yield _LEGEND
    yield _totals(results)


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    known = f"+{result.known}k" if result.known else ""
    return _MARKS.get(result.status, f"{result.cases - result.known}{known}")


def _margin(results: Results, name: str) -> list[str]:
    own = [result for (found, _), result in results.found.items() if found == name]
    elements = sum(result.elements for result in own)
    if not elements:
        return ["", ""]
    worst = max(result.worst_error_over_bound for result in own)
    return [f"{worst:.2f}", f"{sum(result.vacuous for result in own) / elements:.1%}"]


def _totals(results: Results) -> str:
    found = results.found.values()
    disagreeing = sorted({result.implementation for result in found if result.status == "disagrees"})
    verdict = f"disagreeing: {', '.join(disagreeing)}" if disagreeing else "no disagreement"
    return f"{sum(result.cases for result in found)} cases judged in {sum(result.cpu_seconds for result in found):.0f} s of CPU; {verdict}"
