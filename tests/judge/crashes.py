"""Implementations that take their worker down: from then on they are judged in a process of their own."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.judge.trial import trial_of

_FOLDER = "rnn_parity_crashes"


class Crashes:
    """The controller's part: finds out who crashed, tells the workers, and has the item repeated."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FOLDER] = self._folder.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        running = Path(self._folder.name, f"running-{report.node.gateway.id}")
        name = running.read_text(encoding="utf-8") if running.exists() else ""
        note = Path(self._folder.name, f"crashed-{name}")
        if not name or note.exists():
            return
        note.touch()
        report.longrepr = (
            f"{report.longrepr}: {name} crashed the process. This item is repeated, and {name} judged from now on, "
            "in a process of its own, as with --isolate"
        )
        sched.mark_test_pending(crashitem)

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Any) -> None:
    """A worker's part: notes who is judged; what crashed elsewhere does not crash here."""
    given = getattr(item.config, "workerinput", {})
    trial = trial_of(item)
    if _FOLDER not in given or trial is None:
        return
    folder, name = Path(given[_FOLDER]), trial.implementation.name
    (folder / f"running-{given['workerid']}").write_text(name, encoding="utf-8")
    if (folder / f"crashed-{name}").exists():
        trial.implementation = trial.implementation.isolated()
