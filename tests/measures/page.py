"""The page of `--html` for 20 implementations, 10 of which have a planted bug: its size, and how long it takes to open.

python -m rnn_parity.tests.measures.page [FOLDER]

Side by side with an empty page, with one whose counterexamples were not reduced, so that their pictures are large, and
with one on which everything is as large as it may be.
Chromium is needed to open them; the pages are left in FOLDER, where one is named.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import Phase, settings
from playwright.sync_api import Browser, sync_playwright

from rnn_parity import Implementation, implementation
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.finding.explain import explained
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal, verdict_on
from rnn_parity.tests.judge.report.html import page
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.run.explaining import disagreement_in
from rnn_parity.tests.judge.schedule.shards import shard_test
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement
from rnn_parity.tests.measures.drawing import PLAIN
from rnn_parity.tests.suite.browser import launched
from rnn_parity.tests.suite.pages import full, rendered, twenty
from rnn_parity.tests.suite.planted import BUGS, HONEST, trying

SEED, CASES = 1, 60
REAL = ("nn.rnn", "numpy", "linear", "parameters")
BUGGY = (
    *("recurrent-transposed", "reverse-starts-one-late", "hidden-tail-8", "single-in-bfloat-16", "tanh-loses-nan"),
    *("truncated-after-four", "longest-for-all", "output-buffer-reused", "batch-tail-4", "final-state-layers-reversed"),
)
PROPERTIES = ("agreement", "gradients", "h_n", "laws", "lengths", "memory", "special")


def players(count: int, buggy: int) -> list[Implementation]:
    """So many with a bug, then real ones, then honest variants."""
    planted = {bug.name: bug for bug in BUGS}
    bad = [trying.implementation(planted[name]) for name in BUGGY[:buggy]]
    good = [implementation(name) for name in REAL] + [trying.implementation(honest) for honest in HONEST]
    return (bad + good)[:count]


def played(players: Sequence[Implementation], *, reduced: bool = True) -> tuple[Results, Run]:
    """What a short run makes of them, without pytest; of each that disagrees the first counterexample is told."""
    results = Results()
    for player in players:
        told: list[Finding] = []
        for name in PROPERTIES:
            trial, disagreement = _played(player, name)
            outcome, spent = "passed" if trial.tally.cases else "skipped", trial.tally.implementation_seconds
            result = results.found[player.name, name] = Result.of(trial, name, outcome, spent)
            if disagreement is not None:
                result.status = "disagrees"
                told = told or [_told(find_minimal(load_properties()[name], player, disagreement), reduced=reduced)]
        results.findings += told
    return results, Run(tuple(players), CASES, SEED, "dev", None, None)


def _played(player: Implementation, name: str) -> tuple[Trial, Disagreement | None]:
    judged, trial = load_properties()[name], Trial(player, budget=CASES, asked_for=name)
    if not judged.exempts(player.capabilities):
        try:
            shard_test(judged, trial, SEED)(trial=trial)
        except Exception as error:
            if (disagreement := disagreement_in(error)) is not None:
                return trial, disagreement
            raise
    return trial, None


def _told(counterexample: Counterexample, *, reduced: bool) -> Finding:
    if not reduced:
        found = counterexample.found
        again = verdict_on(counterexample.property, counterexample.implementation, found)
        counterexample = replace(counterexample, case=found, disagreement=again or counterexample.disagreement)
    replay = f"pytest --hypothesis-seed={SEED} --cases={CASES} 'tests/test_{counterexample.property.name}.py'"
    return explained(counterexample, {"replay": replay, "archive": replay.replace("pytest", "pytest --archive", 1)})


def opened(browser: Browser, path: Path, width: int) -> float:
    """Seconds until everything is there, from the start of the navigation: the median of five."""
    found = []
    for _ in range(5):
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.goto(path.as_uri())
        found.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"))
        tab.close()
    return sorted(found)[2]


def pages() -> Iterator[tuple[str, Callable[[], str]]]:
    """What each page is of, and how it is made."""
    yield "an empty page", lambda: "<!doctype html><title>empty</title>"
    for what, count, buggy, reduced in (
        ("1 implementation, no counterexample", 1, 0, True),
        ("20 implementations, 10 counterexamples", 20, 10, True),
        ("20 implementations, 10 counterexamples not reduced", 20, 10, False),
    ):
        results, run = played(players(count, buggy), reduced=reduced)
        yield what, partial(page.rendered, results, run, 2, 100.0)
    yield "20 implementations, 10 counterexamples, all as large as they may be", lambda: rendered(full(), *twenty())


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp(prefix="rnn-parity-"))
    folder.mkdir(exist_ok=True)
    settings.register_profile("measure", PLAIN, phases=[Phase.generate])
    settings.load_profile("measure")
    warnings.simplefilter("ignore")  # What implementations warn of is their own business.
    with sync_playwright() as playwright, launched(playwright) as browser:
        for number, (what, make) in enumerate(pages()):
            path = folder / f"page-{number}.html"
            began = time.perf_counter()
            path.write_text(make(), encoding="utf-8")
            made = time.perf_counter() - began
            narrow, wide = (opened(browser, path, width) for width in (360, 1280))
            print(
                f"{what}: {path.stat().st_size / 1e6:.3f} MB, made in {made:.2f} s, "
                f"open in {narrow:.3f} s (360 px), {wide:.3f} s (1280 px)"
            )


if __name__ == "__main__":
    main()
