"""The files that a run asks for: the table of conformance, the results as data, the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.judge import conformance, report
from tests.judge.files import why
from tests.judge.options import Run


@dataclass(frozen=True)
class Whole:
    """A run that has ended."""

    results: report.Results
    run: Run
    workers: int
    seconds: float
    exit_status: int


def _write_page(path: Path, ended: Whole) -> None:
    from tests.judge.html import page  # Needs what `--html` alone needs.

    page.write(path, ended.results, ended.run, ended.workers, ended.seconds)


OPTIONS: dict[str, tuple[str, Callable[[Path, Whole], None]]] = {
    "table": ("table of conformance", lambda path, ended: conformance.write(path, ended.results, ended.run)),
    "report": (
        "results as data",
        lambda path, ended: report.write(
            path, ended.results, ended.run, ended.workers, ended.seconds, ended.exit_status
        ),
    ),
    "html": ("page about the run", _write_page),
}


def write(config: pytest.Config, ended: Whole) -> Iterator[str]:
    """Write what a run asks for; each told, and also where it cannot be written: the others are."""
    for option, (what, written) in OPTIONS.items():
        if path := config.getoption(option):
            try:
                written(Path(path), ended)
                yield f"{what}: {path}"
            except OSError as error:
                yield f"NOT written: {what}: {path}: {why(error)}"
