"""Calls: nothing is remembered, and nothing depends on the call before or on another network."""

from dataclasses import replace

import numpy as np

from strategies import Case, cases_with_or_without_lengths
from tests.judge import Trial, companion, judged


@judged(cases_with_or_without_lengths, group="state", reshapes=True)
def test_calls(trial: Trial, case: Case) -> None:
    """Repeated and interleaved calls, of two networks, with other inputs, lengths and states between them.

    Not judged here: tracking (`backward` makes two calls), networks of several configurations, which share
    nothing to disturb.
    """
    other = replace(companion(case), lengths=case.lengths and case.lengths[::-1])
    same_network = replace(other, weights=case.weights)
    half = (case.steps + 1) // 2
    cut = other.lengths and tuple(min(length, half) for length in other.lengths)
    shorter = replace(same_network, x=other.x[:half], h_0=None, lengths=cut)
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
