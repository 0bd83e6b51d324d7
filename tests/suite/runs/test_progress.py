"""The progress of a long run: what it counts, how long it says that the rest takes, and when it says nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rnn_parity import registered
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.schedule import progress
from rnn_parity.tests.judge.schedule.progress import EVERY, Progress, asked
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import pytest_run

ONE = registered()["nn.rnn"]
RUN = Run(
    implementations=(ONE, replace(ONE, name="dear", cases=150), replace(ONE, name="with-2")),
    cases=250,
    seed=0,
    profile="dev",
    archive=None,
    replay=None,
    seconds=math.inf,
)


@dataclass
class Clock:
    """It shows what it is set to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Told:
    """A run under a clock that is set by hand."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.progress = Progress(RUN, self.clock)

    def expecting(self, **shards: int) -> Told:
        self.progress.expect(
            f"tests/test_a.py::test_a[{name.replace('_', '.')}-{shard}]"
            for name, count in shards.items()
            for shard in range(count)
        )
        return self

    def take(self, name: str, cases: int, seconds: float) -> None:
        self.progress.take(f"tests/test_a.py::test_a[{name}-0]", cases, seconds)


@pytest.mark.parametrize(
    ("item", "name", "cases"),
    [
        ("nn.rnn-0", "nn.rnn", 100),
        ("nn.rnn-2", "nn.rnn", 50),
        ("nn.rnn-2@nn.rnn", "nn.rnn", 50),
        ("dear-1", "dear", 50),
        ("with-2-0", "with-2", 100),
        ("with-2", "with-2", 0),
        ("nn.rnn", "nn.rnn", 0),
        ("agreement-12ab-nn.rnn", "agreement-12ab-nn.rnn", 1),
    ],
)
def test_an_item_says_what_it_judges(item: str, name: str, cases: int) -> None:
    """A shard its budget, an archived case one, what is skipped none."""
    nodeid, at, group = f"tests/test_a.py::test_a[{item.partition('@')[0]}]", *item.partition("@")[1:]
    assert asked(RUN, nodeid + at + group) == (name, cases)
    assert asked(RUN, "tests/test_a.py::test_a") == ("", 0)


def test_counts_rates_and_time_left() -> None:
    """Half of the work in 30 s: the other half takes as long."""
    told = Told().expecting(nn_rnn=2)
    told.clock.now += 30
    told.take("nn.rnn", 100, 12.0)
    assert told.progress.due()
    assert told.progress.line(0) == ("rnn-parity: 100 cases, 50% done, 3/s, no disagreements, about 30 s left")
    told.clock.now += 270
    assert "0/s, 1 disagreement, about 5 min left" in told.progress.line(1)


def test_time_left_knows_who_is_dear() -> None:
    """A tenth of the cases is left, of an implementation whose cases take a hundred times as long."""
    told = Told().expecting(nn_rnn=3, dear=2)
    told.take("nn.rnn", 100, 0.1)
    told.take("dear", 100, 10.0)
    told.clock.now += 100
    assert "66% done" in told.progress.line(0)
    assert "about 50 s left" in told.progress.line(0)


def test_what_was_cut_is_done() -> None:
    """CPU seconds ended after 7 cases: they are counted, and the rest is not waited for."""
    told = Told().expecting(nn_rnn=2)
    told.take("nn.rnn", 7, 1.0)
    told.clock.now += 60
    assert told.progress.line(0).startswith("rnn-parity: 7 cases, 50% done")


def test_a_line_is_due_now_and_then() -> None:
    """Every half minute, not before, not when all is done, and not where nothing is judged."""
    told = Told().expecting(nn_rnn=1)
    assert not told.progress.due()
    told.clock.now += EVERY
    assert told.progress.due()
    assert not told.progress.due()
    assert told.progress.line(2).endswith("2 disagreements, no estimate yet")
    told.take("nn.rnn", 100, 1.0)
    told.clock.now += EVERY
    assert not told.progress.due()
    nothing = Told()
    nothing.clock.now += EVERY
    assert not nothing.progress.due()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1, "5 s"), (12, "10 s"), (54, "55 s"), (61, "1 min"), (200, "3 min")]
)
def test_no_finer_than_it_is_known(seconds: float, words: str) -> None:
    assert progress._about(seconds) == f"about {words} left"


#: A plugin under which a line is due all the time.
OFTEN = """
def pytest_configure(config):
    from rnn_parity.tests.judge.schedule import progress

    progress.EVERY = 0.0
"""


def run(folder: Path, *arguments: str, often: bool = True) -> str:
    (folder / "often.py").write_text(OFTEN if often else "", encoding="utf-8")
    asked = ["-pno:cacheprovider", "-p", "often", "--impl=nn.rnn", "--cases=250"]
    tests = ("tests/test_agreement.py", "tests/test_h_n.py")
    ran = pytest_run(*asked, *arguments, *tests, PYTHONPATH=str(folder), COLUMNS="120", CI="true")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_tells_it(tmp_path: Path, workers: int) -> None:
    """A line of its own after each item but the last, without carriage returns; all cases are counted."""
    text = run(tmp_path, f"-n{workers}")
    told = re.findall(
        r"^rnn-parity: (\d+) cases, (\d+)% done, .*, no disagreements, about .* left$", text, re.MULTILINE
    )
    assert [cases for cases, _ in told] == sorted((cases for cases, _ in told), key=int)
    assert 450 >= int(told[-1][0]) >= 400
    assert len(told) == 5
    assert "\r" not in text
    assert re.search(r"^500 cases judged in ", text, re.MULTILINE)


def test_short_and_quiet_runs_say_nothing(tmp_path: Path) -> None:
    """What is over in half a minute, or was asked to be quiet."""
    assert "% done" not in run(tmp_path, "-n0", often=False)
    assert "% done" not in run(tmp_path, "-n2", "-q", "-q")


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_found_is_named_at_once(workers: int) -> None:
    """While others are still judged; what is right is not mentioned before the end."""
    path = ROOT / "tests/suite/reported/flipped.py"
    asked = [
        "-pno:cacheprovider",
        f"-n{workers}",
        f"--impl={path}",
        "--impl=nn.rnn",
        "--cases=60",
        "--hypothesis-seed=1",
    ]
    text = pytest_run(*asked, "tests/test_agreement.py", COLUMNS="80").stdout
    named = "flipped: h_0's rows are read in the opposite order, in networks of several layers (agreement, relu "
    assert text.count(named) == 1
    assert text.index(named) < text.index("= FAILURES =")
