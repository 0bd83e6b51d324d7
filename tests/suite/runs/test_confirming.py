"""What fails is tried again before anyone is accused: it fails always, by chance, or was seen once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from rnn_parity import Config, Implementation, registry, resolve
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.base.finding import Tries
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.finding.explain import explained
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.confirming import confirmed, tried_again
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal
from rnn_parity.tests.judge.report.terminal import Told
from rnn_parity.tests.suite.planted import BUGS
from rnn_parity.tests.suite.planted.trying import PROPERTIES, implementation
from rnn_parity.tests.suite.runs.test_reported import told

CONFIG = Config(1, 1)
CASE = Case(CONFIG, np.ones((2, 1, 1)), weights={name: np.ones(s) for name, s in CONFIG.parameter_shapes().items()})
#: Fails in some calls of a process; from 0.
SOURCE = """
import itertools
from rnn_parity import register
from rnn_parity.tests.suite.planted import Loop

def wrong_in(name, calls):
    count = itertools.count()
    def build(config, weights):
        network = Loop(config, weights)
        def run(*arguments):
            output, h_n = network(*arguments)
            return (output + 1 if calls(next(count)) else output), h_n
        return run
    register(name, build)

wrong_in("once", lambda call: call == 9)
wrong_in("now-and-then", lambda call: call % 3 == 2)
"""


class Scripted:
    """A check that fails in some of its calls."""

    def __init__(self, *fails: bool) -> None:
        self.fails, self.calls = list(fails), 0

    def __call__(self, trial: Any, case: Case) -> None:
        self.calls += 1
        if self.fails.pop(0) if self.fails else False:
            raise Disagreement("value", f"in call {self.calls}")


def found(kind: str, *fails: bool, case: Case = CASE) -> tuple[Counterexample, Scripted]:
    check = Scripted(*fails)
    judged = replace(PROPERTIES["agreement"], check=check)
    bug = implementation(BUGS[0])
    return Counterexample.as_found(judged, bug, case, Disagreement(kind, "as seen")), check


@pytest.mark.parametrize(
    ("kind", "fails", "tries"),
    [
        ("value", [True], Tries(1, 1)),
        ("value", [], Tries(0, 20)),
        ("value", [False, True, False, True], Tries(2, 20)),
        ("threads: value", [True, False, True], Tries(2, 20)),
        ("threads: value", [True] * 20, Tries(20, 20)),
    ],
)
def test_how_often_it_fails_again(kind: str, fails: list[bool], tries: Tries) -> None:
    """What fails at once is confirmed; all else is counted."""
    counterexample, _ = found(kind, *fails)
    assert tried_again(counterexample) == tries
    assert Tries(0, 20).seen_once
    assert Tries(2, 20).by_chance
    assert not Tries(20, 20).by_chance
    assert not Tries(0, 0).seen_once


def test_the_case_that_failed_first_is_tried_where_the_minimal_one_passes() -> None:
    """It is told as it was found, and as not reduced."""
    counterexample, _ = found("value", *[False] * 20, True)
    larger = CASE.with_arrays(x=np.ones((2, 1, 1)) * 2)
    told_of = confirmed(replace(counterexample, found=larger, reduced_fully=True), Disagreement("value", "first"))
    assert told_of.case is larger
    assert told_of.disagreement.text == "first"
    assert not told_of.reduced_fully
    assert told_of.tries == (1, 1)


def test_numbers_are_those_of_the_case_that_is_told() -> None:
    """Where the last verdict on the reduced case passes, its own earlier disagreement is told."""

    class Once:
        """Each case fails the first time."""

        def __init__(self) -> None:
            self.seen: set[str] = set()

        def __call__(self, trial: Any, case: Case) -> None:
            if str(case) not in self.seen:
                self.seen.add(str(case))
                raise Disagreement("value", f"numbers of {case}")

    judged = replace(PROPERTIES["agreement"], check=Once())
    first = Disagreement("value", f"numbers of {CASE}")
    first.case = CASE
    counterexample = find_minimal(judged, implementation(BUGS[0]), first)
    assert counterexample.case is not CASE
    assert counterexample.disagreement.text == f"numbers of {counterexample.case}"


def test_what_hangs_on_the_process_is_tried_in_a_new_one(tmp_path: Path) -> None:
    """An implementation of a file is loaded there; what it did in this process is not known."""
    path = tmp_path / "wrong.py"
    path.write_text(SOURCE.replace("call % 3 == 2", "call % 3 == 1"), encoding="utf-8")
    kept = {known.name: known for known in resolve(str(path))}
    try:
        (judged,) = (PROPERTIES["threads"],)
        again = [tried_again(_of(judged, kept[name])) for name in ("now-and-then", "once")]
    finally:
        for name in kept:
            del registry.REGISTRY[name]
    assert again[0] == (20, 20)
    assert again[1].failed == 1  # In the first try, of twelve calls.


def _of(judged: Property, of: Implementation) -> Counterexample:
    return Counterexample.as_found(judged, of, CASE, Disagreement("threads: value", "as seen"))


class Ran(NamedTuple):
    """A run, and what it left."""

    status: int
    text: str
    report: dict[str, Any]
    kept: list[str]
    apart: list[str]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("confirming")
    (folder / "wrong.py").write_text(SOURCE, encoding="utf-8")
    item = "tests/test_agreement.py::test_agreement[once-0]"
    options = "-n0", "--cases=20", f"--archive={folder / 'kept'}", f"--report={folder / 'report.json'}"
    ended = told(str(folder / "wrong"), *options, item)
    names = [[path.name for path in archive.files(place)] for place in (folder / "kept", folder / "kept" / "seen-once")]
    return Ran(ended.status, ended.text, json.loads((folder / "report.json").read_text(encoding="utf-8")), *names)


def test_what_is_seen_once_fails_nothing(once: Ran) -> None:
    """It is a line with its command, counted, and archived where no run replays it."""
    assert once.status == 0, once.text
    assert "seen once, and in none of 20 more tries: once failed agreement on " in once.text
    assert "it accuses nobody. To try it: pytest --impl=" in once.text
    assert "no disagreement; seen once: 1" in once.text
    assert not once.kept
    assert len(once.apart) == 1
    assert [result["status"] for result in once.report["results"]] == ["seen once"]
    assert len(once.report["seen_once"]) == 1
    assert not once.report["findings"]


def test_what_fails_by_chance_says_so() -> None:
    """With how often; which parts of the case matter is left out."""
    counterexample, _ = found("threads: value")
    by_chance = replace(counterexample, tries=Tries(7, 20), reduced_fully=True)
    told_of = explained(by_chance, {}, only=("what differs", "what matters"))
    text = str(Told(told_of))
    assert "a case on which it fails by chance, in 7 of 20 tries: " in text
    assert "what matters" not in text
    assert "minimal case" not in text
