"""A verdict as a part of somebody else's page: what a notebook shows of a check."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rnn_parity.strategies.plain import from_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.report import groups
from rnn_parity.tests.judge.report.html import tables
from rnn_parity.tests.judge.report.html.maps import matrices
from rnn_parity.tests.judge.report.html.page import ENVIRONMENT, drawings
from rnn_parity.tests.judge.report.results import Results
from rnn_parity.tests.judge.report.sentences import Conclusion
from rnn_parity.tests.judge.report.terminal import Told


def rendered(
    told: Conclusion, name: str, results: Results, remarks: Iterable[str], follows: Iterable[Collection[str]]
) -> str:
    """Return the verdict on one implementation as HTML, with what follows from each of its findings."""
    entries = [tables.Entry(finding, f"finding-{place}") for place, finding in enumerate(results.findings, 1)]
    standings = {group.title: groups.standing(name, key, results) for key, group in GROUPS.items()}
    return ENVIRONMENT.get_template("fragment.html.jinja").render(
        verdict=told,
        entries=[
            (entry.finding, list(matrices(from_plain(entry.finding.plain))), _text(entry.finding), following)
            for entry, following in zip(entries, follows, strict=True)
        ],
        drawings=list(drawings(entries).values()),
        standings={title: standing for title, standing in standings.items() if standing.mark},
        remarks=[groups.legend([name], results), *remarks],
    )


def _text(finding: Finding) -> str:
    return str(Told(finding))
