"""Failures that are expected, by whoever only runs the suite: a file of names, each of which has to fail still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from rnn_parity.registry import nearest
from rnn_parity.tests.judge.base.part import WHOLE
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.run.explaining import root_beside
from rnn_parity.tests.judge.run.items import judged_by
from rnn_parity.tests.judge.trial.trial import Trial, trial_of
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: By property and implementation.
Expected: TypeAlias = Mapping[tuple[str, str], "Line"]


class Line(NamedTuple):
    """A line of such a file: where it stands, and why that is expected."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason or 'expected to fail'}"


def read(path: Path) -> dict[tuple[str, str], Line]:
    """Return what a file lists: a property, an implementation and perhaps a reason in each line that is no comment.

    Raises:
        ValueError: it cannot be read, or a line is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: expected a file of text, but {error}") from error
    known, found = load_properties(), dict[tuple[str, str], Line]()
    for number, line in enumerate(text.splitlines(), 1):
        judged, name, reason = [*line.split(maxsplit=2), "", "", ""][:3]
        if not judged or judged.startswith("#"):
            continue
        if judged not in known or not name:
            suggested = nearest(judged, known) if judged not in known else ""
            raise ValueError(
                f"{path}:{number}: expected a property, an implementation and perhaps a reason, as in "
                f"'gradients my-rnn of a strided x', found {line.strip()!r}{suggested}"
            )
        found[judged, name] = Line(f"{path}:{number}", reason.strip())
    return found


def excused(item: Any, made: pytest.TestReport, result: Result, disagreement: Disagreement | None) -> bool:
    """Return whether a failure is expected, or what it follows from; then it is reported so, and not looked into."""
    trial, expected = trial_of(item), item.config.stash[RUN].expected
    if disagreement is None or trial is None or not expected:
        return False
    if archived := item.callspec.params.get("archived"):
        disagreement.case = archived.case
    root = root_beside(trial, disagreement, archived)
    for judged, status in [(judged_by(item).name, "disagrees"), *([(root.property, "follows")] if root else [])]:
        if line := expected.get((judged, trial.implementation.name)):
            result.status, result.expected = status, [line.place]
            made.outcome, made.longrepr, made.wasxfail = "skipped", disagreement.text, str(line)
            return True
    return False


def unmet(results: Results, run: Run) -> Iterator[str]:
    """Yield a line on each failure that was expected and did not come; a part of a run cannot tell."""
    for (judged, name), line in run.expected.items() if run.part == WHOLE else ():
        found = results.found.get((name, judged))
        if found and found.status == "agrees":
            yield f"{line.place}: {name} was expected to fail {judged}, and passes: take the line out"


def tell_of_mending(made: pytest.TestReport, trial: Trial) -> None:
    """Say of an archived case of a known defect what is to be done, where it agrees."""
    passes, marked, reason = str(made.longrepr).partition("[XPASS(strict)] ")
    if marked and not passes:
        made.longrepr = (
            f"{trial.implementation.name} {trial.implementation.version} agrees on an archived case of a known defect, "
            f"which may have been mended: {reason}. If it has, remove the defect from its module in impls/, so that "
            "drawn cases come there again; if not, narrow its `present`"
        )
