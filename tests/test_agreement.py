"""Agreement with the reference: outputs and final hidden states, shape and dtype included."""

from strategies import Case, cases
from tests.judge import Trial, judged


@judged(cases, group="results")
def test_agreement(trial: Trial, case: Case) -> None:
    """Outputs and final hidden states lie within the proven bounds.

    Not judged here: tracking and training (`gradients`, `modes`, `dropout`), calls at once (`threads`), other
    memory (`strides`).
    """
    trial.agrees(case)
