"""The results of a run, gathered from all workers, and written as data."""

from __future__ import annotations

import builtins
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from rnn_parity.tests.judge.base.files import write_text
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.words import spelled
from rnn_parity.tests.judge.demands.property import group_of
from rnn_parity.tests.judge.trial.counts import Counts, together
from rnn_parity.tests.judge.trial.trial import Trial

#: The name under which an item's result travels from a worker in `report.user_properties`.
KEY = "rnn-parity"
#: From the harmless to the grave; a result of several items has the gravest of theirs.
STATUSES = ("not installed", "unsupported", "agrees", "too few", "seen once", "follows", "disagrees", "error")
#: What adds up over items.
_COUNTS = (
    "cases",
    "followed",
    "enough",
    "cpu_seconds",
    "implementation_seconds",
    "elements",
    "vacuous",
    "kept",
    "flushed",
    "known",
)
#: What the report says beside, in other words.
_BESIDE = ("group", "vacuous_share", "subnormals")
SCHEMA = 6


def subnormals(kept: int, flushed: int) -> str:
    """Return in a word whether subnormal results were kept."""
    return {(True, False): "kept", (False, True): "flushed", (True, True): "both"}.get(
        (kept > 0, flushed > 0), "none seen"
    )


Features: TypeAlias = dict[str, tuple[int, int, float]]


def added(some: Features, others: Features) -> Features:
    """Return the counts of features of two results together."""
    total = dict(some)
    for name, (agreed, disagreed, worst) in others.items():
        before = total.get(name, (0, 0, 0.0))
        total[name] = before[0] + agreed, before[1] + disagreed, max(before[2], worst)
    return total


@dataclass
class Result:
    """How one implementation did on one property: one item's part of it, or all of them added up."""

    implementation: str
    property: str
    status: str
    cases: int = 0
    cpu_seconds: float = 0.0
    implementation_seconds: float = 0.0
    worst_error_over_bound: float = 0.0
    elements: int = 0
    vacuous: int = 0
    kept: int = 0
    flushed: int = 0
    counterexamples: list[str] = field(default_factory=list)
    #: Cases that fail as a plainer call fails, which is told under the property of that.
    followed: int = 0
    #: Cases of known defects that were seen to be there still.
    known: int = 0
    #: Whether its budget of CPU seconds ended before that of cases.
    cut: bool = False
    #: With fewer cases than so many it is no verdict; 0 where all that there are were judged.
    enough: int = 0
    #: By feature: cases that agreed, cases that did not, worst error over bound.
    features: Features = field(default_factory=dict)
    #: Cases drawn by facet, and cases that agreed by dtype and error over bound; see `trial.counts`.
    drawn: Counts = field(default_factory=dict)
    margins: Counts = field(default_factory=dict)
    #: Where nobody has said what it takes on: what was left out as it never works, by what it raises, and within what
    #: it was judged.
    left_out: dict[str, str] = field(default_factory=dict)
    within: str = ""
    #: Where it fails as is expected: the lines that say so.
    expected: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, trial: Trial, name: str, outcome: str, cpu_seconds: float, *, known: bool = False) -> Result:
        """Return the result of an item that has just run, or was skipped: of pytest's outcomes, or a `known` defect."""
        skipped = "not installed" if not trial.implementation.installed else "unsupported"
        status = "agrees" if outcome == "passed" or known else skipped if outcome == "skipped" else "error"
        tally = trial.tally
        return cls(
            trial.implementation.name,
            name,
            status,
            tally.cases,
            cpu_seconds,
            tally.implementation_seconds,
            tally.margin.worst,
            tally.margin.elements,
            tally.margin.vacuous,
            tally.margin.kept,
            tally.margin.flushed,
            followed=tally.followed,
            known=int(known),
            cut=tally.cut,
            enough=trial.limits.enough,
            features=tally.features,
            drawn=tally.drawn,
            margins=tally.margins,
        )

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self) -> None:
        """Call what agrees too few where it is; parts of a result are, and may be enough together."""
        if self.status in ("agrees", "too few"):
            self.status = "too few" if self.cases < self.enough else "agrees"

    @builtins.property
    def group(self) -> str:
        """That of its property; empty for the archive."""
        return group_of(self.property)

    @builtins.property
    def verdict(self) -> str:
        """Its status, of too few cases with their number."""
        return f"too few: {self.cases}" if self.status == "too few" else self.status

    def plain(self) -> dict[str, Any]:
        """As a dictionary that can travel between processes."""
        return asdict(self)

    def add(self, other: Result) -> None:
        """Take in another item of the same implementation and property."""
        self.status = max(self.status, other.status, key=STATUSES.index)
        self.cut = self.cut or other.cut
        self.left_out, self.within = {**self.left_out, **other.left_out}, self.within or other.within
        self.features = added(self.features, other.features)
        self.drawn, self.margins = together(self.drawn, other.drawn), together(self.margins, other.margins)
        self.worst_error_over_bound = max(self.worst_error_over_bound, other.worst_error_over_bound)
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._settle()
        self.expected = sorted({*self.expected, *other.expected})
        self.counterexamples = sorted({*self.counterexamples, *other.counterexamples})

    @builtins.property
    def vacuous_share(self) -> float:
        """The part of all elements about which the bounds say nothing."""
        return self.vacuous / self.elements if self.elements else 0.0

    @builtins.property
    def subnormals(self) -> str:
        """What became of subnormal results."""
        return subnormals(self.kept, self.flushed)

    def for_report(self) -> dict[str, Any]:
        """As the report holds it."""
        beside = {name: getattr(self, name) for name in _BESIDE}
        return self.plain() | beside | {"worst_error_over_bound": spelled(self.worst_error_over_bound)}

    @classmethod
    def from_report(cls, held: dict[str, Any]) -> Result:
        """Return what a report holds."""
        own = {key: value for key, value in held.items() if key not in _BESIDE}
        worst = float(held["worst_error_over_bound"])
        features = {name: (agreed, not_so, far) for name, (agreed, not_so, far) in held["features"].items()}
        return cls(**own | {"worst_error_over_bound": worst, "features": features})


class Results:
    """Every result of a run, by implementation and property."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Result] = {}
        #: Each counterexample once, in the order in which they were found.
        self.findings: list[Finding] = []
        #: What could not be repeated, and accuses nobody.
        self.seen_once: list[Finding] = []

    def saw_once(self, finding: Finding) -> None:
        """Keep what could not be repeated, the same once."""
        if finding.gist not in {kept.gist for kept in self.seen_once}:
            self.seen_once.append(finding)

    def of(self, name: str) -> list[Result]:
        """Those of one implementation."""
        return [result for (found, _), result in self.found.items() if found == name]

    @property
    def too_few(self) -> list[Result]:
        """Those that are no verdict, as too few cases were judged."""
        return [result for result in self.found.values() if result.status == "too few"]

    def take(self, report: pytest.TestReport) -> None:
        """Add what a report brings, whichever worker it comes from."""
        for key, value in report.user_properties:
            if key == KEY and (report.when == "call" or report.outcome != "passed"):
                self.add(Result(**value))  # type: ignore[arg-type]

    def add(self, result: Result) -> None:
        """Add a result to what there is of its implementation and property."""
        place = result.implementation, result.property
        if place in self.found:
            self.found[place].add(result)
        else:
            self.found[place] = result


def worst_error(results: Iterable[Result]) -> float | None:
    """Return the worst error over bound of some results; None where no numbers were compared."""
    return max((result.worst_error_over_bound for result in results if result.elements), default=None)


def write(
    path: Path,
    results: Results,
    run: Run,
    workers: int,
    seconds: float,
    exit_status: int,
    verdicts: Mapping[str, tuple[str, str]],
) -> None:
    """Write the results of a run as JSON: all that its table and its page are made of."""
    versions = {library: version for found in run.implementations for library, version in found.versions.items()}
    data = {
        "schema": SCHEMA,
        "run": {
            "seed": run.seed,
            "cases": run.cases,
            "cpu_seconds": run.seconds,
            "sizes": run.sizes,
            "profile": run.profile,
            "device": run.device,
            "selected": run.selected,
            "part": [run.part.number, run.part.of],
            "exit_status": exit_status,
            "workers": workers,
            "seconds": round(seconds, 3),
            "versions": {"python": platform.python_version(), **dict(sorted(versions.items()))},
            "implementations": {
                found.name: {"asked": found.asked, "versions": found.versions, "installed": found.installed}
                for found in run.implementations
            },
        },
        "verdicts": {name: {"kind": kind, "sentence": sentence} for name, (kind, sentence) in verdicts.items()},
        "results": [result.for_report() for _, result in sorted(results.found.items())],
        "findings": [asdict(finding) for finding in results.findings],
        "seen_once": [asdict(finding) for finding in results.seen_once],
    }
    write_text(path, json.dumps(data, indent=1) + "\n")
