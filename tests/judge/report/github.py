"""What GitHub Actions shows of a run: annotations beside the code of what disagrees, and a summary of the job."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rnn_parity.tests.judge.base.files import why
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.report.groups import legend, standing
from rnn_parity.tests.judge.report.results import Results, worst_error
from rnn_parity.tests.judge.report.sentences import verdicts
from rnn_parity.tests.judge.report.table import totals

#: GitHub shows so many annotations of a kind for a step, ...
MOST_ERRORS = 10
#: ... and takes a summary of one MiB: some room is left for what it counts differently.
MOST_BYTES = 1_000_000


def annotated(results: Results, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the annotations, where GitHub Actions reads them."""
    if results.found and environment.get("GITHUB_ACTIONS") == "true":
        yield from errors(results)


def summarized(results: Results, run: Run, environment: Mapping[str, str]) -> Iterator[str]:
    """Add the summary where the environment asks for it, if anything was judged; a line where it cannot be written."""
    if not (results.found and (path := environment.get("GITHUB_STEP_SUMMARY"))):
        return
    try:
        written = Path(path).stat().st_size if Path(path).exists() else 0
        told = summary(results, run, MOST_BYTES - written)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(told)
    except OSError as error:
        yield f"NOT written: summary of the job: {path}: {why(error)}"


# Annotations


def errors(results: Results) -> Iterator[str]:
    """Yield an error for each finding, the most helpful first, as many as are shown; then the number of the others."""
    findings = by_use(results.findings)
    for finding in findings[:MOST_ERRORS]:
        title = f"{finding.implementation} fails {finding.property}"
        place = {"file": finding.source, "line": str(finding.line)} if finding.source else {}
        yield command("error", "\n".join(_message(finding)), **place, title=title)
    if len(findings) > MOST_ERRORS:
        title = f"{len(findings) - MOST_ERRORS} more disagreements"
        yield command("notice", "The summary of the job and the log have all.", title=title)


def by_use(findings: Sequence[Finding]) -> list[Finding]:
    """Those that name the bug first, and of each implementation one before the second of another."""
    ordered = sorted(findings, key=lambda finding: (not finding.certain, not finding.diagnosis))
    seen: dict[str, int] = {}
    turns = []
    for finding in ordered:
        turns.append(seen.setdefault(finding.implementation, 0))
        seen[finding.implementation] += 1
    return [finding for _, finding in sorted(zip(turns, ordered, strict=True), key=lambda pair: pair[0])]


def command(kind: str, message: str, **properties: str) -> str:
    """Return a workflow command; what would end it or a property of it is escaped.

    >>> command("error", "50 %", title="a, b")
    '::error title=a%2C b::50 %25'
    """
    given = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::{kind} {given}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    return re.sub(f"[%\r\n{also}]", lambda found: f"%{ord(found.group()):02X}", text)


def _message(finding: Finding) -> Iterator[str]:
    """Yield the diagnosis, or what differs; the case, what matters of it, and how to see it again."""
    yield from finding.diagnosis or finding.differs
    if not finding.of_look:
        yield f"minimal case: {finding.descriptor}"
    if finding.matters:
        yield finding.matters
    if replay := finding.commands.get("replay"):
        yield f"replay: {replay}"


# The summary


def summary(results: Results, run: Run, most: int = MOST_BYTES) -> str:
    """Return the verdicts, a table of the implementations, and each finding in full, as far as there is room for it."""
    text = "\n".join(_head(results, run)) + "\n\n"
    findings = by_use(results.findings)
    for place, finding in enumerate(findings):
        said = "\n".join(_details(finding)) + "\n\n"
        left = f"{len(findings) - place} more disagreements do not fit here: see the log and the artifacts.\n"
        if len((text + said + left).encode()) > most:
            return text + left if len((text + left).encode()) <= most else ""
        text += said
    return text


def _head(results: Results, run: Run) -> Iterator[str]:
    """Yield the verdicts, the worst first; then who stands how in each group."""
    yield "## rnn-parity"
    yield ""
    told = verdicts(results, run.implementations)
    yield from (f"- {_cell(verdict.sentence)}" for verdict in reversed(told.values()) if verdict.kind != "absent")
    yield ""
    yield _cell(totals(results))
    yield ""
    yield f"| implementation | {' | '.join(group.title for group in GROUPS.values())} | cases | worst error / bound |"
    yield f"|---|{'---|' * len(GROUPS)}--:|--:|"
    names = sorted({name for name, _ in results.found})
    for name in names:
        yield f"| {' | '.join(map(_cell, _row(name, results)))} |"
    yield ""
    yield _cell(legend(names, results))


def _row(name: str, results: Results) -> Iterator[str]:
    own = results.of(name)
    yield name
    yield from (str(standing(name, group, results)) for group in GROUPS)
    yield f"{sum(result.cases for result in own):,}"
    yield "" if (worst := worst_error(own)) is None else f"{worst:.2f}"


def _details(finding: Finding) -> Iterator[str]:
    """Yield the details of a finding, folded under a line that says what is wrong."""
    headline = f"{finding.implementation} fails {finding.property}: {finding.headline}"
    yield f"<details><summary>{html.escape(headline)}</summary>"
    yield ""
    place = f", written at {finding.source}:{finding.line}" if finding.source else ""
    yield f"{_cell(finding.says)} {_cell(finding.library)} {_cell(finding.version)}{_cell(place)}"
    yield ""
    yield from (_cell(finding.matters), "") if finding.matters else ()
    for heading, lines in (
        ("diagnosis", finding.diagnosis),
        ("what differs", finding.differs),
        (f"minimal case: {finding.descriptor}", [] if finding.of_look else finding.case.splitlines()),
        ("first divergence", finding.divergence),
        ("what next", [f"# {what}\n{how}" for what, how in finding.commands.items()]),
    ):
        if lines:
            yield from (f"**{_cell(heading)}**", "", *_fenced(lines), "")
    yield "</details>"


def _fenced(lines: Sequence[str]) -> Iterator[str]:
    """Lines as they are, between fences longer than any in them."""
    fence = "`" * max(3, 1 + max((len(ticks) for line in lines for ticks in re.findall("`+", line)), default=0))
    yield from (fence, *lines, fence)


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in a table too."""
    return re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", text).replace("\n", " ")
