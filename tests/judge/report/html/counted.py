"""What was counted in a run: how much of its bounds each implementation used, and which cases were drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from impls import Implementation
from tests.judge.report.html.plots import distribution
from tests.judge.report.html.tables import features_in
from tests.judge.report.results import Result, Results
from tests.judge.trial.counts import BINS, FACETS, NAMES, Counts, key, together


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
    counts = {each.name: together(*(result.margins for result in results.of(each.name))) for each in judged}
    for name, own in counts.items():
        if own:
            rest = together(*(theirs for other, theirs in counts.items() if other != name))
            worst = {dtype: shown[2] for dtype, shown in features_in(results.of(name)).items()}
            yield name, [_margin(dtype, own, rest, worst.get(dtype, 0.0)) for dtype in NAMES]


def _margin(dtype: str, own: Counts, rest: Counts, worst: float) -> Margin | None:
    mine, theirs = ([counts.get(key(dtype, largest), 0) for largest in BINS] for counts in (own, rest))
    if not any(mine):
        return None
    return Margin(sum(mine), worst, _median(mine), _median(theirs), distribution(mine, theirs))


def _median(counts: Sequence[int]) -> str:
    """Return the bin of the median; empty where there are no cases."""
    passed = 0
    for count, largest in zip(counts, BINS, strict=True):
        passed += count
        if passed and 2 * passed >= sum(counts):
            return largest
    return ""


def facets(results: Iterable[Result]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return how many cases were drawn with each value of each facet."""
    counts = together(*(result.drawn for result in results))
    return [
        (name, [(value, counts.get(key(name, value), 0)) for value in facet.values]) for name, facet in FACETS.items()
    ]
