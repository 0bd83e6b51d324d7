"""Modes: torch's global settings change nothing."""

from strategies import Case, cases
from tests.judge import Trial, judged, unmoved_by_modes


@judged(cases, group="torch", reshapes=True)
def test_modes(trial: Trial, case: Case) -> None:
    """Under no_grad, inference_mode, tracking, and another default dtype a network computes the same.

    Not judged here: lengths, which no mode is known to change; threads, as a mode is one of the thread that
    calls.
    """
    unmoved_by_modes(trial, case)
