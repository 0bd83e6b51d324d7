"""Calls: nothing is remembered, and nothing depends on the call before or on another network."""

from dataclasses import replace

import numpy as np

from strategies import Case, cases
from tests.judge import Trial, companion, judged


@judged(cases, reshapes=True)
def test_calls(trial: Trial, case: Case) -> None:
    """Repeated and interleaved calls, of two networks, with other inputs, lengths and states between them."""
    other = companion(case)
    same_network = replace(other, weights=case.weights)
    shorter = replace(same_network, x=other.x[: (case.steps + 1) // 2], h_0=None)
    longer = replace(case, x=np.concatenate([case.x, other.x]))
    first, second = trial.build(case), trial.build(other)
    for network, asked in (
        (first, case),
        (first, replace(case, h_0=None)),
        (second, other),
        (first, same_network),
        (first, shorter),
        (first, longer),
        (second, other),
        (first, case),
    ):
        if trial.takes(asked):
            network.agrees(asked)
