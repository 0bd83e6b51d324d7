"""Surroundings: settings of the process, random numbers and the terminal are left alone."""

from strategies import Case, cases
from tests.judge import Trial, judged, leaves_alone, own_process


@judged(cases, exempts=own_process)
def test_surroundings(trial: Trial, case: Case) -> None:
    """Building and calling change no setting and no random number of the process, and print nothing."""
    leaves_alone(trial, case)
