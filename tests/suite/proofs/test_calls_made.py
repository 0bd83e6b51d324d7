"""The calls that a property made: told in order, with the one that fails, and its case where that is another."""

from __future__ import annotations

import pytest

from rnn_parity import Implementation
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.finding.calls import calls_made
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.suite.planted import BUGS
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation
from rnn_parity.tests.suite.reported import reported

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.full]


def lines(found: Implementation, judged: str) -> list[str]:
    disagreement = hunt(PROPERTIES[judged], found, 0, shrink=False)
    assert isinstance(disagreement, Disagreement)
    return calls_made(find_minimal(PROPERTIES[judged], found, disagreement))


def planted(name: str) -> Implementation:
    return next(implementation(bug) for bug in BUGS if bug.name == name)


def test_a_call_with_another_number_of_steps() -> None:
    """It is the last of those that were made, and its case is shown."""
    told = lines(reported("pt191855_time_frozen"), "calls")
    (fails,) = (place for place, line in enumerate(told) if "this call fails" in line)
    assert "T = 2" in told[fails]
    assert told[0] == "1. network 1: the case above"
    assert told[fails + 1].startswith("which is Case(")


def test_another_layout() -> None:
    """The layout that is right comes first, and the one that is wrong is shown."""
    told = lines(reported("candle2542_flat_output"), "layouts")
    assert told[:2] == ["1. network 1: the case above", "2. network 2: batch_first; this call fails"]
    assert "batch_first=True" in told[2]


def test_a_second_call() -> None:
    """A planted one that is right only the first time."""
    told = lines(planted("bias-only-in-first-call"), "calls")
    assert len(told) >= 2
    assert "this call fails" in " ".join(told)


def test_one_call_is_not_told() -> None:
    """It is the case itself."""
    assert lines(planted("always-relu"), "agreement") == []
