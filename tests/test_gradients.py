"""Gradients: of x, h_0 and every parameter, by back-propagation through time."""

from strategies import Case, cases_with_cotangents
from tests.judge import Trial, claims_gradients, judged


@judged(cases_with_cotangents, exempts=claims_gradients)
def test_gradients(trial: Trial, case: Case) -> None:
    """Gradients of losses on outputs and final hidden states lie within their bounds, and so do the results."""
    trial.agrees_on_gradients(case)
