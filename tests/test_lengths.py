"""Lengths: sequences of different lengths in one batch, packed or padded."""

from strategies import Case, cases_with_lengths
from tests.judge import Trial, claims_lengths, judged


@judged(cases_with_lengths, group="lengths", exempts=claims_lengths)
def test_lengths(trial: Trial, case: Case) -> None:
    """Each row is as if it ran alone on its own length, and garbage beyond its end leaks nowhere.

    Not judged here: tracking (`length_gradients`), training (`modes`), threads (`threads`), other memory
    (`strides`).
    """
    trial.agrees(case)
