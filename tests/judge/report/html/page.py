"""The page about a run, made where the run ends, from its results; the template says what comes after what."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rnn_parity.tests.judge.base.files import write_text
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.report.html import tables
from rnn_parity.tests.judge.report.html.counted import facets, margins
from rnn_parity.tests.judge.report.html.maps import Drawing, Gallery
from rnn_parity.tests.judge.report.html.summary import facts, verdict, versions
from rnn_parity.tests.judge.report.results import Results
from rnn_parity.tests.judge.trial.counts import NAMES


def write(path: Path, results: Results, run: Run, workers: int, seconds: float) -> None:
    """Write the page about a run that took so many seconds until now."""
    write_text(path, rendered(results, run, workers, seconds))


def rendered(results: Results, run: Run, workers: int, seconds: float) -> str:
    """Return the page as text."""
    judged = sorted((each for each in run.implementations if results.of(each.name)), key=lambda each: each.name)
    entries = [tables.Entry(finding, f"finding-{place}") for place, finding in enumerate(results.findings, 1)]
    return ENVIRONMENT.get_template("report.html.jinja").render(
        verdict=verdict(results, judged, seconds),
        facts=facts(run, workers, seconds),
        versions=versions(judged),
        entries=entries,
        drawings=drawings(entries),
        tables=[make(judged, results, entries) for make in (tables.of_properties, tables.of_features) if judged],
        legend=tables.LEGEND,
        signs=tables.SIGNS,
        dtypes=NAMES,
        margins=list(margins(judged, results)),
        facets=facets(results.found.values()),
        coverage=[(each.name, facets(results.of(each.name))) for each in judged],
    )


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals["counted"] = counted


def drawings(entries: Iterable[tables.Entry]) -> dict[str, list[Drawing]]:
    """Return the pictures of each finding, drawn, as long as there is room."""
    gallery = Gallery()
    return {
        entry.link: gallery.drawings(
            entry.finding.pictures, bidirectional=entry.finding.plain["config"]["bidirectional"]
        )
        for entry in entries
    }
