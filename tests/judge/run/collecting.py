"""The results of all workers in one place, where each counterexample is told once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from rnn_parity.tests.judge.base import telling
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import RUN
from rnn_parity.tests.judge.base.telling import TELLER, Teller
from rnn_parity.tests.judge.crashes import elsewhere
from rnn_parity.tests.judge.finding import explain as findings
from rnn_parity.tests.judge.report import results, scripts
from rnn_parity.tests.judge.report.terminal import Told

RESULTS = pytest.StashKey[results.Results]()
SCRIPTS = pytest.StashKey[scripts.Scripts]()


class Shown(Told):
    """A finding that pytest prints: what goes wrong then costs no more than its text."""

    def __init__(self, finding: Finding, teller: Teller) -> None:
        super().__init__(finding)
        self._teller = teller

    def toterminal(self, writer: Any) -> None:
        """Print it for pytest, and survive what goes wrong."""
        with self._teller.part("the text of a finding"):
            super().toterminal(writer)


class Collector:
    """Gathers the results of all workers, and has each counterexample told once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: dict[tuple[str, ...], tuple[str, Shown]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the result of an item, and its finding."""
        self._config.stash[RESULTS].take(report)
        teller = self._config.stash[TELLER]
        teller.take(getattr(report, telling.KEY, []))
        for key in (findings.LOOK, findings.KEY):
            if plain := getattr(report, key, None):
                with teller.part("a finding that is taken in"):
                    self._take(report, Finding(**plain), teller)

    def _take(self, report: pytest.TestReport, found: Finding, teller: Teller) -> None:
        if found.seen_once:
            self._config.stash[RESULTS].saw_once(found)
            return
        # What a first look shows, where it has been taken in of the same item.
        before = report.longrepr if isinstance(report.longrepr, Shown) else None
        with teller.part("the archive on this machine"), suppress(OSError):  # Where it was found, it is.
            elsewhere.keep(found, self._config.stash[RUN])
        if found.gist not in self._told:
            with teller.part("the file of its script"):
                found = self._config.stash[SCRIPTS].write(found)
            self._config.stash[RESULTS].findings.append(found)
            told = Shown(found, teller)
            self._told[found.gist] = report.nodeid, told
            told.before = before
            report.longrepr = told  # type: ignore[assignment]
        else:
            first, told = self._told[found.gist]
            told.again.append(report.nodeid)
            if found.archived and found.archived not in told.archived:
                told.archived.append(found.archived)
            if before is None:
                report.longrepr = f"the same counterexample as {first}"
                # It fails, is counted and summarized as all others, but has no paragraph of its own: so pytest treats
                # what a debugger has shown already.
                report._pdbshown = True  # type: ignore[attr-defined]
