"""What a run has found, as soon as it is known, and how far it is, now and then; with workers or without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.base.telling import TELLER
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.report.results import KEY, Results
from rnn_parity.tests.judge.schedule.shards import budgets

#: Seconds between two lines, and before the first: a run that ends earlier says nothing.
EVERY = 30.0


def asked(run: Run, nodeid: str) -> tuple[str, int]:
    """Return the implementation of an item and how many cases it may judge: a shard's budget, or one.

    The name of an item says it all, and is all that the controller of several workers knows.
    """
    item = nodeid.partition("@")[0].partition("[")[2].rpartition("]")[0]
    name, _, shard = item.rpartition("-")
    limits = {found.name: min(run.cases, found.cases or run.cases) for found in run.implementations}
    if name in limits and shard.isdecimal() and int(shard) < len(shares := budgets(limits[name])):
        return name, shares[int(shard)]
    return item, int(bool(item) and item not in limits)


@dataclass
class Progress:
    """What is to be judged, what has been, and how long the rest may take."""

    run: Run
    clock: Callable[[], float] = time.monotonic
    #: Cases that are still to be judged, and that have been asked for, by implementation.
    left: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    #: CPU seconds of what is done, by implementation.
    seconds: dict[str, float] = field(default_factory=dict)
    #: Cases that were judged: fewer than asked for, where CPU seconds ended.
    cases: int = 0
    _started: float | None = None
    _last: float = 0.0

    def expect(self, nodeids: Iterable[str]) -> None:
        """Take the items that the run consists of."""
        for nodeid in nodeids:
            name, cases = asked(self.run, nodeid)
            self.left[name] = self.left.get(name, 0) + cases
        self._started = self._last = self.clock()

    def take(self, nodeid: str, cases: int, seconds: float) -> None:
        """Count an item as done."""
        name, expected = asked(self.run, nodeid)
        self.left[name] = max(0, self.left.get(name, 0) - expected)
        self.done[name] = self.done.get(name, 0) + expected
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.cases += cases

    def due(self) -> bool:
        """Return whether it is time for a line; true once for each line."""
        now = self.clock()
        if self._started is None or now - self._last < EVERY or not any(self.left.values()):
            return False
        self._last = now
        return True

    def line(self, disagreements: int) -> str:
        """Return a line: cases judged, how fast, what was found, and about how long it still takes."""
        elapsed = self.clock() - (self._started or 0.0)
        share = self._share()
        rest = _about(elapsed * (1 - share) / share) if share else "no estimate yet"
        found = counted(disagreements, "disagreement") if disagreements else "no disagreements"
        speed = self.cases / max(elapsed, 1.0)
        return f"rnn-parity: {counted(self.cases, 'case')}, {share:.0%} done, {speed:,.0f}/s, {found}, {rest}"

    def _share(self) -> float:
        """Return the share of all work that is done, by the CPU seconds that a case of each implementation took so far.

        Of one that has not had its turn, as many as a case of the others took.
        """
        spent, done = sum(self.seconds.values()), sum(self.done.values())
        if not (spent and done):
            return 0.0
        rates = {name: self.seconds[name] / cases for name, cases in self.done.items() if cases}
        return spent / (spent + sum(cases * rates.get(name, spent / done) for name, cases in self.left.items()))


def _about(seconds: float) -> str:
    """Return a duration in words, no finer than it is known."""
    if seconds < 55:
        return f"about {max(5, round(seconds / 5) * 5)} s left"
    return f"about {round(seconds / 60)} min left"


class Reporter:
    """Tells what was found, and the progress of a run, between pytest's dots."""

    def __init__(self, config: pytest.Config, results: Results, progress: Progress) -> None:
        self._config = config
        self._results = results
        self._progress = progress
        self._expecting = True
        self._announced = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the collected items, where there are no workers."""
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Take the items that a worker collected: every worker collects all, and the controller none."""
        self._expect(ids)

    def _expect(self, nodeids: Sequence[str]) -> None:
        if self._expecting and nodeids:
            self._progress.expect(nodeids)
            self._expecting = False

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a report, and name what was found, after pytest has written its dot and the results were taken in."""
        with self._config.stash[TELLER].part("the progress of the run"):
            for key, value in report.user_properties:
                if key == KEY and (report.when == "call" or report.outcome != "passed"):
                    self._progress.take(report.nodeid, value["cases"], value["cpu_seconds"])  # type: ignore[index]
                    if self._progress.due():
                        self._tell([self._progress.line(len(self._results.findings))])
            self._tell([_named(found) for found in self._results.findings[self._announced :]])
            self._announced = len(self._results.findings)

    def _tell(self, lines: Sequence[str]) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if lines and terminal and terminal.verbosity > -2:
            if terminal._tw.width_of_current_line:
                terminal._tw.line()
                terminal.currentfspath = None  # Without workers the next dot names its file again.
            terminal.write_line("\n".join(lines))


def _named(finding: Finding) -> str:
    """Return a line on what was found just now; the whole is told at the end."""
    where = "" if finding.of_look else f" ({finding.property}, {finding.descriptor}{', by chance' * finding.by_chance})"
    return f"{finding.implementation}: {finding.name or finding.first}{where}"


def report_progress(config: pytest.Config, results: Results, progress: Progress | None) -> None:
    """Have the progress of this run told, in a way of its own if it has one."""
    reporter = Reporter(config, results, progress or Progress(config.stash[RUN]))
    config.pluginmanager.register(reporter, "rnn-parity-progress")
