"""The table of conformance: what every implementation does, as Markdown, made of the results of a run."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rnn_parity import Implementation
from rnn_parity.contract import KnownDefect, Rounding
from rnn_parity.tests.judge.base.files import write_text
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.report.results import Features, Result, Results, added
from rnn_parity.tests.judge.trial.features import FEATURES

_LEGEND = (
    "A cell says how many cases agreed and how near the worst of them came to its proven bound (error / bound; 0 where "
    "all were exact or no numbers were compared). `~`: its CPU seconds ended before its cases. `too few: 3`: no "
    "verdict, as fewer cases were judged than 20, or than were asked for. `known`: every case is excluded by a known "
    "defect, or an archived case of one is still there; see below. `-`: not offered. "
    "`x`: not installed. **disagrees**: see the run."
)


def write(path: Path, results: Results, run: Run) -> None:
    """Put the section of this run's implementations into a file, in the place of the one that is there."""
    found = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    for group in sorted({implementation.group for implementation in run.implementations}):
        section = "\n".join(_section(group, results, run))
        begin, end = f"<!-- {group}: begin -->", f"<!-- {group}: end -->"
        text = f"{begin}\n{section}\n{end}"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        whole = partial(lambda text, _: text, text)  # A backslash in it means nothing.
        found = pattern.sub(whole, found) if begin in found else f"{found.rstrip()}\n\n{text}\n"
    write_text(path, found)


_HEAD = f"""# Conformance

Made by `--table`, section by section; never by hand. {_LEGEND}
"""


def _section(group: str, results: Results, run: Run) -> Iterator[str]:
    judged = sorted(
        (each for each in run.implementations if each.group == group and _results_of(each, results)),
        key=lambda each: each.name,
    )
    yield f"## Group `{group}`"
    yield ""
    python = platform.python_version()
    yield f"{counted(run.cases, 'case')} a property at most, seed {run.seed}, Python {python}, {_machine()}."
    yield ""
    yield from _table(["feature", *FEATURES], [[_title(each), *_features(each, results)] for each in judged])
    yield ""
    properties = sorted({name for _, name in results.found})
    rows = [[_title(each), *(_cell(each, results, name) for name in properties)] for each in judged]
    yield from _table(["property", *properties], rows)
    declared = [[each.name, _rounding(each.rounding), each.rounding.reason] for each in judged if each.rounding.reason]
    if declared:
        yield ""
        yield "### Declared accuracies"
        yield ""
        yield from _table(["implementation", "judged by", "reason"], declared)
    findings = list(_findings(judged))
    if findings:
        yield ""
        yield "### What it found"
        yield ""
        yield from _table(["library", "finding", "minimal case", "link", "reproduction"], findings)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _title(implementation: Implementation) -> str:
    versions = ", ".join(f"{library} {version}" for library, version in implementation.versions.items())
    return f"{implementation.name} ({versions or 'not installed'})"


def _results_of(implementation: Implementation, results: Results) -> list[Result]:
    return [result for (name, _), result in results.found.items() if name == implementation.name]


def _features(implementation: Implementation, results: Results) -> Iterator[str]:
    total: Features = {}
    for result in _results_of(implementation, results):
        total = added(total, result.features)
    for name, feature in FEATURES.items():
        agreed, disagreed, worst = total.get(name, (0, 0, 0.0))
        if not implementation.installed:
            yield "x"
        elif not feature.offered(implementation.capabilities):
            yield "-"
        elif disagreed:
            yield f"**disagrees** ({disagreed} of {agreed + disagreed})"
        else:
            yield _agreed(agreed, worst) if agreed else "known" if implementation.known_defects else "none drawn"


def _cell(implementation: Implementation, results: Results, name: str) -> str:
    result = results.found.get((implementation.name, name))
    if result is None or result.status == "unsupported":
        return "-"
    if result.status == "agrees":
        cases = result.cases - result.known
        known = f", {result.known} known" if result.known else ""
        return _agreed(cases, result.worst_error_over_bound, "~" if result.cut else "") + known
    words: dict[str, str] = {
        "not installed": "x",
        "too few": result.verdict,
        "seen once": "seen once",
        "disagrees": "**disagrees**",
        "follows": "**follows**",
    }
    return words.get(result.status, "**error**")


def _rounding(rounding: Rounding) -> str:
    near_0 = ", relative to 1 near 0" if rounding.tanh_absolute else ""
    wider = "" if rounding.accumulate is None else f", sums in {str(rounding.accumulate).removeprefix('torch.')}"
    return f"tanh within {rounding.tanh_ulps:g} units in the last place{near_0}{wider}"


def _agreed(cases: int, worst: float, cut: str = "") -> str:
    return f"{cases}{cut} ({worst:.2f})" if worst else f"{cases}{cut}"


def _findings(judged: Sequence[Implementation]) -> Iterator[list[str]]:
    """Each known defect of these implementations once, with the implementations that have it."""
    seen: dict[tuple[str, str], tuple[KnownDefect, list[Implementation]]] = {}
    for implementation in judged:
        for defect in implementation.known_defects:
            seen.setdefault((implementation.library, defect.name), (defect, []))[1].append(implementation)
    for (library, name), (defect, having) in sorted(seen.items()):
        shown = "worked around by the adapter"
        if defect.case:
            descriptor = archive.read(archive.REGRESSIONS / defect.case).case.descriptor
            shown = f"`{descriptor}`, [{defect.case}](../tests/regressions/{defect.case})"
        script = f"tests/regressions/{library}-{name}.py"
        who = ", ".join(each.name for each in having)
        absent = "" if defect.present() else " (not on this machine)"
        yield [
            f"{library} {having[0].version or ''}: {who}",
            f"{defect.reason}{absent}",
            shown,
            defect.link,
            f"[{script}](../{script})",
        ]
