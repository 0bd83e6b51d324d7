"""Gradients of some arguments only."""

from strategies import Case, cases_with_cotangents
from tests.judge import Trial, claims_gradients, judged


@judged(cases_with_cotangents, group="gradients", exempts=claims_gradients, reshapes=True)
def test_requires_grad(trial: Trial, case: Case) -> None:
    """Those that ask for a gradient get the same as if all had asked, and the others none.

    Not judged here: lengths (`length_gradients`), arguments in other memory (`gradients`), NaN and infinity.
    """
    weights = [name for name in case.weights if name.startswith("weight")]
    for wanted in (["x"], ["h_0"], weights[-1:], list(case.weights)):
        if set(wanted) <= set(case.arrays):
            trial.agrees_on_gradients(case, wanted)
