"""What is a leak, and what only fills: leaks grow with the number of calls, caches until they are full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnn_parity import Config, Implementation
from rnn_parity.contract import Run, Weights
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.demands.leaks import forgets_its_calls
from rnn_parity.tests.suite.planted import BUGS, Honest, Loop
from rnn_parity.tests.suite.planted.trying import implementation

pytestmark = pytest.mark.full

#: The number of a call, its result, and what is kept so far.
Keeping = Callable[[int, Any, Any], object]
CONFIG = Config(1, 2, bidirectional=True)
CASE = Case(
    CONFIG,
    np.ones((2, 1, 1)),
    weights={name: np.ones(shape) for name, shape in CONFIG.parameter_shapes().items()},
)


def trim(number: int, result: Any, kept: list[Any]) -> None:
    kept.append(result)
    if number % 500 == 0:
        kept.clear()


def replace_last(number: int, result: Any, kept: list[Any]) -> None:
    record = {"number": number, "result": result, "all": kept}
    kept[:] = [*kept, record][-2:]


def now_and_then(number: int, result: Any, kept: list[Any]) -> None:
    if number % (1 + number // 40) == 0:
        kept.append(result)


#: What is kept at first, and how a result is: the honest ways.
FILLS: dict[str, tuple[Callable[[], Any], Keeping]] = {
    "the latest 256": (lambda: deque(maxlen=256), lambda number, result, kept: kept.append(result)),
    "one in four of the latest 64": (
        lambda: deque(maxlen=64),
        lambda number, result, kept: number % 4 or kept.append([result, result.clone(), result.clone(), number]),
    ),
    "a list that is emptied every 500 calls": (list, trim),
    "one of 512 slots by a hash": (
        dict,
        lambda number, result, kept: kept.update({number * number * 7919 % 512: result}),
    ),
    "40 calls in 80, 40 in the next 160, and so on": (list, now_and_then),
    "cycles that are dropped": (list, replace_last),
}


def keeping(first: Callable[[], Any], keep: Keeping) -> Implementation:
    """A network that keeps results in some way."""

    def build(config: Config, weights: Weights) -> Run:
        network, kept, calls = Loop(config, weights), first(), iter(range(1, 10**9))

        def run(*arguments: Any) -> Any:
            results = network(*arguments)
            keep(next(calls), results[0].clone(), kept)
            return results

        return run

    return implementation(Honest("keeping", build))


@pytest.mark.parametrize("way", FILLS)
def test_what_fills_is_no_leak(way: str) -> None:
    """Caches that are full after some hundreds of calls, and what fills less and less."""
    forgets_its_calls(Trial(keeping(*FILLS[way])), CASE)


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.property == "leaks"], ids=str)
def test_a_leak_is_told_with_what_is_left(bug: Any) -> None:
    """The sentence has at least what is kept, and no more than a call may need."""
    with pytest.raises(Disagreement, match=r"leaves (\d+ objects?|[\d,]+ bytes|1 object and [\d,]+ bytes)"):
        forgets_its_calls(Trial(implementation(bug)), CASE)
