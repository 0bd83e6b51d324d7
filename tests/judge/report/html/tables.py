"""The table of conformance for the page: implementations against properties, and against features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rnn_parity import Implementation
from rnn_parity.strategies.plain import from_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.demands.property import in_groups, under_titles
from rnn_parity.tests.judge.report.results import Features, Result, Results, added
from rnn_parity.tests.judge.trial.features import FEATURES, features_of

#: What each mark means, in the order of the legend; a mark is a class of the style sheet.
LEGEND = {
    "agrees": "cases that agreed, above the worst error / bound (nothing where all were exact)",
    "known": "excluded by a known defect, or an archived case of one is still there",
    "few": "no verdict: fewer cases were judged than 20, or than were asked for",
    "once": "failed once, and could not be repeated",
    "disagrees": "see the counterexample",
    "follows": "fails as a plainer call of the network fails: see the counterexample",
    "error": "ended in an error, which is no verdict",
    "unsupported": "not offered",
    "absent": "not installed",
    "none": "none drawn",
}
#: How it is written in a cell or, for the first, in the legend.
SIGNS = {
    "agrees": "300",
    "few": "too few: 3",
    "disagrees": "disagrees",
    "unsupported": "-",
    "absent": "\N{MULTIPLICATION SIGN}",
    "none": "0",
    "known": "known",
    "error": "error",
    "once": "seen once",
    "follows": "follows",
}


@dataclass(frozen=True)
class Cell:
    """What one implementation does with one property or feature."""

    mark: str
    text: str
    #: The worst error / bound, written.
    worst: str = ""
    #: Whether its budget of CPU seconds ended before its cases.
    cut: bool = False
    known: int = 0
    #: The counterexample that shows it: the id of its part of the page.
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, an implementation a row."""

    title: str
    heads: list[str]
    rows: list[tuple[Implementation, list[Cell]]]
    #: Over the heads: a title, and how many heads stand under it.
    groups: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A finding and the id of its part of the page."""

    finding: Finding
    link: str


def of_properties(judged: Sequence[Implementation], results: Results, entries: Sequence[Entry]) -> Table:
    """Return the table of implementations against properties."""
    names = in_groups({name for _, name in results.found})
    rows = [
        (
            each,
            [_judged(each, results.found.get((each.name, name)), _link(entries, each, _fails(name))) for name in names],
        )
        for each in judged
    ]
    return Table("Properties", names, rows, [(title, len(under)) for title, under in under_titles(names)])


def of_features(judged: Sequence[Implementation], results: Results, entries: Sequence[Entry]) -> Table:
    """Return the table of implementations against the features of nn.RNN."""
    rows = [(each, _features(each, results, entries)) for each in judged]
    return Table("Features", list(FEATURES), rows)


def _fails(name: str) -> Callable[[Finding], bool]:
    return lambda finding: finding.property == name


def _shows(name: str) -> Callable[[Finding], bool]:
    return lambda finding: name in features_of(from_plain(finding.plain))


def _link(entries: Sequence[Entry], implementation: Implementation, fits: Callable[[Finding], bool]) -> str:
    """Its first counterexample that fits, or its first: another property may have told the same."""
    own = [entry for entry in entries if entry.finding.implementation == implementation.name]
    return next((entry.link for entry in own if fits(entry.finding)), own[0].link if own else "")


def _judged(implementation: Implementation, result: Result | None, link: str) -> Cell:
    if result is None:
        return _sign("unsupported" if implementation.installed else "absent")
    if result.status == "agrees":
        agreed = result.cases - result.known
        return Cell("agrees", f"{agreed}", _ratio(result.worst_error_over_bound), result.cut, result.known)
    if result.status == "too few":
        return Cell("few", result.verdict)
    if result.status in ("disagrees", "follows"):
        return Cell(result.status, result.status, link=link)
    return _sign({"not installed": "absent", "seen once": "once"}.get(result.status, result.status))


def _features(implementation: Implementation, results: Results, entries: Sequence[Entry]) -> list[Cell]:
    counts = features_in(results.of(implementation.name))
    return [_feature(name, implementation, counts, entries) for name in FEATURES]


def features_in(results: Sequence[Result]) -> Features:
    """Return the counts of features of several results together."""
    total: Features = {}
    for result in results:
        total = added(total, result.features)
    return total


def _feature(name: str, implementation: Implementation, counts: Features, entries: Sequence[Entry]) -> Cell:
    agreed, disagreed, worst = counts.get(name, (0, 0, 0.0))
    if not implementation.installed:
        return _sign("absent")
    if not FEATURES[name].offered(implementation.capabilities):
        return _sign("unsupported")
    if disagreed:
        return Cell("disagrees", f"{agreed}/{agreed + disagreed}", link=_link(entries, implementation, _shows(name)))
    if agreed:
        return Cell("agrees", f"{agreed}", _ratio(worst))
    return _sign("known" if implementation.known_defects else "none")


def _sign(mark: str) -> Cell:
    return Cell(mark, SIGNS[mark])


def _ratio(worst: float) -> str:
    return f"{worst:.2f}" if worst else ""
