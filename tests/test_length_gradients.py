"""Gradients of sequences of different lengths in one batch."""

from strategies import Case, cases_with_cotangents
from tests.judge import Trial, claims_gradients, claims_lengths, judged


@judged(
    lambda capabilities: cases_with_cotangents(capabilities, lengths=True),
    group="lengths",
    exempts=lambda capabilities: claims_gradients(capabilities) or claims_lengths(capabilities),
)
def test_length_gradients(trial: Trial, case: Case) -> None:
    """Gradients stop at each row's end, and garbage beyond it leaks into none.

    Not judged here: arguments in other memory (`gradients`), NaN and infinity, halves where wider dtypes are
    claimed.
    """
    trial.agrees_on_gradients(case)
