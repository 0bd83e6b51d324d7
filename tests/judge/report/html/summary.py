"""The run in a sentence, in a few more, and how it can be repeated."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rnn_parity import Implementation
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.words import counted, listed
from rnn_parity.tests.judge.report import sentences
from rnn_parity.tests.judge.report.results import STATUSES, Result, Results

#: No more names stand in a sentence.
_LISTED = 6


@dataclass(frozen=True)
class Opening:
    """The run in a sentence, and what else is to be known first."""

    kind: str
    sentence: str
    details: list[str]
    #: Of several implementations, a sentence on each, the worst first: its kind, and the sentence.
    each: list[sentences.Conclusion]


def verdict(results: Results, judged: Sequence[Implementation], seconds: float) -> Opening:
    """Return what a maintainer wants to see first."""
    told = [each for each in sentences.verdicts(results, judged).values() if each.kind != "absent"]
    kind, sentence = _of_all(results)
    details = list(_details(results, judged, seconds))
    if len(told) == 1:
        return Opening(kind, told[0].sentence, details, [])
    return Opening(kind, sentence, details, told[::-1])


def _of_all(results: Results) -> tuple[str, str]:
    """Return the kind of the gravest result, and a sentence on all."""
    by_status = {
        status: _names(results, lambda result, status=status: result.status == status)  # type: ignore[misc]
        for status in STATUSES
    }
    disagreeing, failing = sorted({*by_status["disagrees"], *by_status["follows"]}), by_status["error"]
    tried = sorted({*disagreeing, *by_status["agrees"], *by_status["too few"]})
    if disagreeing:
        who = f"{len(disagreeing)} of {counted(len(tried), 'implementation')}"
        who_they_are = f": {listed(disagreeing)}" if len(disagreeing) <= 3 else ""
        return "disagrees", f"{who} {'disagrees' if len(disagreeing) == 1 else 'disagree'}{who_they_are}."
    if failing:
        return "error", f"No disagreement, but errors that are no verdict: {listed(failing, most=_LISTED)}."
    if not tried:
        return "none", "Nothing was judged."
    if few := results.too_few:
        return "few", f"No disagreement, but too few cases for {counted(len(few), 'verdict')}."
    return "agrees", f"No disagreement: all {len(tried)} implementations give what is demanded."


def _names(results: Results, shows: Callable[[Result], bool]) -> list[str]:
    """Return the implementations that have such a result."""
    return sorted({result.implementation for result in results.found.values() if shows(result)})


def _details(results: Results, judged: Sequence[Implementation], seconds: float) -> Iterator[str]:
    found = results.found.values()
    cases, cpu = sum(result.cases for result in found), sum(result.cpu_seconds for result in found)
    properties = counted(len({result.property for result in found}), "property", "properties")
    yield f"{counted(cases, 'case')} judged on {properties} in {_duration(seconds)}, {cpu:,.0f} s of CPU."
    if absent := [each.name for each in judged if not each.installed]:
        yield f"Not installed, so not judged: {listed(absent, most=_LISTED)}."
    if cut := _names(results, lambda result: result.cut):
        yield f"The budget of CPU seconds ended before that of cases (~): {listed(cut, most=_LISTED)}."
    if known := sum(result.known for result in found):
        yield f"Known defects that are still there: {counted(known, 'archived case')} failed as expected."
    if few := [f"{result.implementation} on {result.property}" for result in results.too_few]:
        yield f"Too few cases for a verdict: {listed(few, most=_LISTED)}."
    failing = _names(results, lambda result: result.status == "error")
    if failing and _names(results, lambda result: result.status == "disagrees"):
        yield f"Errors that are no verdict: {listed(failing, most=_LISTED)}."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def facts(run: Run, workers: int, seconds: float) -> dict[str, str]:
    """Return what was run, when and how, by name."""
    began = datetime.now().astimezone() - timedelta(seconds=seconds)
    return {
        "began": f"{began:%Y-%m-%d %H:%M %Z}",
        "took": _duration(seconds),
        "seed": f"{run.seed} (--hypothesis-seed={run.seed} repeats it)",
        "cases": f"{run.cases:,} at most, for each property and implementation",
        "CPU": f"{run.seconds:g} s at most, for each property and implementation",
        "profile": run.profile,
        "workers": f"{workers}" if workers else "none, in one process",
        "device": run.device,
        "machine": f"{platform.system()} {platform.machine()}",
    }


def versions(judged: Sequence[Implementation]) -> dict[str, str]:
    """Return the versions of Python, and of every library that was judged or needed."""
    found = {library: version for each in judged for library, version in each.versions.items()}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}
