"""What comes out, what a bug is called and what is said of it must not hang on how fast a machine is."""

import math

import pytest

from rnn_parity.tests.judge.diagnosis import evidence, solving
from rnn_parity.tests.judge.finding import varied
from rnn_parity.tests.judge.reduction import counterexample


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterexample, "PATIENCE", math.inf)
    for module in (evidence, solving, varied):
        monkeypatch.setattr(module, "SECONDS", math.inf)
