"""Long hunts: what pays is hunted most, nobody is given up, what was covered is known next time, and time is kept."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge.hunting import coverage, ledger
from rnn_parity.tests.judge.hunting.bandit import FLOOR, Bandit
from rnn_parity.tests.judge.hunting.coverage import CELLS, Coverage
from rnn_parity.tests.judge.hunting.ledger import Ledger, Pair
from rnn_parity.tests.judge.hunting.rounds import Seeds
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.trial.counts import FACETS
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import pytest_run, python_run

# The space of cases


@given(cases())
@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
def test_cells_of_a_case(case: Case) -> None:
    """As many as there are three sides, each another, and other ones where it comes nearer to its bound."""
    far, near = coverage.cells_of(case, 0.0), coverage.cells_of(case, 0.9)
    assert len(set(far.tolist())) == len(far)
    assert far.min() >= 0
    assert max(far.max(), near.max()) < CELLS
    sides = len(FACETS) + 1
    assert len(far) == sides * (sides - 1) * (sides - 2) / 6
    assert (far != near).sum() == (sides - 1) * (sides - 2) / 2


def test_every_cell_has_a_place_of_its_own() -> None:
    """The last cell of three sides is followed by the first of the next three."""
    assert coverage._START[0] == 0
    assert (np.diff([*coverage._START, CELLS]) == coverage._CELLS_OF).all()


def seen(*numbers: int) -> coverage.Packed:
    """These cells, and no others."""
    cells = np.zeros(CELLS, np.bool_)
    cells[list(numbers)] = True
    return np.packbits(cells)


def test_cells_travel_as_text() -> None:
    """There and back; what is damaged, or of another space, is refused."""
    cells = seen(0, 7, 8, CELLS - 1)
    assert coverage.count(cells) == 4
    assert (coverage.from_text(coverage.as_text(cells)) == cells).all()
    assert coverage.count(Coverage().packed()) == 0
    for damaged in ("", "!", "AAAA", coverage.as_text(cells)[:-8], coverage.as_text(cells[:-1])):
        with pytest.raises(ValueError, match=r".") as refusal:
            coverage.from_text(damaged)
        assert not isinstance(refusal.value, UnicodeError)


# What pays


class World(NamedTuple):
    """Pairs, each of which gives so many new cells a round, and takes so many seconds for it."""

    gives: dict[tuple[str, str], tuple[int, float, float]]

    def hunted(self, turns: int) -> Counter[tuple[str, str]]:
        """How often each had its turn."""
        pairs = {name: Pair() for name in self.gives}
        bandit, turned = Bandit(pairs, Random(1)), Counter[tuple[str, str]]()
        for _ in range(turns):
            name = bandit.choose()
            new, seconds, worst = self.gives[name]
            start = turned[name] * new % (CELLS - new)
            pairs[name].learn(100, seconds, worst, seen(*range(start, start + new)))
            turned[name] += 1
        return turned


def test_new_cells_draw_rounds() -> None:
    """One pair goes on giving new cells, the others are exhausted: it has all turns but those of the floor."""
    names = [("nn.rnn", f"property-{number}") for number in range(8)]
    turned = World({name: (200 if name == names[3] else 0, 1.0, 0.0) for name in names}).hunted(200)
    assert turned[names[3]] > 200 * (1 - 1 / FLOOR) - 2 * len(names)
    assert min(turned.values()) >= 200 / FLOOR / len(names) - 2


def test_cost_counts() -> None:
    """Of two that give the same, the one that takes a tenth of the time has most turns."""
    turned = World({("fast", "a"): (100, 0.1, 0.0), ("slow", "a"): (100, 1.0, 0.0)}).hunted(80)
    assert turned[("fast", "a")] > 2 * turned[("slow", "a")]


def test_near_misses_count() -> None:
    """Of two that give and take the same, the one whose results come near their bounds has most turns."""
    turned = World({("near", "a"): (100, 1.0, 0.9), ("far", "a"): (100, 1.0, 0.1)}).hunted(80)
    assert turned[("near", "a")] > 2 * turned[("far", "a")]


def test_all_are_tried_first() -> None:
    """Nobody has a second turn before all had their first, where they give less than what is new."""
    names = [(who, what) for who in ("a", "b", "c") for what in ("x", "y")]
    assert set(World(dict.fromkeys(names, (300, 1.0, 0.2))).hunted(len(names)).values()) == {1}


def test_who_has_its_verdict_is_left_alone() -> None:
    """A pair that failed has no more turns; one that is busy has none where another is free."""
    names = [("a", "x"), ("b", "x")]
    bandit = Bandit({name: Pair() for name in names}, Random(0))
    assert {bandit.choose(busy=[names[0]]) for _ in range(9)} == {names[1]}
    bandit.retire(names[1])
    assert {bandit.choose(busy=[names[0]]) for _ in range(9)} == {names[0]}
    bandit.retire(names[0])
    assert not bandit.pairs


# What is remembered


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Counts, what paid, and cells; a pair that had no round is not kept."""
    kept = Ledger(hunts=3)
    assert kept.pair("a on b").learn(100, 2.0, 0.5, seen(1, 2, 3)) == 3
    assert kept.pair("a on b").learn(50, 1.0, 0.25, seen(3, 4)) == 1
    kept.pair("never")
    path = tmp_path / "folder" / "hunts.json"
    assert not kept.write(path)
    again, said = ledger.read(path)
    assert not said
    assert again.hunts == 3
    assert list(again.pairs) == ["a on b"]
    pair = again.pairs["a on b"]
    assert (pair.rounds, pair.cases, pair.seconds, pair.worst) == (2, 150, 3.0, 0.5)
    assert (pair.recent_cells, pair.recent_seconds) == (2.5, 2.0)
    assert (pair.cells == seen(1, 2, 3, 4)).all()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 100_000),
        '{"schema": 2, "hunts": 1, "pairs": {}}',
        '{"schema": 1, "hunts": "x", "pairs": {}}',
        '{"schema": 1, "hunts": 1, "pairs": []}',
        '{"schema": 1, "hunts": 1, "pairs": {"a": {}}}',
    ],
)
def test_a_broken_ledger_is_put_aside(tmp_path: Path, text: str) -> None:
    """It is told of, begun anew, and lies beside."""
    path = tmp_path / "hunts.json"
    path.write_text(text, encoding="utf-8")
    found, said = ledger.read(path)
    assert found == Ledger()
    assert f"{path} is no ledger of hunts" in said
    assert "hunts.broken" in said
    assert (tmp_path / "hunts.broken").read_text(encoding="utf-8") == text
    assert not path.exists()


def test_no_ledger_and_no_room_for_one(tmp_path: Path) -> None:
    """The first hunt has nothing to read, which is nothing to tell; one that cannot write says so and goes on."""
    assert ledger.read(tmp_path / "hunts.json") == (Ledger(), "")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in Ledger().write(tmp_path / "file" / "hunts.json")
    (tmp_path / "folder").mkdir()
    assert "cannot be read" in ledger.read(tmp_path / "folder")[1]


def test_the_round_that_crashed_is_had_again(tmp_path: Path) -> None:
    """Its seed outlives the worker, for the item that crashed, and once."""
    seeds = Seeds(tmp_path)
    seeds.note("gw0", 17)
    seeds.note("gw1", 18)
    seeds.crashed("gw0", "tests/test_a.py::test_a[b-0]")
    assert seeds.of_crashed("tests/test_a.py::test_a[c-0]") is None
    assert seeds.of_crashed("tests/test_a.py::test_a[b-0]") == 17
    assert seeds.of_crashed("tests/test_a.py::test_a[b-0]") is None
    seeds.crashed("gw7", "nobody")


# Hunts


#: Wrong where a bias lies in the second layer and the input is not all zero; and one that nobody can blame.
SOURCE = """
import os, signal
import torch
from rnn_parity import Capabilities, register
from rnn_parity.registry import module_build

PLAIN = Capabilities(gradients=False)
exact = module_build(torch.nn.RNN)


def forgets(config, weights):
    if config.bias and config.num_layers > 1:
        weights = weights | {"bias_hh_l1": torch.zeros_like(weights["bias_hh_l1"])}
    return exact(config, weights)


def crashes(config, weights):
    run = exact(config, weights)

    def call(x, h_0=None):
        if config.num_layers > 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        return run(x, h_0)

    return call


register("honest", exact, capabilities=PLAIN)
register("forgets", forgets, capabilities=PLAIN)
register("crashes", crashes, capabilities=PLAIN)
"""
TESTS = ("tests/test_agreement.py", "tests/test_h_n.py")


class Hunted(NamedTuple):
    """What came of a hunt."""

    code: int
    text: str
    seconds: float
    folder: Path

    @property
    def archived(self) -> list[archive.Record]:
        """What it has found."""
        return [archive.read(path) for path in archive.files(self.folder / "archive")]

    @property
    def ledger(self) -> dict[str, Any]:
        """What the next hunt will know."""
        return dict(json.loads((self.folder / "hypothesis" / "hunts.json").read_text(encoding="utf-8")))


def hunt(folder: Path, *arguments: str, program: Sequence[str] = (), **environment: str) -> Hunted:
    """A hunt in a process of its own, with a folder of its own for what it keeps."""
    folder.mkdir(exist_ok=True)
    own = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"), "COLUMNS": "200"} | environment
    began = time.monotonic()
    asked = "-pno:cacheprovider", f"--archive={folder / 'archive'}", *arguments
    ran = python_run(*program, *asked, **own) if program else pytest_run(*asked, **own)
    return Hunted(ran.returncode, ran.stdout + ran.stderr, time.monotonic() - began, folder)


def implementations(folder: Path, *names: str) -> str:
    """The option that names those of the file above."""
    only = "".join(f"\ndel REGISTRY[{name!r}]" for name in ("honest", "forgets", "crashes") if name not in names)
    path = folder / f"{'_'.join(names)}_rnn.py"
    path.write_text(f"{SOURCE}\nfrom rnn_parity.registry import REGISTRY{only}\n", encoding="utf-8")
    return f"--impl={path}"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Hunted:
    """A hunt over who is right, in one process."""
    folder = tmp_path_factory.mktemp("honest")
    return hunt(folder, "-n0", implementations(folder, "honest"), "--minutes=0.2", "--hypothesis-seed=1", *TESTS)


def counted(text: str) -> tuple[int, int]:
    """How many rounds a hunt says that it had, and of how many cases."""
    ((rounds, judged),) = re.findall(r"^([\d,]+) rounds, ([\d,]+) cases, ", text, re.MULTILINE)
    return int(rounds.replace(",", "")), int(judged.replace(",", ""))


def test_an_honest_one_is_hunted_in_peace(honest: Hunted) -> None:
    """No disagreement; each pair is one test, whatever the number of its rounds; table and counts are as always."""
    assert honest.code == 0, honest.text
    assert not honest.archived
    assert " 2 passed in " in honest.text
    assert "0.2 minutes of hunting, in rounds of 100 cases, seed 1 " in honest.text
    rounds, judged = counted(honest.text)
    assert rounds > 2
    assert f"\n{judged:,} cases judged in " in honest.text
    assert "; no disagreement" in honest.text
    assert re.search(r"^honest agreement +\d+ +[\d,]+ +[\d,]+ +[\d,]+ +0\.\d\d$", honest.text, re.MULTILINE)


def test_time_is_kept(honest: Hunted) -> None:
    """A hunt of 12 seconds takes these, from when pytest has started; a busy machine may add some."""
    ((took,),) = [re.findall(r" 2 passed in ([\d.]+)s", honest.text)]
    assert 9 <= float(took) <= 12 + 30


def test_the_next_hunt_goes_on(honest: Hunted) -> None:
    """With other seeds, though asked for the same; what was covered before is not new; with workers, too."""
    before = honest.ledger
    again = hunt(honest.folder, "-n2", implementations(honest.folder, "honest"), "--minutes=0.2", "--hypothesis-seed=1")
    assert again.code == 0, again.text
    after = again.ledger
    assert (before["hunts"], after["hunts"]) == (1, 2)
    (name,) = [name for name in before["pairs"] if name.startswith("agreement on honest")]
    old, new = before["pairs"][name], after["pairs"][name]
    assert new["rounds"] >= old["rounds"]
    cells = [coverage.from_text(pair["cells"]) for pair in (old, new)]
    assert coverage.count(cells[0] & ~cells[1]) == 0
    assert counted(again.text)[0] == sum(pair["rounds"] for pair in after["pairs"].values()) - sum(
        pair["rounds"] for pair in before["pairs"].values()
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bug_is_found_once(tmp_path: Path, workers: int) -> None:
    """It is named and archived, its pairs are left alone, and the command that is told finds it again."""
    found = hunt(tmp_path, f"-n{workers}", implementations(tmp_path, "forgets"), "--minutes=1", *TESTS[:1])
    assert found.code == 1
    assert "forgets (torch" in found.text
    assert "minimal case: relu T1 B1 I1 H1 L2 float64" in found.text
    assert [record.property for record in found.archived] == ["agreement"]
    assert found.text.count("minimal case") == 1
    assert re.search(r"^FAILED tests/test_agreement.py::test_agreement\[forgets-0\]", found.text, re.MULTILINE)
    # Nothing is left to hunt for; of two workers, each may have been at it when the first of them found it.
    ((failed,),) = [re.findall(r"\b(\d) failed in ", found.text)]
    assert 1 <= int(failed) <= max(1, workers)
    assert "passed" not in found.text


def test_what_is_told_repeats_it(tmp_path: Path) -> None:
    """Without an archive, by the seed of the round and the profile: the same case is found in it."""
    own = implementations(tmp_path, "forgets")
    texts = [hunt(tmp_path, "-n0", own, "--minutes=1", "--archive=", *TESTS[:1]).text]
    ((options, item),) = re.findall(r"replay +: pytest .* (--hypothesis-profile=.* --cases=\d+) '(.*)'", texts[0])
    texts.append(hunt(tmp_path, "-n0", own, *options.split(), item).text)
    first, second = (re.findall(r"\(reduced from (.*) in [\d,]+ calls", text) for text in texts)
    assert first == second
    assert len(first) == 1


def test_a_crash_is_a_finding(tmp_path: Path) -> None:
    """What takes its worker down has the same round again in a process of its own, and is reduced there."""
    found = hunt(tmp_path, "-n2", implementations(tmp_path, "crashes"), "--minutes=5", *TESTS)
    assert found.code == 1
    assert "the bug: it crashes its process" in found.text
    assert {record.property for record in found.archived} == {"agreement", "h_n"}
    minimal = re.findall(r"minimal case: (.*)", found.text)
    assert minimal
    assert all(case.startswith("relu T1 B1 I1 H1 L2") for case in minimal), found.text
    assert "not reached" not in found.text


def test_memory_stays_flat_whatever_the_number_of_shapes() -> None:
    """What oneDNN keeps of each shape of a bfloat16 product, 600 MB of 1024 with AMX, is bounded in a hunt."""
    script = """
import psutil, torch
from rnn_parity.tests.judge.hunting import caches
caches.bound()
torch.set_num_threads(1)
held = []
for width in range(1, 41):
    for rows in range(1, 41):
        module = torch.nn.RNN(width, 41 - rows, dtype=torch.bfloat16)
        module(torch.ones(2, rows, width, dtype=torch.bfloat16))
    held.append(psutil.Process().memory_info().rss / 2**20)
print(held[-1] - held[0])
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 100


def test_the_first_failure_ends_it_where_asked(tmp_path: Path) -> None:
    """`-x` is heard, long before the time is over."""
    found = hunt(tmp_path, "-n2", "-x", implementations(tmp_path, "forgets", "honest"), "--minutes=9", *TESTS)
    assert found.code in (1, 2)
    assert found.seconds < 8 * 60
    assert "stopping after 1 failures" in found.text


def test_hypofuzz(tmp_path: Path) -> None:
    """`hypothesis fuzz` collects the properties, an item a pair, and what it finds is kept."""
    if importlib.util.find_spec("hypofuzz") is None:
        pytest.skip("hypofuzz is not installed: python -m pip install hypofuzz")
    fuzz = ("-c", "from hypothesis.extra.cli import main; main()", "fuzz", "-n", "1", "--no-dashboard", "--")
    found = hunt(tmp_path, implementations(tmp_path, "forgets"), *TESTS[:1], program=fuzz)
    assert "to fuzz 1 test" in found.text
    assert "forgets fails agreement on " in found.text
    assert len(found.archived) >= 1
