"""Faults of the machine: processes killed at any moment, no room, no right to write, two runs at once."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnn_parity.tests.judge.base import files
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import ALONE
from rnn_parity.tests.suite.waiting import wait_for

WRONG = """
from pathlib import Path
import torch
from rnn_parity import register
from rnn_parity.registry import module_build

@register("wrong")
def build(config, weights):
    run = module_build(torch.nn.RNN)(config, weights)
    def call(x, h_0=None):
        output, h_n = run(x, h_0)
        if config.num_layers > 1:
            Path(__file__).with_name("failing").touch()
            output = output + 1
        return output, h_n
    return call
"""
#: Writes an archive, a report and a table over and over, until it is killed.
WRITING = """
import sys
from pathlib import Path
import numpy as np
from rnn_parity import Config
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.base.files import write_text

folder = Path(sys.argv[1])
print("begun", flush=True)
for number in range(10**6):
    case = Case(Config(1, 2), np.full((3, 1, 1), number % 7))
    path = archive.write(archive.Record("agreement", case, note="long" * 20000), folder / "archive", anew=True)
    write_text(folder / "report.json", '{"results": [' + "1, " * 50000 + "1]}")
    print(path.name, flush=True)
"""


def pytest_on_wrong(folder: Path, *arguments: str) -> list[str]:
    """The command that judges an implementation that is wrong in networks of two layers."""
    path = folder / "wrong.py"
    path.write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *ALONE, "--hypothesis-seed=1", "--cases=20"]
    return [*command, f"--impl={path}", *arguments]


def said(command: list[str], **environment: str) -> str:
    """What it prints."""
    given = os.environ | environment
    ran = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


def test_killed_while_writing(tmp_path: Path) -> None:
    """SIGKILL at any moment leaves whole files only, and all that were told to be there; the rest is swept away."""
    chance = random.Random(1)
    told: set[str] = set()
    for _ in range(12):
        command = [sys.executable, "-c", WRITING, str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writing:
            assert writing.stdout is not None
            assert writing.stdout.readline() == "begun\n"
            time.sleep(chance.random() / 5)
            writing.send_signal(signal.SIGKILL)
            told |= {line.strip() for line in writing.stdout if line.endswith(".json\n")}
    assert told
    assert told <= {path.name for path in archive.files(tmp_path / "archive")}
    for path in archive.files(tmp_path / "archive"):
        assert archive.read(path).note == "long" * 20000
    assert len(json.loads((tmp_path / "report.json").read_text())["results"]) == 50001


def test_what_was_left_is_swept(tmp_path: Path) -> None:
    """Parts of files are removed once nobody can be writing them, whichever way the clock has jumped."""
    ages = {"young": 10, "old": 10**6, "to come": -(10**6)}
    for name, age in ages.items():
        part = tmp_path / f".{name}.part"
        part.touch()
        os.utime(part, (time.time() - age, time.time() - age))
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".young.part"]


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error that is told; what was there before is there still, and nothing half written."""
    path = tmp_path / "kept"
    path.write_text("before", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(path, "after")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("kept", "before")]


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_can_be_written(tmp_path: Path, workers: int) -> None:
    """The run ends with its findings, and says of each file that it could not write it, and why."""
    nowhere = "/proc/rnn-parity"
    outputs = f"--archive={nowhere}", f"--report={nowhere}.json", f"--html={nowhere}.html", f"--table={nowhere}.md"
    items = "tests/test_agreement.py::test_agreement[wrong-0]", "tests/test_h_n.py::test_h_n[wrong-0]"
    printed = said(pytest_on_wrong(tmp_path, f"-n{workers}", *outputs, *items))
    assert "archived : NOT: /proc/rnn-parity cannot be written: No such file or directory" in printed
    for what in ("results as data: /proc/rnn-parity.json", "page about the run: ", "table of conformance: "):
        assert f"NOT written: {what}" in printed
    assert "2 failed" in printed


MOUNTS: dict[str, tuple[str, str]] = {
    "read-only": (f"mount --bind {ROOT} {ROOT} && mount -o remount,ro,bind {ROOT}", "Read-only file system"),
    "full": (
        "mount -t tmpfs -o size=4k none tests/regressions; head -c 9999 /dev/zero > tests/regressions/filled; true",
        "No space left on device",
    ),
}


def may_mount() -> bool:
    """Whether this process may have file systems of its own."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="file systems of its own need root, and unshare of util-linux")
@pytest.mark.parametrize("fault", MOUNTS)
def test_a_checkout_that_takes_nothing(tmp_path: Path, fault: str) -> None:
    """In a checkout that is read-only or full, a run ends with its findings, and says why it could not archive them."""
    mounting, why = MOUNTS[fault]
    asked = pytest_on_wrong(tmp_path, "-n0", "--archive=tests/regressions", "--report=tests/regressions/found.json")
    running = " ".join(f"'{part}'" for part in [*asked, "tests/test_agreement.py::test_agreement[wrong-0]"])
    printed = said(["unshare", "-m", "bash", "-c", f"{mounting} && {running}"], PYTHONDONTWRITEBYTECODE="1")
    assert f"archived : NOT: tests/regressions cannot be written: {why}" in printed
    assert f"NOT written: results as data: tests/regressions/found.json: {why}" in printed
    assert "1 failed" in printed


def test_two_runs_at_once(tmp_path: Path) -> None:
    """Two runs in one checkout, with one archive, do each other no harm."""
    into = f"--archive={tmp_path / 'archive'}"
    items = [f"tests/test_{name}.py::test_{name}[wrong-0]" for name in ("agreement", "h_n")]
    command = pytest_on_wrong(tmp_path, "-n1", into, *items)
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert all("2 failed" in each.communicate()[0] for each in running)
    kept = archive.files(tmp_path / "archive")
    assert sorted(archive.read(path).property for path in kept) == ["agreement"]
    assert [path.suffix for path in (tmp_path / "archive").iterdir()] == [".json"]


@pytest.mark.parametrize("whom", ["worker", "all"])
def test_killed_once_it_is_told(tmp_path: Path, whom: str) -> None:
    """What was told to be archived is there, whoever is killed the moment after."""
    into = tmp_path / "archive"
    items = [f"tests/test_{name}.py::test_{name}[wrong-0]" for name in ("agreement", "h_n")]
    command = pytest_on_wrong(tmp_path, "-n1", f"--archive={into}", *items)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as ran:
        wait_for(lambda: into.exists() and bool(archive.files(into)))
        kept = archive.files(into)
        kill: Callable[[], None] = (
            (lambda: os.killpg(ran.pid, signal.SIGKILL)) if whom == "all" else (lambda: kill_worker(ran.pid))
        )
        kill()
        printed = ran.communicate()[0].decode()
    assert all(archive.read(path).case for path in kept)
    assert whom == "all" or "2 failed" in printed


def test_killed_while_shrinking(tmp_path: Path) -> None:
    """Killed at any moment after the first failing call, it leaves whole files or none; the next run finds it all."""
    chance, failing, report = random.Random(2), tmp_path / "failing", tmp_path / "report.json"
    into = tmp_path / "archive"
    item = "tests/test_agreement.py::test_agreement[wrong-0]"
    command = pytest_on_wrong(tmp_path, "-n1", f"--archive={into}", f"--report={report}", item)
    for _ in range(6):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as ran:
            wait_for(failing.exists)
            time.sleep(3 * chance.random())
            os.killpg(ran.pid, signal.SIGKILL)
        failing.unlink()
        assert all(archive.read(path).case for path in archive.files(into))
        assert not report.exists() or json.loads(report.read_text(encoding="utf-8"))["results"]
    assert "1 failed" in said(command)
    assert [archive.read(path).property for path in archive.files(into)] == ["agreement"]
    assert json.loads(report.read_text(encoding="utf-8"))["results"]


def kill_worker(controller: int) -> None:
    """Kill the process that judges."""
    children = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
