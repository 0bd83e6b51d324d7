"""Special values: NaN, infinities, signed zeros, subnormals, and the edges of the dtype and of tanh."""

from strategies import Case, special_cases
from tests.judge import Trial, judged


@judged(special_cases)
def test_special(trial: Trial, case: Case) -> None:
    """What the arithmetic determines of special values is demanded, and no more."""
    trial.agrees(case)
