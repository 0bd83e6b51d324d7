"""Running back more than once: gradients accumulate, and graphs can be kept."""

from strategies import Case, cases_with_cotangents
from tests.judge import Trial, claims_gradients, judged


@judged(cases_with_cotangents, group="gradients", exempts=claims_gradients)
def test_backward(trial: Trial, case: Case) -> None:
    """Back twice through one call, and once through two calls of one network: each gives twice the gradients.

    Not judged here: lengths (`length_gradients`), arguments in other memory (`gradients`), NaN and infinity
    (bounds say little).
    """
    trial.agrees_on_gradients(case, calls=2)
    trial.agrees_on_gradients(case, backwards=2)
