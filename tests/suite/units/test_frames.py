"""An error of an implementation comes with its own frames: its file, its line, the source, and none of the suite's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rnn_parity import Config
from rnn_parity.registry.frames import Frame, attach, frames_of, in_lines
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import PROPERTIES, Disagreement, Trial
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.finding.wording import what_differs
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.suite.reported import reported

CASE = Case(Config(1, 1), np.ones((2, 1, 1)))
LINE = 'h = torch.tanh(x_t @ weights["weights_ih_l0"].T + h)'
FILE = "tests/suite/reported/misspelt.py"


def raised(name: str) -> Disagreement:
    """The disagreement of a reported implementation on a small case."""
    with pytest.raises(Disagreement) as caught:
        Trial(reported(name)).agrees(CASE)
    return caught.value


def test_a_misspelt_name() -> None:
    """The line that raises is the only frame."""
    found = raised("misspelt")
    (frame,) = found.frames
    assert (frame.function, frame.source, frame.installed) == ("run", LINE, False)
    assert (Path(frame.file).name, frame.line) == ("misspelt.py", 13)
    assert what_differs(found) == [
        "calling the network raised KeyError: 'weights_ih_l0'",
        f"  {frame.place}: in run",
        f"    {LINE}",
    ]


def test_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file below the current folder is told from there, and another with its whole path."""
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)
    assert raised("misspelt").frames[0].file == FILE
    monkeypatch.chdir(tmp_path)
    assert raised("misspelt").frames[0].file == str(root / FILE)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert raised("misspelt").frames[0].file == str(root / FILE)


def test_the_archive_keeps_them() -> None:
    found = raised("misspelt")
    load_properties()
    record = Counterexample.as_found(PROPERTIES["agreement"], reported("misspelt"), CASE, found).record()
    (seen,) = json.loads(json.dumps(record.disagreed))
    assert [Frame(**frame) for frame in seen["frames"]] == list(found.frames)


def test_frames_of_a_library() -> None:
    """They are told from where it is installed."""
    try:
        torch.nn.functional.linear(torch.ones(2), torch.ones(3))
        torch.nn.RNN(1, 1)(torch.ones(1, 1, 1, 1))
    except (RuntimeError, ValueError) as error:
        frames = frames_of(error)
    assert frames[-1].file.endswith("test_frames.py")
    assert all(frame.installed == frame.file.startswith("torch/") for frame in frames)


OWN = [Frame(f"own{line}.py", line, "run", f"line {line}", installed=False) for line in range(9)]
LIBRARY = [Frame(f"library/a{line}.py", line, "call", "", installed=True) for line in range(9)]
#: Frames, and the places of those that are told.
TOLD = {
    "none": ([], []),
    "own alone": (OWN[:2], ["own0.py:0", "own1.py:1"]),
    "no more than four": (OWN, [f"own{line}.py:{line}" for line in range(4)]),
    "what the library's innermost call was called by": (
        [*LIBRARY[:3], *OWN[:1], *LIBRARY[3:]],
        ["library/a0.py:0", "own0.py:0"],
    ),
    "nothing that calls its own": ([*OWN[:1], *LIBRARY], ["own0.py:0"]),
    "a library's alone": (LIBRARY[:2], ["library/a0.py:0", "library/a1.py:1"]),
}


@pytest.mark.parametrize("name", TOLD)
def test_those_that_are_told(name: str) -> None:
    frames, places = TOLD[name]
    assert [line.split()[0][:-1] for line in in_lines(frames) if ": in " in line] == places


def test_an_error_keeps_what_it_was_given() -> None:
    error = ValueError()
    attach(error, OWN[:1])
    assert frames_of(error) == tuple(OWN[:1])
