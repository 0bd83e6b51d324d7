"""Ctrl-C while something is reduced or looked into: the case found so far is printed and kept, and how to go on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.trial.faults import INTERRUPTION, guarded
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import ALONE
from rnn_parity.tests.suite.waiting import wait_for

#: Wrong from one layer on; once it has been wrong so often, its calls take their time, so that a run is in the middle.
SLOW = """
import time
from pathlib import Path
import torch
from rnn_parity import Capabilities, register
from rnn_parity.registry import module_build

wrong = []

@register("slow", capabilities=Capabilities(lengths=(), gradients=False))
def build(config, weights):
    run = module_build(torch.nn.RNN)(config, weights)
    def call(x, h_0=None):
        output, h_n = run(x, h_0)
        if len(wrong) > {calls}:
            Path(__file__).with_name("failing").touch()
            time.sleep(0.5)
        wrong.append(1)
        return output + 1, h_n
    return call
"""
#: Who has this suite run in the background has SIGINT ignored, which is inherited.
LISTENING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def interrupted(folder: Path, calls: int, *options: str) -> str:
    """What a run prints that is interrupted a second after so many calls."""
    path, failing = folder / "slow.py", folder / "failing"
    path.write_text(SLOW.format(calls=calls), encoding="utf-8")
    asked = ["-q", "-pno:cacheprovider", *ALONE, "--hypothesis-seed=1", "--cases=5", f"--impl={path}", *options]
    command = [sys.executable, "-c", LISTENING, sys.executable, "-m", "pytest", *asked]
    item = "tests/test_agreement.py::test_agreement[slow-0]"
    with subprocess.Popen(
        [*command, item], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as ran:
        wait_for(lambda: failing.exists() or ran.poll() is not None)
        time.sleep(1)
        os.killpg(ran.pid, signal.SIGINT)
        try:
            return ran.communicate(timeout=120)[0].decode()
        finally:
            ran.kill()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("calls", [1, 30, 150])
def test_the_case_is_told_and_kept(tmp_path: Path, calls: int, workers: int) -> None:
    """While Hypothesis shrinks it, while it is reduced, and while it is looked into; once, and in the archive."""
    into = tmp_path / "archive"
    printed = interrupted(tmp_path, calls, f"-n{workers}", f"--archive={into}")
    (kept,) = archive.files(into)
    assert f"interrupted: slow fails agreement on {archive.read(kept).case.descriptor}; kept: {kept}" in printed
    assert printed.count("interrupted: ") == 1
    assert "  Case(" in printed
    assert f"  to continue: pytest --impl={tmp_path}/slow.py --case={kept}\n" in printed


def test_without_an_archive(tmp_path: Path) -> None:
    """It is kept all the same."""
    printed = interrupted(tmp_path, 30, "-n0")
    found = re.search("to continue: pytest --impl=.*/slow.py --case=(.*)", printed)
    assert found, printed
    assert archive.read(Path(found[1])).property == "agreement"


def test_an_interruption_that_was_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops what is raised in a callback of the garbage collector: the next call raises it."""
    monkeypatch.setattr(INTERRUPTION, "pressed", True)
    with pytest.raises(KeyboardInterrupt):
        guarded("calling the network", pytest.fail)
