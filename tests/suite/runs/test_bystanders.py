"""Who stands beside a finding: whoever is slow, hangs or crashes on the same case is not accused there."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_parity import Config, implementation
from rnn_parity.registry.limits import Limits, limited_to, limits, set_limits
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.reduction import counterexample
from rnn_parity.tests.judge.reduction.counterexample import HURRIED, Counterexample, others
from rnn_parity.tests.judge.trial.faults import ENDING
from rnn_parity.tests.judge.trial.verdict import Disagreement

CASE = Case(Config(1, 1), np.ones((1, 1, 1)))
#: What becomes of one that fails in these ways, and of one that does not.
STANDING = {
    **dict.fromkeys(ENDING, "cannot be judged"),
    "value": "disagree",
    "raises ValueError": "disagree",
    "": "agree",
}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Counterexample:
    """A counterexample beside which one implementation stands."""
    monkeypatch.setattr(counterexample, "registered", lambda: {"linear": implementation("linear")})
    disagreement = Disagreement("crashes", "the process died")
    return Counterexample.as_found(load_properties()["agreement"], implementation("nn.rnn"), CASE, disagreement)


@pytest.mark.parametrize("kind", STANDING)
def test_how_it_stands(found: Counterexample, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the way in which it fails."""
    seen = Disagreement(kind, "as planted") if kind else None
    monkeypatch.setattr(counterexample, "verdict_on", lambda *_: seen)
    assert {verdict for verdict, names in others(found).items() if names} == {STANDING[kind]}


def test_it_has_its_own_time(found: Counterexample, monkeypatch: pytest.MonkeyPatch) -> None:
    """However hurried the one is that is told of; but never more than the run gives to anyone."""
    had = []
    monkeypatch.setattr(counterexample, "verdict_on", lambda *_: had.append(limits().seconds))
    monkeypatch.setattr("rnn_parity.registry.limits._LIMITS", [Limits(seconds=60.0)])
    for allowed in (60.0, 5.0):
        set_limits(Limits(seconds=allowed))
        with limited_to(HURRIED):
            others(found)
            assert limits().seconds == HURRIED
    assert had == [counterexample._ANOTHER, 5.0]
