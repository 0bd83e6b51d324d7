"""From a failing case to a minimal one that fails in the same way, what is kept of it, and who stands beside it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation, implementation
from rnn_parity.reference.large import LARGE
from rnn_parity.registry.limits import Limits, in_a_hurry, limited_to, limits, set_limits
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Property, Trial
from rnn_parity.tests.judge.base import telling
from rnn_parity.tests.judge.base.finding import Tries
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.reduction import counterexample
from rnn_parity.tests.judge.reduction.counterexample import (
    HURRIED,
    PATIENCE,
    Counterexample,
    find_minimal,
    others,
    verdict_on,
)
from rnn_parity.tests.judge.trial.faults import COSTLY, ENDING
from rnn_parity.tests.judge.trial.verdict import Disagreement

CONFIG = Config(1, 1, nonlinearity="relu", bias=False, dtype=torch.float64)
CASE = Case(CONFIG, np.array([[[1.0]], [[3.0]]]), weights={n: np.ones(s) for n, s in CONFIG.parameter_shapes().items()})
NN_RNN = implementation("nn.rnn")


def failing(fails: Callable[[Case], Disagreement | None]) -> Property:
    """A property that a function of the case alone decides."""

    def check(_: Trial, case: Case) -> None:
        if found := fails(case):
            raise found

    return replace(load_properties()["agreement"], check=check)


def seen(kind: str = "value", text: str = "as seen") -> Disagreement:
    found = Disagreement(kind, text)
    found.case = CASE
    return found


def nonzero(kind: str = "value") -> Property:
    """Fails where the input is not zero, in one way or another."""
    return failing(lambda case: Disagreement(kind, case.descriptor) if case.x.any() else None)


# Reducing


def test_a_minimal_case_fails_in_the_same_way() -> None:
    """It, what it says, the case that was found, and some of those that were tried are handed back."""
    found = find_minimal(nonzero(), NN_RNN, seen())
    assert (found.case.descriptor, found.case.x.tolist()) == ("relu T1 B1 I1 H1 no-bias float64", [[[1.0]]])
    assert found.disagreement.text == found.case.descriptor
    assert (found.found, found.reduced_fully) == (CASE, True)
    assert found.calls > 0
    assert {bool(cases[-1].x.any()) for cases in found.seen} == {True, False}


def test_calls_of_one_network_are_kept_together() -> None:
    """As what failed may hang on the calls before it."""

    def fails(case: Case) -> Disagreement | None:
        if not case.x.any():
            return None
        found = Disagreement("value", "wrong")
        found.calls = (CASE, case)
        return found

    first = find_minimal(failing(fails), NN_RNN, seen()).seen[0]
    assert len(first) == 2
    assert first[0] is CASE


def test_another_failure_is_not_followed() -> None:
    """A zero that fails in another way is no simpler case of this."""
    judged = failing(lambda case: Disagreement("value" if case.x.any() else "type", "wrong"))
    assert find_minimal(judged, NN_RNN, seen()).case.x.tolist() == [[[1.0]]]


def test_cases_that_are_not_admitted_are_not_judged() -> None:
    """However simple."""
    config = replace(CONFIG, hidden_size=2)
    found = seen()
    found.case = Case(config, np.ones((2, 1, 1)), weights={n: np.ones(s) for n, s in config.parameter_shapes().items()})
    judged = replace(nonzero(), admits=lambda trial, case: case.config.hidden_size == 2)
    assert find_minimal(judged, NN_RNN, found).case.config.hidden_size == 2


def test_an_error_of_the_suite_is_no_failure_of_the_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept, to be told beside the finding."""
    monkeypatch.setattr(telling, "_BESIDE", [])

    def fails(case: Case) -> Disagreement | None:
        if not case.x.any():
            raise ZeroDivisionError("of the suite")
        return Disagreement("value", "wrong")

    assert find_minimal(failing(fails), NN_RNN, seen()).case.x.tolist() == [[[1.0]]]
    assert all("ZeroDivisionError: of the suite" in error for error in telling._BESIDE)
    assert telling._BESIDE


def test_large_cases_are_not_kept() -> None:
    """Of those that were tried, beside the one that is told."""
    found, x = seen(), np.zeros((LARGE + 1, 1, 1))
    x[0] = 1.0
    found.case = replace(CASE, x=x)
    tried = find_minimal(nonzero(), NN_RNN, found)
    assert tried.case.steps == 1
    assert max(case.steps for cases in tried.seen for case in cases) <= LARGE


# What fails by chance, or ends its process


class Scripted:
    """Fails in the calls that are listed; then always, or never."""

    def __init__(self, kind: str, *fails: bool, then: bool = False) -> None:
        self.kind, self.fails, self.then, self.calls = kind, list(fails), then, 0

    def __call__(self, case: Case) -> Disagreement | None:
        self.calls += 1
        fails = self.fails.pop(0) if self.fails else self.then
        return Disagreement(self.kind, f"in call {self.calls}") if fails else None


def test_what_fails_by_chance_has_to_fail_twice() -> None:
    """Else cases are taken on which it fails less and less often."""
    judged = failing(Scripted("threads: value", True, False, then=False))
    found = find_minimal(judged, NN_RNN, seen("threads: value"))
    assert (found.case, found.disagreement.text) == (CASE, "as seen")


def test_what_was_seen_last_is_told_where_the_minimal_case_passes() -> None:
    """With the case that was reduced so far."""
    judged = failing(Scripted("value", True))
    found = find_minimal(judged, NN_RNN, seen())
    assert found.case is not CASE
    assert found.disagreement.text == "in call 1"


@pytest.mark.parametrize("kind", ENDING)
def test_what_ends_a_process_is_told_as_found_where_it_does_not_again(kind: str) -> None:
    """It took long only for so hurried a limit."""
    found = find_minimal(failing(Scripted(kind, True)), NN_RNN, seen(kind))
    assert (found.case, found.disagreement.text) == (CASE, "as seen")


def test_a_minimal_case_that_fails_in_another_way_last() -> None:
    """Counts as one that passes."""
    ways = iter(["value"])
    judged = failing(lambda case: Disagreement(next(ways, "type"), "wrong"))
    found = find_minimal(judged, NN_RNN, seen())
    assert found.disagreement.kind == "value"


@pytest.mark.parametrize(("kind", "hurried"), [("value", False), *((kind, True) for kind in COSTLY)])
def test_what_is_costly_is_reduced_in_a_hurry(kind: str, hurried: bool) -> None:
    """A call that hangs would take the whole limit of the run each time."""
    had: list[bool] = []

    def fails(case: Case) -> Disagreement | None:
        had.append(in_a_hurry())
        return Disagreement(kind, "wrong") if case.x.any() else None

    find_minimal(failing(fails), NN_RNN, seen(kind))
    assert set(had[:-1]) == {hurried}
    assert not had[-1]  # The case that is told is judged with the limits of the run.


@pytest.mark.parametrize(
    ("of", "kind", "steps", "seconds"),
    [
        (NN_RNN, "value", 2, math.inf),
        (NN_RNN, "threads: value", 2, counterexample._CHANCY),
        (NN_RNN, "crashes", 2, PATIENCE),
        (NN_RNN, "value", LARGE + 1, PATIENCE),
        (replace(NN_RNN, cases=10), "value", 2, PATIENCE),
    ],
    ids=["plain", "by chance", "costly", "large", "dear"],
)
def test_how_long_it_is_reduced(of: Implementation, kind: str, steps: int, seconds: float) -> None:
    case = replace(CASE, x=np.ones((steps, 1, 1)))
    assert counterexample._patience(of, Disagreement(kind, "wrong"), case) == seconds


# What is known already


def known(disagreement: Disagreement, tries: Tries = counterexample._UNTRIED) -> Counterexample:
    case = replace(CASE, x=np.ones((1, 1, 1)))
    return replace(Counterexample.as_found(nonzero(), NN_RNN, case, disagreement), tries=tries)


def test_a_known_counterexample_is_handed_back_where_it_fails_still() -> None:
    """In the way that is asked for."""
    other, same = known(seen("type")), known(seen())
    assert find_minimal(nonzero(), NN_RNN, seen(), [other, same]) is same
    mended = failing(lambda case: Disagreement("value", "wrong") if case.steps > 1 else None)
    assert find_minimal(mended, NN_RNN, seen(), [same]).case.steps == 2


def test_one_that_fails_by_chance_is_not_tried_again() -> None:
    """It has failed twice."""
    chancy = known(seen("threads: value"), Tries(2, 20))
    never = failing(lambda _: pytest.fail("it was tried"))  # type: ignore[arg-type, return-value]
    assert find_minimal(never, NN_RNN, seen("threads: value"), [chancy]) is chancy


@pytest.mark.parametrize(("judged", "most"), [("agreement", 1), ("threads", 5), ("leaks", 3)])
def test_how_often_a_case_is_tried_before_it_passes(judged: str, most: int) -> None:
    check = Scripted("value")
    tried = replace(failing(check), name=judged)
    assert verdict_on(tried, NN_RNN, CASE) is None
    assert check.calls == most
    fails_last = Scripted("value", *[False] * (most - 1), True)
    assert verdict_on(replace(failing(fails_last), name=judged), NN_RNN, CASE) is not None


# What is kept


def test_a_record() -> None:
    """What was seen of a number, and by which versions; a diagnosis where there is one by then."""
    disagreement = Disagreement("value", "wrong", expected=1.0, got=math.nan, wrong=3, where="nowhere")
    found = Counterexample.as_found(nonzero(), NN_RNN, CASE, disagreement)
    record = found.record()
    assert record.disagreed == [
        {
            "implementation": "nn.rnn",
            "kind": "value",
            "says": "wrong",
            "expected": 1.0,
            "got": "nan",
            "wrong": 3,
        }
    ]
    assert (record.property, record.case) == ("agreement", CASE)
    assert record.versions == {"torch": NN_RNN.version, "python": sys.version.split()[0]}
    (said,) = found.record(["  the bug: b_hh is left out", "  explains all"]).disagreed
    assert said["diagnosis"] == "the bug: b_hh is left out; explains all"


def test_a_record_of_what_is_not_installed() -> None:
    missing = replace(NN_RNN, library="no-such-library")
    record = Counterexample.as_found(nonzero(), missing, CASE, seen()).record()
    assert record.versions["no-such-library"] == "not installed"


# Who stands beside it: whoever is slow, hangs or crashes on the same case is not accused there

#: What becomes of one that fails in these ways, and of one that does not.
STANDING = {
    **dict.fromkeys(ENDING, "cannot be judged"),
    "raises ImportError": "cannot be judged",
    "value": "disagree",
    "raises ValueError": "disagree",
    "": "agree",
}


def beside(monkeypatch: pytest.MonkeyPatch, *standing: Implementation) -> Counterexample:
    """A counterexample beside which these stand."""
    monkeypatch.setattr(counterexample, "registered", lambda: {each.name: each for each in (NN_RNN, *standing)})
    disagreement = Disagreement("crashes", "the process died")
    return Counterexample.as_found(load_properties()["agreement"], NN_RNN, CASE, disagreement)


def told(found: Counterexample) -> dict[str, list[str]]:
    return {verdict: names for verdict, names in others(found).items() if names}


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Implementation], Any]) -> None:
    monkeypatch.setattr(counterexample, "verdict_on", lambda judged, of, case: answer(of))


LINEAR = implementation("linear")


@pytest.mark.parametrize("kind", STANDING)
def test_how_another_stands(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the way in which it fails."""
    found = beside(monkeypatch, LINEAR)
    answering(monkeypatch, lambda _: Disagreement(kind, "as planted") if kind else None)
    assert told(found) == {STANDING[kind]: ["linear"]}


def test_an_error_of_the_suite_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    found = beside(monkeypatch, LINEAR)
    monkeypatch.setattr(counterexample, "verdict_on", lambda *_: 1 / 0)
    assert told(found) == {"cannot be judged": ["linear"]}


def test_who_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Itself, who is of another group, not installed, does not claim the case, or takes no part in the property."""
    standing = [
        replace(LINEAR, name="of another group", group="elsewhere"),
        replace(LINEAR, name="not installed", library="no-such-library"),
        replace(LINEAR, name="tanh", capabilities=Capabilities(nonlinearities=("tanh",))),
        replace(LINEAR, name="slow", capabilities=Capabilities(gradients=False)),
    ]
    found = beside(monkeypatch, *standing)
    answering(monkeypatch, lambda of: pytest.fail(f"{of.name} was asked"))
    gradients = replace(found, property=load_properties()["gradients"])
    assert told(gradients) == {"not installed": ["not installed"], "cannot take it": ["tanh", "slow"]}


def test_what_is_foreign_is_asked_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may crash on the case; where that cannot be observed there, it is not asked."""
    foreign = [replace(LINEAR, name="foreign", library="pip"), replace(LINEAR, name="asked", asked="my_rnn.py")]
    apart: dict[str, bool] = {}
    answering(monkeypatch, lambda of: apart.update({of.name: of.environment is not None}))
    found = beside(monkeypatch, LINEAR, *foreign)
    assert told(found) == {"agree": ["linear", "foreign", "asked"]}
    assert apart == {"linear": False, "foreign": True, "asked": True}
    memory = replace(found, property=load_properties()["memory"])
    assert told(memory) == {"agree": ["linear"], "cannot take it": ["foreign", "asked"]}


def test_another_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However hurried the one is that is told of; but never more than the run gives to anyone."""
    had: list[float] = []
    found = beside(monkeypatch, LINEAR)
    answering(monkeypatch, lambda _: had.append(limits().seconds))
    monkeypatch.setattr("rnn_parity.registry.limits._LIMITS", [Limits(seconds=60.0)])
    for allowed in (60.0, 5.0):
        set_limits(Limits(seconds=allowed))
        with limited_to(HURRIED):
            others(found)
            assert limits().seconds == HURRIED
    assert had == [counterexample._ANOTHER, 5.0]
