"""The command `rnn-parity`: who is judged is named first, and its exit status says what came out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rnn_parity.tests.commandline import called
from rnn_parity.tests.commandline import main as command
from rnn_parity.tests.commandline.commands import COMMANDS
from rnn_parity.tests.suite.running import environment

RIGHT = "from torch import nn\n\n\nclass Right(nn.RNN):\n    pass\n"
WRONG = """
from torch import nn

from rnn_parity import register_module


class Wrong(nn.RNN):
    def forward(self, x, h_0=None):
        return super().forward(x, None)


register_module("wrong", Wrong)
"""
QUICK = ("-n0", "-p", "no:cacheprovider", "--cases=20", "--hypothesis-seed=1")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["my.py"], ["--impl=my.py"]),
        (["my.py", "nn.rnn", "-n", "2"], ["--impl=my.py", "--impl=nn.rnn", "-n", "2"]),
        (["mylib.rnn:MyRNN", "--cases=3"], ["--impl=mylib.rnn:MyRNN", "--cases=3"]),
        (["--repro", "found.py"], ["--repro", "found.py"]),
        (["--list"], ["--list-impls"]),
        (["my.py", "tests/test_laws.py::x", "-q"], ["--impl=my.py", f"{command.TESTS}/test_laws.py::x", "-q"]),
        (["hunt", "my.py", "-n", "2"], ["--minutes=30", "--impl=my.py", "-n", "2"]),
        (["hunt", "--minutes=1"], ["--minutes=30", "--minutes=1"]),
        (["replay", "a.json", "my.py", "nn.rnn"], ["--case=a.json", "--impl=my.py", "--impl=nn.rnn"]),
        (["merge", "1.json", "2.json", "--html=a.html"], ["--merge=1.json", "--merge=2.json", "--html=a.html"]),
        (["table", "a.md", "my.py", "--cases=3"], ["--table=a.md", "--impl=my.py", "--cases=3"]),
        (["options"], ["--help"]),
    ],
)
def test_who_is_judged_is_named_first(arguments: list[str], given: list[str]) -> None:
    assert list(command._asked(arguments)) == given


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_fits_a_screen(
    name: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 80 columns and 24 lines; it says what each argument and option is."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        list(command._asked([*[name] * bool(name), option]))
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"usage: rnn-parity {name}".rstrip())
    for shown in (*COMMANDS[name].shows, *(taken.name for taken in COMMANDS[name].takes)):
        assert any(line.startswith(f"  {shown} ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["replay"], "the following arguments are required: FILE"),
        (["merge", "--html=a.html"], "the following arguments are required: REPORT.json"),
        (["options", "my.py"], "unrecognized arguments: my.py"),
    ],
)
def test_a_command_that_misses_something_says_what(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        list(command._asked(arguments))
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, called in a folder."""
    words = [sys.executable, "-m", "rnn_parity", *arguments]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("mine:Right", "tests/test_h_0.py", *QUICK), 0, "right meets the demands on state and calls (1 property"),
        (("wrong.py", "tests/test_h_0.py", "tests/test_agreement.py", *QUICK), 1, "the bug: h_0 is"),
        (("absent.py",), 2, "--impl absent.py: expected a Python file, there is no such file"),
        (("nn.rn",), 2, "did you mean nn.rnn"),
        (("--list",), 0, "nn.rnn"),
        (("replay", "absent.json"), 2, "absent.json: expected a file that --archive wrote, there is no such file"),
        (("merge", "a.json", "b.json"), 2, "a.json: there is no such file; expected reports that --report has written"),
        (("hunt", "nn.rnn", "--cases=3"), 2, "--minutes and --cases do not go together"),
    ],
)
def test_the_exit_status_says_what_came_out(tmp_path: Path, arguments: tuple[str, ...], status: int, text: str) -> None:
    """0 right, 1 wrong, 2 a wrong command."""
    (tmp_path / "mine.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    found = ran(tmp_path, *arguments)
    assert text in found.stdout + found.stderr
    assert found.returncode == status


def test_without_torch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to run, and needs nothing for its help."""
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["rnn-parity", "my.py"])
    monkeypatch.setenv("RNN_PARITY_CALLED", "")  # Which is put back.
    assert command.main() == 2
    assert capsys.readouterr().err == ("rnn-parity: torch is not installed here. Run python -m pip install torch\n")


@pytest.mark.parametrize(
    ("argv", "original", "own"),
    [
        (["{bin}/rnn-parity", "my.py"], ["python3", "{bin}/rnn-parity", "my.py"], ["rnn-parity"]),
        (["./other bin/rnn-parity", "-n0"], ["python3", "./other bin/rnn-parity", "-n0"], ["./other bin/rnn-parity"]),
        (
            ["/lib/rnn_parity/__main__.py", "my.py", "-n0"],
            ["python3", "-Xdev", "-m", "rnn_parity", "my.py", "-n0"],
            ["python3", "-Xdev", "-m", "rnn_parity"],
        ),
    ],
)
def test_it_knows_how_it_was_called(
    argv: list[str], original: list[str], own: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, where that finds it; by a path; or as a module of Python, where no script may be on the path."""
    (tmp_path / "rnn-parity").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "rnn-parity").chmod(0o700)
    for name, value in (("argv", argv), ("orig_argv", original)):
        monkeypatch.setattr(sys, name, [word.format(bin=tmp_path) for word in value])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RNN_PARITY_CALLED", "")
    called.note_call()
    assert called.own() == own


@pytest.mark.parametrize(("status", "given"), [(0, 0), (1, 1), (2, 130), (3, 3), (4, 2), (5, 2)])
def test_statuses_of_pytest(monkeypatch: pytest.MonkeyPatch, status: int, given: int) -> None:
    """An internal error is 3, Ctrl-C is 130 as of other commands."""
    monkeypatch.setattr(pytest, "main", lambda arguments, plugins: status)
    monkeypatch.setattr(sys, "argv", ["rnn-parity"])
    monkeypatch.setenv("RNN_PARITY_CALLED", "")  # Which is put back.
    assert command.main() == given
