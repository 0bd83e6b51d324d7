"""The table of conformance: what every implementation does, as Markdown, made of the results of a run."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from rnn_parity import Implementation
from rnn_parity.contract import KnownDefect, Rounding
from rnn_parity.tests.judge.base.files import write_text
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.words import counted, listed
from rnn_parity.tests.judge.demands.property import in_groups, under_titles
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.report.results import Features, Result, Results, added
from rnn_parity.tests.judge.trial.features import FEATURES

HEAD = """# Conformance

Made by `--table`, section by section; never by hand. A table has a row an implementation; a cell is one of these:

- `✓ 300`: all of 300 cases agreed; `✓ 151~`: its CPU seconds ended after 151
- `? 3`: no verdict, as fewer cases were judged than 20, or than were asked for
- `3 known`: archived cases of known defects, listed below, that are still there
- `-`: not offered; `x`: not installed
- `none`: no case with it was judged, as none was drawn, or as known defects exclude it
- **✗ disagrees**; **✗ follows**: it fails as a plainer call of the network fails; **✗ 2 of 7**: 2 of 7 cases disagreed
- `seen once`: it failed once, and not again on the same case; **error**: no verdict, as the test ended with an error

Below the tables, each library's section says how near the worst case came to its proven bound (error / bound; up to 1
is within), which accuracy was declared for it, and what was found in it.
"""
#: How many columns of text a table may take on a page.
WIDTH = 120


@dataclass(frozen=True)
class Row:
    """What the tables and sections say of one implementation."""

    implementation: Implementation
    #: Cells by the name of a property, and by that of a feature.
    properties: dict[str, str]
    features: dict[str, str]
    #: The worst error / bound by dtype.
    worst: dict[str, float]


def write(path: Path, results: Results, run: Run) -> None:
    """Put the sections of this run's groups into a file, in the place of those that are there."""
    found = path.read_text(encoding="utf-8") if path.exists() else HEAD
    python = platform.python_version()
    made = f"{counted(run.cases, 'case')} a property at most, seed {run.seed}, Python {python}, {_machine()}."
    for group in sorted({implementation.group for implementation in run.implementations}):
        rows = [_row(each, results) for each in run.implementations if each.group == group and results.of(each.name)]
        found = with_section(found, group, made, rows)
    write_text(path, found)


def with_section(found: str, group: str, made: str, rows: Sequence[Row]) -> str:
    """Return the text of the file with a group's section in the place of its old one, or at the end."""
    section = "\n".join(_section(group, made, sorted(rows, key=lambda row: row.implementation.name)))
    begin, end = f"<!-- {group}: begin -->", f"<!-- {group}: end -->"
    text = f"{begin}\n{section}\n{end}"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    whole = partial(lambda text, _: text, text)  # A backslash in it means nothing.
    return pattern.sub(whole, found) if begin in found else f"{found.rstrip()}\n\n{text}\n"


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _section(group: str, made: str, rows: Sequence[Row]) -> Iterator[str]:
    names = [row.implementation.name for row in rows]
    judged = {name for row in rows for name in row.properties}
    columns = {name: [row.properties.get(name, "-") for row in rows] for name in in_groups(judged)}
    features = {name: [row.features[name] for row in rows] for name in FEATURES}
    yield from (f"## Group `{group}`", "", made, "", "### Properties")
    for table in _fitting(names, columns, under_titles(columns)):
        yield from ("", f"{'; '.join(title for title, _ in under_titles(table)).capitalize()}:", "")
        yield from _table(names, table)
    yield from ("", "### Features")
    for table in _fitting(names, features, [("", [name]) for name in features]):
        yield from ("", *_table(names, table))
    yield from ("", "### Libraries")
    by_library = sorted(rows, key=lambda row: row.implementation.library)
    for library, having in groupby(by_library, key=lambda row: row.implementation.library):
        yield from _library(library, list(having))


# Tables


def _fitting(
    names: list[str], columns: dict[str, list[str]], groups: list[tuple[str, list[str]]]
) -> Iterator[dict[str, list[str]]]:
    """Yield tables that fit on a page: as many groups together as do, and a group that is too wide cut."""
    table: dict[str, list[str]] = {}
    for _, members in groups:
        if table and _width(names, table | {name: columns[name] for name in members}) > WIDTH:
            yield table
            table = {}
        for name in members:
            if table and _width(names, table | {name: columns[name]}) > WIDTH:
                yield table
                table = {}
            table[name] = columns[name]
    if table:
        yield table


def _width(names: list[str], columns: dict[str, list[str]]) -> int:
    shown = [["implementation", *names], *([head, *cells] for head, cells in columns.items())]
    return 1 + sum(3 + max(len(cell.replace("*", "")) for cell in column) for column in shown)


def _table(names: list[str], columns: dict[str, list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(['implementation', *columns])} |"
    yield f"|{'---|' * (1 + len(columns))}"
    for row in zip(names, *columns.values(), strict=True):
        yield f"| {' | '.join(row)} |"


# Cells


def _row(implementation: Implementation, results: Results) -> Row:
    own = results.of(implementation.name)
    total: Features = {}
    for result in own:
        total = added(total, result.features)
    return Row(
        implementation,
        {result.property: _cell(result) for result in own},
        {name: _feature(implementation, name, *total.get(name, (0, 0, 0.0))) for name in FEATURES},
        {name: total[name][2] for name in ("float64", "float32", "float16", "bfloat16") if name in total},
    )


def _cell(result: Result) -> str:
    words = {
        "unsupported": "-",
        "not installed": "x",
        "too few": f"? {result.cases}",
        "seen once": "seen once",
        "disagrees": "**✗ disagrees**",
        "follows": "**✗ follows**",
    }
    if result.status != "agrees":
        return words.get(result.status, "**error**")
    cases = result.cases - result.known
    agreed = [f"✓ {cases}{'~' if result.cut else ''}"] if cases or not result.known else []
    return ", ".join([*agreed, *([f"{result.known} known"] if result.known else [])])


def _feature(implementation: Implementation, name: str, agreed: int, disagreed: int, _: float) -> str:
    if not implementation.installed:
        return "x"
    if not FEATURES[name].offered(implementation.capabilities):
        return "-"
    if disagreed:
        return f"**✗ {disagreed} of {agreed + disagreed}**"
    return f"✓ {agreed}" if agreed else "none"


# Libraries


def _library(library: str, rows: Sequence[Row]) -> Iterator[str]:
    version = rows[0].implementation.version
    yield from ("", f"#### {library} {version}" if version else f"#### {library}: not installed", "")
    yield from (f"- {_details(row)}" for row in rows)
    found = list(_findings([row.implementation for row in rows]))
    if found:
        yield from ("", "What was found:", "", *(f"- {finding}" for finding in found))


def _details(row: Row) -> str:
    implementation, largest = row.implementation, max(row.worst.values(), default=0.0)
    others = [
        f"{name} {version}" for name, version in implementation.versions.items() if name != implementation.library
    ]
    with_others = f" with {listed(others)}" if others else ""
    dtypes = ", ".join(f"{value:.2f} in {name}" for name, value in row.worst.items())
    near = f"error / bound at most {dtypes}" if largest else "no error was measured"
    declared = implementation.rounding
    judged_by = f". Judged by {_rounding(declared)}: {declared.reason}" if declared.reason else ""
    return f"`{implementation.name}`{with_others}: {near}{judged_by}"


def _rounding(rounding: Rounding) -> str:
    near_0 = ", relative to 1 near 0" if rounding.tanh_absolute else ""
    wider = "" if rounding.accumulate is None else f", sums in {str(rounding.accumulate).removeprefix('torch.')}"
    return f"tanh within {rounding.tanh_ulps:g} units in the last place{near_0}{wider}"


def _findings(judged: Sequence[Implementation]) -> Iterator[str]:
    """Yield each known defect of these implementations once, with the implementations that have it."""
    seen: dict[str, tuple[KnownDefect, list[Implementation]]] = {}
    for implementation in judged:
        for defect in implementation.known_defects:
            seen.setdefault(defect.name, (defect, []))[1].append(implementation)
    for name, (defect, having) in sorted(seen.items()):
        shown = "worked around by the adapter"
        if defect.case:
            descriptor = archive.read(archive.REGRESSIONS / defect.case).case.descriptor
            shown = f"minimal case `{descriptor}`, [{defect.case}](../tests/regressions/{defect.case})"
        script = f"tests/regressions/scripts/{defect.library or having[0].library}-{name}.py"
        who = ", ".join(each.name for each in having)
        absent = "" if defect.present() else " (not on this machine)"
        yield f"{who}: **{defect.reason}**{absent}; {shown}; [{script}](../{script}); {defect.link}"
