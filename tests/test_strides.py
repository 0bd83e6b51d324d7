"""Strides: how the arguments lie in memory makes no difference."""

from strategies import MEMORY, Case, cases_with_or_without_lengths
from tests.judge import Trial, judged


@judged(lambda capabilities: cases_with_or_without_lengths(capabilities, memory=tuple(MEMORY)[1:]), group="results")
def test_strides(trial: Trial, case: Case) -> None:
    """Transposed, strided, misaligned and expanded parameters, inputs and states are read as what they hold.

    Not judged here: tracking (`gradients` draws the same memory), threads (`threads`).
    """
    trial.agrees(case)
