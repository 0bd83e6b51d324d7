"""A hunt as a whole: what there is to hunt over, what the rounds gave, and when it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from impls import Implementation
from tests.judge.base.settings import RUN, Run
from tests.judge.base.telling import TELLER
from tests.judge.crashes import crashes
from tests.judge.hunting import caches, coverage, ledger, loops, rounds
from tests.judge.hunting.bandit import Bandit
from tests.judge.hunting.ledger import Pair
from tests.judge.hunting.summary import HuntProgress, Summary
from tests.judge.report import results
from tests.judge.schedule.progress import asked

#: Where what hunts have covered is kept: in Hypothesis's folder.
LEDGER = "hunts.json"
#: Seconds after which the ledger is written again: so much is forgotten when a hunt is killed.
_WRITTEN_EVERY = 30.0
HUNT = pytest.StashKey["Hunt"]()


class Hunt:
    """The part of the process that hands out rounds and gathers what they gave."""

    def __init__(self, run: Run, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._path, self._clock = run, path, clock
        self._terminal: Any = None
        self._until = clock() + 60 * run.minutes
        self._ledger, self._notice = ledger.read(path)
        self._ledger.hunts += 1
        self._notice = self._ledger.write(path) or self._notice
        self._written = clock()
        self._implementations = {found.name: found for found in run.implementations}
        self._items: dict[tuple[str, str], str] = {}
        self._bandit = Bandit({}, Random())
        self.summary = Summary()

    @property
    def hunts(self) -> int:
        """How many hunts there were, this one included."""
        return self._ledger.hunts

    def left(self) -> float:
        """Seconds that are left."""
        return self._until - self._clock()

    def progress(self) -> HuntProgress:
        """Return the reporter of the hunt's progress."""
        return HuntProgress(self._run, self._clock, summary=self.summary, left_seconds=self.left)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the terminal."""
        self._terminal = session.config.pluginmanager.get_plugin("terminalreporter")

    # What is to be run

    def expect(self, nodeids: list[str]) -> list[str]:
        """Take all items, and return those that are run once, before the rounds."""
        self._items = {pair: nodeid for nodeid in nodeids if (pair := self._pair_of(nodeid))}
        known = {pair: self._known(pair) for pair in self._items}
        self._bandit = Bandit(known, Random(self._run.seed + self.hunts))
        self.summary.known = known
        hunted = set(self._items.values())
        return [nodeid for nodeid in nodeids if nodeid not in hunted]

    def choose(self, busy: set[str]) -> str | None:
        """Return the item that has the next round; None when the hunt is over."""
        if self.left() <= 0 or not self._bandit.pairs:
            return None
        return self._items[self._bandit.choose({pair for nodeid in busy if (pair := self._pair_of(nodeid))})]

    def _pair_of(self, nodeid: str) -> tuple[str, str] | None:
        """Return the implementation and the property of an item; None where it is not for a hunt."""
        name, cases = asked(self._run, nodeid)
        judged = nodeid.partition("::test_")[2].partition("[")[0]
        return (name, judged) if cases and name in self._implementations else None

    def _known(self, pair: tuple[str, str]) -> Pair:
        """Return what is known of a pair; nothing is known of an implementation's other version."""
        found: Implementation = self._implementations[pair[0]]
        return self._ledger.pair(f"{pair[1]} on {found.name} ({found.library} {found.version})")

    # What the rounds gave

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Learn from a round, once all others have made of its report what they make."""
        told = yield
        if (pair := self._pair_of(report.nodeid)) in self._items:
            self._learn_from(report, pair)
        if self._terminal:
            self._terminal.stats.pop("", None)  # pytest keeps every report, also those that it counts as nothing.
        return told

    def _learn_from(self, report: pytest.TestReport, pair: tuple[str, str]) -> None:
        if report.outcome in ("failed", "skipped"):
            self._bandit.retire(pair)  # It has its verdict; more of the same would only be told again.
        brought = dict(report.user_properties)
        if rounds.KEY in brought and results.KEY in brought:
            self._learn(pair, brought[results.KEY], coverage.from_text(str(brought[rounds.KEY])))

    def _learn(self, pair: tuple[str, str], result: Any, seen: coverage.Packed) -> None:
        worst = min(result["worst_error_over_bound"], 1.0)
        new = self._known(pair).learn(result["cases"], result["cpu_seconds"], worst, seen)
        self.summary.add(pair, result["cases"], new, worst)
        if self._clock() - self._written > _WRITTEN_EVERY:
            self._notice = self._ledger.write(self._path) or self._notice
            self._written = self._clock()

    def pytest_sessionfinish(self) -> None:
        """Write the ledger."""
        self._notice = self._ledger.write(self._path) or self._notice

    # What is told

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Count a pair as passed once, whatever the number of its rounds."""
        again = report.when == "call" and report.outcome == "passed"
        again = again and self._pair_of(report.nodeid) in self.summary.shares
        return ("", "", "") if again else None

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Report the hunt."""
        terminalreporter.section("the hunt")
        with terminalreporter.config.stash[TELLER].part("the hunt"):
            for line in self.lines():
                terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        """Yield the lines on what was hunted over, on what was covered, and on the ledger."""
        yield from self.summary.lines()
        yield self._notice or f"what was covered is kept in {self._path}: the next hunt goes on from there"


class Workers:
    """What the controller of several workers does beside."""

    def __init__(self, hunt: Hunt, folder: Path) -> None:
        self._hunt, self._seeds = hunt, rounds.Seeds(folder)

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker how long the hunt lasts, and which hunt it is."""
        node.workerinput |= {rounds.LEFT: self._hunt.left(), rounds.HUNTS: self._hunt.hunts}

    @pytest.hookimpl(tryfirst=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Remember the seed on which a worker died."""
        self._seeds.crashed(report.node.gateway.id, crashitem)

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> loops.HuntScheduling:
        """Schedule rounds in the place of items."""
        return loops.HuntScheduling(config, log, self._hunt)


def folder_of_hypothesis() -> str:
    """Return Hypothesis's folder, from the root of the checkout."""
    return os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY", ".hypothesis")


def join(config: pytest.Config) -> None:
    """Have a process take part in a hunt, if the run is one: it hands out rounds, runs them, or both."""
    run, plugins, folder = config.stash[RUN], config.pluginmanager, config.stash[crashes.FOLDER]
    if not run.minutes:
        return
    caches.bound()
    if given := getattr(config, "workerinput", None):
        plugins.register(rounds.Rounds(config, run.seed, given[rounds.HUNTS], given[rounds.LEFT], folder))
        return
    hunt = config.stash[HUNT] = Hunt(run, config.rootpath / folder_of_hypothesis() / LEDGER)
    plugins.register(hunt, "rnn-parity-hunt")
    if config.getoption("tx", None):
        plugins.register(Workers(hunt, folder))
    else:
        plugins.register(rounds.Rounds(config, run.seed, hunt.hunts, hunt.left(), folder))
        plugins.register(loops.Loop(hunt))
