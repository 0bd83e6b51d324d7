"""Second derivatives: gradients of gradients, through `create_graph=True`."""

from strategies import Case, cases_to_differentiate_twice
from tests.judge import Trial, claims_second_derivatives, judged


@judged(
    cases_to_differentiate_twice,
    group="gradients",
    exempts=claims_second_derivatives,
    admits=lambda trial, case: case.twice and case.has_cotangents and trial.takes(case),
)
def test_second_derivatives(trial: Trial, case: Case) -> None:
    """Gradients of a weighted sum of gradients lie within their bounds, through one call and two of one network.

    Not judged here: NaN and infinity (bounds say little), arguments in other memory (`gradients`), threads
    (`threads`).
    """
    trial.agrees_on_second_derivatives(case)
