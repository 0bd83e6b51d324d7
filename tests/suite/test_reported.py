"""What a run says of each implementation in `tests/suite/reported`: the right sentences, and no false one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
REPORTED = ROOT / "tests" / "suite" / "reported"


class Told(NamedTuple):
    """How a run ended, and everything that it printed."""

    status: int
    text: str


def told(name: str, *options: str) -> Told:
    """Judge one of the reported implementations in a run of its own, in the profile with a fixed seed."""
    command = [sys.executable, "-m", "pytest", f"--impl={REPORTED / name}.py", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "COLUMNS": "120", "CI": "true"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    return Told(ended.returncode, ended.stdout + ended.stderr)


def test_a_wrong_one_fails() -> None:
    """The run fails, and names the implementation and the property."""
    found = told("flipped", "-n0", "--cases=100", "tests/test_agreement.py")
    assert found.status == 1
    assert "flipped (torch" in found.text
    assert "fails agreement" in found.text
