"""The page about a run, made where the run ends: what a reader is told, in the order in which the template tells it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from impls import Implementation
from tests.judge.counts import BINS, FACETS, NAMES, Counts, key, together
from tests.judge.html import tables
from tests.judge.html.maps import Gallery
from tests.judge.html.plots import distribution
from tests.judge.options import Run
from tests.judge.report import Result, Results


def write(path: Path, results: Results, run: Run, workers: int, seconds: float) -> None:
    """Write the page about a run that took so many seconds until now."""
    path.write_text(rendered(results, run, workers, seconds), encoding="utf-8")


def rendered(results: Results, run: Run, workers: int, seconds: float) -> str:
    """The page as text."""
    judged = sorted((each for each in run.implementations if results.of(each.name)), key=lambda each: each.name)
    gallery = Gallery()
    entries = [tables.Entry(finding, f"finding-{place}") for place, finding in enumerate(results.findings, 1)]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        verdict=verdict(results, judged, seconds),
        facts=facts(run, workers, seconds),
        versions=versions(judged),
        entries=entries,
        drawings={
            entry.link: gallery.drawings(entry.finding.pictures, bidirectional=entry.finding.plain["config"]["bidirectional"])
            for entry in entries
        },
        tables=[make(judged, results, entries) for make in (tables.of_properties, tables.of_features)] if judged else [],
        legend=tables.LEGEND,
        signs=tables.SIGNS,
        bins=BINS,
        margins=list(margins(judged, results)),
        dtypes=NAMES,
        facets=facets(results.found.values()),
        coverage=[(each.name, facets(results.of(each.name))) for each in judged],
    )


@dataclass(frozen=True)
class Verdict:
    """The run in a sentence, and what else is to be known first."""

    kind: str
    sentence: str
    details: list[str]


def verdict(results: Results, judged: Sequence[Implementation], seconds: float) -> Verdict:
    """What a maintainer wants to see first."""
    found = list(results.found.values())
    disagreeing, failing = _having(found, "disagrees"), _having(found, "error")
    tried = sorted({result.implementation for result in found if result.cases})
    details = list(_details(found, judged, seconds))
    if disagreeing:
        of = f"{len(disagreeing)} of {_many(len(tried), 'implementation')}"
        verb = "disagrees" if len(disagreeing) == 1 else "disagree"
        return Verdict("disagrees", f"{of} {verb} with the reference: {_listed(disagreeing)}.", details)
    if failing:
        return Verdict("error", f"No disagreement, but errors that are no verdict: {_listed(failing)}.", details)
    if not tried:
        return Verdict("none", "Nothing was judged.", details)
    who = f"{tried[0]} gives" if len(tried) == 1 else f"all {len(tried)} implementations give"
    return Verdict("agrees", f"No disagreement: {who} what is demanded.", details)


def _having(found: Iterable[Result], status: str) -> list[str]:
    return sorted({result.implementation for result in found if result.status == status})


def _details(found: Sequence[Result], judged: Sequence[Implementation], seconds: float) -> Iterator[str]:
    cases, cpu = sum(result.cases for result in found), sum(result.cpu_seconds for result in found)
    properties = len({result.property for result in found})
    took = f"in {_duration(seconds)}, {cpu:,.0f} s of CPU"
    yield f"{_many(cases, 'case')} judged on {_many(properties, 'property', 'properties')} {took}."
    if absent := [each.name for each in judged if not each.installed]:
        yield f"Not installed, so not judged: {_listed(absent)}."
    if known := sum(result.known for result in found):
        yield f"{_many(known, 'archived case')} of known defects failed as expected."
    if cut := _having_cut(found):
        yield f"Cut by the budget of CPU seconds before all cases (~): {_listed(cut)}."
    if (failing := _having(found, "error")) and _having(found, "disagrees"):
        yield f"Errors that are no verdict: {_listed(failing)}."


def _having_cut(found: Iterable[Result]) -> list[str]:
    return sorted({result.implementation for result in found if result.cut})


def _many(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def facts(run: Run, workers: int, seconds: float) -> dict[str, str]:
    """The run, as it can be repeated."""
    began = datetime.now().astimezone() - timedelta(seconds=seconds)
    return {
        "began": f"{began:%Y-%m-%d %H:%M %Z}",
        "took": _duration(seconds),
        "seed": f"{run.seed}",
        "cases": f"{run.cases:,} at most, for each property and implementation",
        "CPU": f"{run.seconds:g} s at most, for each property and implementation",
        "profile": run.profile,
        "workers": f"{workers}" if workers else "none, in one process",
        "device": run.device,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def versions(judged: Sequence[Implementation]) -> dict[str, str]:
    """Of Python, and of every library that was judged or needed."""
    found = {library: version for each in judged for library, version in each.versions.items()}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


@dataclass(frozen=True)
class Margin:
    """How much of its bounds an implementation used in one dtype."""

    cases: int
    worst: float
    #: The bin of half of its cases, and of half of everybody else's.
    median: str
    others: str
    plot: str


def margins(judged: Sequence[Implementation], results: Results) -> Iterator[tuple[str, list[Margin | None]]]:
    """Each implementation's distributions by dtype, against all others'; None where no case agreed."""
    counts = {each.name: _margins_in(results.of(each.name)) for each in judged}
    for each in judged:
        if counts[each.name]:
            rest: Counts = {}
            for name, own in counts.items():
                rest = together(rest, own) if name != each.name else rest
            worst = tables.features_in(results.of(each.name))
            yield each.name, [_margin(dtype, counts[each.name], rest, worst.get(dtype, (0, 0, 0.0))[2]) for dtype in NAMES]


def _margins_in(results: Sequence[Result]) -> Counts:
    total: Counts = {}
    for result in results:
        total = together(total, result.margins)
    return total


def _margin(dtype: str, own: Counts, rest: Counts, worst: float) -> Margin | None:
    mine, theirs = ([counts.get(key(dtype, largest), 0) for largest in BINS] for counts in (own, rest))
    if not any(mine):
        return None
    return Margin(sum(mine), worst, _median(mine), _median(theirs), distribution(mine, theirs))


def _median(counts: Sequence[int]) -> str:
    """The bin in which half of the cases are passed; empty where there are none."""
    passed = 0
    for count, largest in zip(counts, BINS, strict=True):
        passed += count
        if passed and 2 * passed >= sum(counts):
            return largest
    return ""


def facets(results: Iterable[Result]) -> list[tuple[str, list[tuple[str, int]]]]:
    """How many cases were drawn with each value of each facet."""
    total: Counts = {}
    for result in results:
        total = together(total, result.drawn)
    return [
        (name, [(value, total.get(key(name, value), 0)) for value in facet.values]) for name, facet in FACETS.items()
    ]
