"""Gradients: of x, h_0 and every parameter, by back-propagation through time."""

from hypothesis.strategies import SearchStrategy

from impls import Capabilities
from strategies import MEMORY, Case, cases_with_cotangents
from tests.judge import Trial, claims_gradients, judged


def in_memory(capabilities: Capabilities) -> SearchStrategy[Case]:
    """Half of the arguments lie side by side; all do where each way to lie in memory would be compiled for."""
    others = () if capabilities.per_shape else tuple(MEMORY)[1:]
    return cases_with_cotangents(capabilities, memory=("contiguous",) * max(1, len(others)) + others)


@judged(in_memory, group="gradients", exempts=claims_gradients)
def test_gradients(trial: Trial, case: Case) -> None:
    """Gradients of losses on outputs and final hidden states lie within their bounds, and so do the results.

    Not judged here: lengths (`length_gradients`), NaN and infinity (bounds say little), halves where wider dtypes
    are claimed.
    """
    trial.agrees_on_gradients(case)
