"""The files that a run asks for: the table of conformance, the results as data, the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from rnn_parity.tests.judge.base.files import why
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.report import conformance
from rnn_parity.tests.judge.report import results as report
from rnn_parity.tests.judge.report.sentences import Conclusion, verdicts


@dataclass(frozen=True)
class Whole:
    """A run that has ended."""

    results: report.Results
    run: Run
    workers: int
    seconds: float
    exit_status: int

    @property
    def verdicts(self) -> dict[str, Conclusion]:
        """On each implementation, the best first."""
        return verdicts(self.results, self.run.implementations)


def _write_page(path: Path, ended: Whole) -> None:
    from rnn_parity.tests.judge.report.html import page  # Needs what `--html` alone needs.

    page.write(path, ended.results, ended.run, ended.workers, ended.seconds)


#: What is asked for, and how it is written. The results as data come last: they say how the run ended.
OPTIONS: dict[str, tuple[str, Callable[[Path, Whole], None]]] = {
    "table": ("table of conformance", lambda path, ended: conformance.write(path, ended.results, ended.run)),
    "html": ("page about the run", _write_page),
    "report": (
        "results as data",
        lambda path, ended: report.write(
            path, ended.results, ended.run, ended.workers, ended.seconds, ended.exit_status, ended.verdicts
        ),
    ),
}


def parts(config: pytest.Config, ended: Whole, teller: Teller) -> dict[str, Callable[[], Iterator[str]]]:
    """Return the writers of what a run asks for, by name: each writes, and says so, or why it cannot."""
    asked = {option: path for option in OPTIONS if (path := config.getoption(option))}
    return {OPTIONS[option][0]: partial(_write, option, Path(path), ended, teller) for option, path in asked.items()}


def _write(option: str, path: Path, ended: Whole, teller: Teller) -> Iterator[str]:
    what, write = OPTIONS[option]
    try:
        write(path, replace(ended, exit_status=teller.status(ended.exit_status)))
        yield f"{what}: {path}"
    except OSError as error:
        yield f"NOT written: {what}: {path}: {why(error)}"
