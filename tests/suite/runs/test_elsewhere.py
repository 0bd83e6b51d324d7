"""The command `rnn-parity`, in a folder that is no checkout."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import ALONE, environment

#: How the command is called here, which is how it is told.
CALLED = f"{sys.executable} -m rnn_parity"
FLIPPED = ROOT / "tests" / "suite" / "reported" / "flipped.py"


def judged(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command there."""
    command = [sys.executable, "-m", "rnn_parity", *arguments, "-pno:cacheprovider", *ALONE]
    return subprocess.run(
        command, cwd=folder, env=environment() | {"COLUMNS": "200"}, capture_output=True, text=True, check=False
    )


def test_the_command_that_is_told_finds_it_again(tmp_path: Path) -> None:
    """What configures pytest there, and a package called tests, are none of its business."""
    (tmp_path / "my_rnn.py").write_text(FLIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n", encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").write_text("raise RuntimeError\n", encoding="utf-8")
    ran = judged(tmp_path, "-n0", "--impl=my_rnn.py", "--cases=40", "--hypothesis-seed=1", "tests/test_h_n.py")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "the bug: h_0's rows are read in the opposite order" in ran.stdout
    assert "\nFAILED tests/test_h_n.py::test_h_n[flipped-0]" in ran.stdout
    (command,) = re.findall(rf"^  replay   : {CALLED} (.*)$", ran.stdout, re.MULTILINE)
    again = judged(tmp_path, *shlex.split(command), "-n0", "--archive=kept", "--report=report.json")
    assert again.returncode == 1, again.stdout + again.stderr
    assert "the bug: h_0's rows are read in the opposite order" in again.stdout

    (replay,) = re.findall(rf"^  replay   : {CALLED} (replay .*)$", again.stdout, re.MULTILINE)
    assert re.fullmatch(r"replay kept/h_n-\w+\.json my_rnn\.py", replay)
    replayed = judged(tmp_path, *shlex.split(replay), "-n0")
    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    assert f"  replay   : {CALLED} {replay}\n" in replayed.stdout
    merged = judged(tmp_path, "merge", "report.json")
    assert merged.returncode == 1, merged.stdout + merged.stderr
    assert "the bug: h_0's rows are read in the opposite order" in merged.stdout
