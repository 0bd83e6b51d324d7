"""Leaks: memory does not grow with the number of calls."""

from strategies import Case, cases
from tests.judge import Trial, forgets_its_calls, judged, own_process


@judged(cases, group="process", exempts=own_process)
def test_leaks(trial: Trial, case: Case) -> None:
    """Nothing of a call is kept: called again and again, a network holds no more than before.

    Not judged here: tracking and lengths: each needs its own hundreds of calls, which are the price of this
    property.
    """
    forgets_its_calls(trial, case)
