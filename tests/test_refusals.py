"""Refusals: calls that nn.RNN refuses."""

from strategies import Case, misused_cases
from tests.judge import Trial, admits_misuse, judged, refuses


@judged(misused_cases, group="arguments", admits=admits_misuse, reshapes=True)
def test_refusals(trial: Trial, case: Case) -> None:
    """A wrong call raises an error, or is documented and right; and afterwards the right call works.

    Not judged here: tracking and threads: arguments are refused before anything is computed.
    """
    refuses(trial, case)
