"""Implementations that harm their process, in real runs: each is found with its minimal case, and the run goes on.

What is done stands in `rnn_parity.tests.suite.planted.deeds`: only in networks of two layers and up.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from rnn_parity import Config, Implementation, implementation, registered, registry, resolve
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.judge.trial import recorder, surroundings
from rnn_parity.tests.judge.trial.observation import observe
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.planted.deeds import DEEDS
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.running import ALONE, pytest_run, python_run

HOSTILE = "--impl=tests/suite/planted/hostile.py"
#: All look at one run.
pytestmark = pytest.mark.xdist_group("hostile")
DIED = "it crashes its process: the process died"
ENDS = "which is no Exception and ends the program that calls it"

#: What each finding is called, by property and deed.
NAMES: dict[tuple[str, str], str] = {
    ("agreement", "segfaults"): f"{DIED} of SIGSEGV while calling the network",
    ("agreement", "leaves"): f"{DIED} with status 3 while calling the network",
    ("agreement", "hangs"): "it does not return: calling the network took more than 2 s",
    ("agreement", "devours"): "it exceeds the memory limit: calling the network took [12],[0-9]+ MiB",
    ("agreement", "raises-own"): f"raises Own, {ENDS}",
    ("agreement", "raises-exit"): f"raises SystemExit, {ENDS}",
    ("agreement", "raises-interrupt"): f"raises KeyboardInterrupt, {ENDS}",
    ("agreement", "flushes"): "changes the floating-point environment .* to subnormals are flushed to zero",
    ("agreement", "rounds-up"): "changes the floating-point environment .* rounded in one direction",
    ("arguments", "corrupts"): "changed its argument x",
    ("surroundings", "prints"): "it prints, calling the network",
    ("surroundings", "prints-natively"): "it prints, calling the network",
    ("leaks", "leaks"): "it keeps something of every call, and never lets it go",
}

#: What those are called that are found in this process as well as in another.
HARMLESS: dict[tuple[str, str], str] = {
    ("agreement", "sets-dtype"): "changes torch's default dtype from torch.float32 to torch.float64",
    ("agreement", "sets-threads"): "changes torch's number of threads from 1 to 3",
    ("agreement", "sets-errstate"): "changes what NumPy does about floating-point errors",
    ("agreement", "moves"): "changes the working directory from .* to /",
    ("surroundings", "filters-warnings"): "changes the filters of warnings",
    ("surroundings", "draws"): "changes the state of Python's random numbers",
    ("surroundings", "draws-numpy"): "changes the state of NumPy's random numbers",
    ("surroundings", "draws-torch"): "changes the state of torch's random numbers",
    ("surroundings", "recurses"): "changes the interpreter's recursion limit",
}


#: Pytest's options, on hostile implementations.
ASKED = "-q", "-pno:cacheprovider", "--hypothesis-seed=1", HOSTILE


def item(judged: str, deed: str) -> str:
    """What pytest calls a property and implementation."""
    return f"tests/test_{judged}.py::test_{judged}[{deed}-0]"


def said(*arguments: str) -> str:
    """What a run prints."""
    ran = pytest_run(*ASKED, *arguments, COLUMNS="250", CI="true")
    return ran.stdout + ran.stderr


@cache
def told() -> str:
    """All deeds in one run, and two that agree: what is printed, without its lines."""
    items = [item(*which) for which in NAMES]
    limits = "--cases=30", "--time-limit=4", "--memory-limit=1000"
    printed = said("-n2", *limits, "--impl=nn.rnn", item("agreement", "nn.rnn"), item("agreement", "prints"), *items)
    return " ".join(printed.split())


@pytest.mark.parametrize(("judged", "deed"), NAMES)
def test_a_finding(judged: str, deed: str) -> None:
    """It has its name and its minimal case: the smallest network of two layers."""
    found = re.search(rf" {deed} \(torch \S+\) fails {judged}: .*? minimal case: (.*?) Case", told())
    assert found, told()[-3000:]
    assert re.search(NAMES[judged, deed], found[0])
    assert re.match("(relu|tanh) T1 B1 I1 H1 L2 " if judged != "leaks" else ".* L2 ", found[1])


@pytest.mark.parametrize(("judged", "deed"), HARMLESS)
def test_what_leaves_the_process_standing(judged: str, deed: str) -> None:
    """The same of what changes a setting, and no more."""
    disagreement = hunt(PROPERTIES[judged], hostile()[deed], 1, shrink=False, cases=30)
    assert isinstance(disagreement, Disagreement)
    minimal = find_minimal(PROPERTIES[judged], hostile()[deed], disagreement)
    assert re.search(HARMLESS[judged, deed], minimal.disagreement.name)
    assert re.match("(relu|tanh) T1 B1 I1 H1 L2 ", minimal.case.descriptor)


@cache
def hostile() -> dict[str, Implementation]:
    """Those implementations, which the registry of this process does not keep."""
    with patch.dict(registry.REGISTRY, registered()):
        return {found.name: found for found in resolve(HOSTILE.partition("=")[2])}


def test_the_others_are_judged() -> None:
    """Who does no harm has a verdict: nobody is lost with a process."""
    assert f"{len(NAMES)} failed, 2 passed, 4 repeated" in told()


def test_without_workers(tmp_path: Path) -> None:
    """The run ends with the process; the case is kept, and crashes a process of its own."""
    aborts = "-n0", "--cases=30", f"--archive={tmp_path}", item("agreement", "aborts")
    # A new process is waited for until what is told after its end has been told, too.
    ran = python_run("-m", "pytest", *ALONE, *ASKED, *aborts, COLUMNS="250", CI="true")
    printed = ran.stdout + ran.stderr
    (kept,) = archive.files(tmp_path)
    assert "aborts was judged by agreement on" in printed
    assert "the same command with -n 1" in printed
    assert f"--isolate --case={kept}" in printed
    again = said("-n0", "--isolate", f"--case={kept}", "-kaborts")
    assert "the process died of SIGABRT while calling the network" in again


def test_what_is_archived_is_replayed(tmp_path: Path) -> None:
    """Where it shows in a process of its own, the minimal case is archived, and replays."""
    said("-n1", "--cases=30", f"--archive={tmp_path}", item("agreement", "segfaults"))
    (kept,) = archive.files(tmp_path)
    record = archive.read(kept)
    assert (record.case.config.num_layers, record.case.x.size) == (2, 1)
    assert record.disagreed[0]["kind"] == "crashes"
    assert "1 failed" in said("-n0", "--isolate", f"--case={kept}", "-ksegfaults")


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_in_native_code(tmp_path: Path, workers: int) -> None:
    """Ctrl-C ends a run whose call hears no signal, and tells whose call that is."""
    # Who has this suite run in the background has SIGINT ignored, which is inherited.
    listening = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-m", "pytest", *ALONE, *ASKED, f"-n{workers}", "--cases=30", item("agreement", "hangs")]
    asked = [sys.executable, "-c", listening, *command]
    given = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        asked, cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as ran:
        while not hangs(tmp_path) and ran.poll() is None:
            time.sleep(0.2)
        os.killpg(ran.pid, signal.SIGINT)
        try:
            printed = ran.communicate(timeout=60)[0].decode()
        finally:
            ran.kill()
    assert "hangs was judged by agreement on" in printed
    assert re.search("calling the network ha(d taken|ving taken) [0-9]+ s", printed)


def hangs(folder: Path) -> bool:
    """Whether a run that has its records there waits for a call."""
    seen = [recorder.read(path) for path in folder.glob("rnn-parity-*/*.record")]
    return any(found and found[0].calls and time.monotonic() - found[0].since > 2 for found in seen)


@pytest.mark.parametrize("workers", [1, 2])
def test_by_group(workers: int) -> None:
    """Where items of a group stay in one worker, one that crashes is repeated once, and the run comes to its end."""
    items = [
        item(*which) for which in (("agreement", "aborts"), ("h_n", "aborts"), ("h_n", "prints"), ("calls", "prints"))
    ]
    printed = said(f"-n{workers}", "--dist=loadgroup", "--cases=30", *items)
    assert re.search(r"2 failed, 2 passed,\s+[12] repeated", printed), printed


def test_what_cannot_be_judged_apart() -> None:
    """What crashes its process is told as it was seen where only what asks for this very process is judged."""
    printed = said("-n1", "--cases=30", item("surroundings", "aborts"))
    assert "aborts fails agreement on" in printed
    assert "on this same case" not in printed
    assert re.search(r"1 failed,\s+1 repeated", printed), printed


def test_by_worker() -> None:
    """Where each worker judges all, as several Pythons do, what crashes is repeated in each, and all have verdicts."""
    items = [item(*which) for which in (("agreement", "aborts"), ("h_n", "prints"))]
    printed = said("-n2", "--dist=each", "--cases=30", *items)
    assert re.search(r"2 failed, 2 passed,\s+[12] repeated", printed), printed


def test_looking_into_it_changes_nothing() -> None:
    """What is observed for a diagnosis or a script is put back, too."""

    def build(*_: object) -> Callable[..., object]:
        return DEEDS["moves"]

    before = surroundings.snapshot()
    case = Case(Config(1, 1), np.ones((1, 1, 1)))
    assert observe(replace(implementation("nn.rnn"), build=build), case).error
    assert surroundings.snapshot() == before
