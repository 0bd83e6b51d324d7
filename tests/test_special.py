"""Special values: NaN, infinities, signed zeros, subnormals, and the edges of the dtype and of tanh."""

from strategies import Case, special_cases
from tests.judge import Trial, judged


@judged(special_cases, group="special")
def test_special(trial: Trial, case: Case) -> None:
    """What the arithmetic determines of special values is demanded, and no more.

    Not judged here: tracking (gradients of NaN and infinity have no proven bound), lengths (`lengths` draws
    them), threads.
    """
    trial.agrees(case)
