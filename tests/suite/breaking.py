"""Runs in which a part of what is told raises, one after the other: each forked from one that imported everything.

    python -m rnn_parity.tests.suite.breaking FOLDER OPTION...

Each writes what it prints, and the outputs that it is asked for, into a folder of its own, and ends with its status.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest

import rnn_parity.tests.judge.run.plugin  # noqa: F401 - imported before the runs, which would each do so.
from rnn_parity.tests.judge.diagnosis.evidence import Look
from rnn_parity.tests.judge.diagnosis.wording import Told

#: By part: what raises in it.
BREAKS: dict[str, str] = {
    "the minimal case": "rnn_parity.tests.judge.run.explaining:find_minimal",
    "the archive": "rnn_parity.tests.judge.reduction.archive:write",
    "the script": "rnn_parity.tests.judge.run.explaining:reproduction_of",
    "the case and where the implementation is written": "rnn_parity.tests.judge.finding.explain:pasteable",
    "the calls made": "rnn_parity.tests.judge.finding.explain:calls_made",
    "what differs": "rnn_parity.tests.judge.finding.explain:what_differs",
    "the diagnosis": "rnn_parity.tests.judge.finding.explain:diagnose",
    "the first divergence": "rnn_parity.tests.judge.diagnosis.wording:first_divergence",
    "what matters": "rnn_parity.tests.judge.finding.explain:Variations",
    "the others on the same case": "rnn_parity.tests.judge.finding.explain:others",
    "the pictures": "rnn_parity.tests.judge.finding.explain:pictures_of",
    "the finding": "rnn_parity.tests.judge.run.plugin:command_of",
    "the text of a finding": "rnn_parity.tests.judge.run.collecting:Told.toterminal",
    "a finding that is taken in": "rnn_parity.tests.judge.run.collecting:Shown.__init__",
    "the archive on this machine": "rnn_parity.tests.judge.crashes.elsewhere:keep",
    "the file of its script": "rnn_parity.tests.judge.report.scripts:Scripts.write",
    "the progress of the run": "rnn_parity.tests.judge.schedule.progress:Progress.take",
    "the table of results": "rnn_parity.tests.judge.report.table:totals",
    "what crashed or was interrupted": "rnn_parity.tests.judge.crashes.crashes:told",
    "annotations of GitHub": "rnn_parity.tests.judge.report.github:errors",
    "the summary on GitHub": "rnn_parity.tests.judge.report.github:summary",
    "the verdicts": "rnn_parity.tests.judge.run.ending:verdicts",
    "table of conformance": "rnn_parity.tests.judge.report.conformance:write",
    "page about the run": "rnn_parity.tests.judge.report.html.page:write",
    "results as data": "rnn_parity.tests.judge.report.results:write",
}
#: What is asked for, by part.
OUTPUTS = {
    "table of conformance": "--table=table.md",
    "page about the run": "--html=page.html",
    "results as data": "--report=report.json",
    "the file of its script": "--repro=script.py",
}
#: What takes long is not done, unless it is what raises.
QUICK: dict[str, Callable[..., object]] = {
    "rnn_parity.tests.judge.reduction.counterexample:registered": dict,
    "rnn_parity.tests.judge.finding.explain:diagnose": lambda *_: Told(
        ["no model was tried"], failing=[cast("Look", object())]
    ),
    "rnn_parity.tests.judge.diagnosis.wording:first_divergence": lambda *_: [],
    "rnn_parity.tests.judge.finding.explain:Variations": lambda _: SimpleNamespace(told="", failing=[]),
}
SUMMARY = "summary.md"
SAID = "broken on purpose"


def broken(*_: object, **__: object) -> NoReturn:
    """Raise."""
    raise RuntimeError(SAID)


def break_(target: str, instead: Callable[..., object] = broken) -> None:
    """Put something in the place of a function or method: as a rule what raises."""
    module, _, path = target.partition(":")
    holder = importlib.import_module(module)
    *within, name = path.split(".")
    for step in within:
        holder = getattr(holder, step)
    getattr(holder, name)
    setattr(holder, name, instead)


def quicken() -> None:
    """Do nothing that takes long."""
    for target, instead in QUICK.items():
        break_(target, instead)


def main(folder: Path, *arguments: str) -> None:
    """Break each part in a run of its own."""
    quicken()
    for number, (part, target) in enumerate(BREAKS.items()):
        into = folder / str(number)
        into.mkdir()
        if (pid := os.fork()) == 0:
            os.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(into / SUMMARY), "COLUMNS": "200"}
            with (into / "printed").open("wb") as printed:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
            break_(target)
            outputs = [option.replace("=", f"={into}/") for option in OUTPUTS.values()]
            quiet = "-Wignore::pytest.PytestAssertRewriteWarning"  # Of what is imported already.
            status = pytest.main([*arguments, quiet, f"--archive={into}/archive", *outputs])
            sys.stdout.flush()
            os._exit(int(status))
        (into / "status").write_text(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
        (into / "part").write_text(part)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
