"""Surroundings: settings of the process, random numbers and the terminal are left alone."""

from strategies import Case, cases_with_or_without_cotangents
from tests.judge import Trial, judged, leaves_alone, own_process


@judged(cases_with_or_without_cotangents, group="process", exempts=own_process)
def test_surroundings(trial: Trial, case: Case) -> None:
    """Building, calling and differentiating change no setting and no random number, and print nothing.

    Not judged here: threads, whose settings are their own; sequences with lengths, for which no other setting is
    known to matter.
    """
    leaves_alone(trial, case)
