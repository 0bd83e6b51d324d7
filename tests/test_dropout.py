"""Dropout: in training, between the layers."""

from dataclasses import replace

from strategies import Case, cases
from tests.judge import Trial, claims_dropout, drops_out, judged


@judged(
    lambda capabilities: cases(replace(capabilities, nonfinite=False), special=False),
    group="torch",
    exempts=claims_dropout,
    admits=lambda trial, case: case.finite and trial.takes(case),
)
def test_dropout(trial: Trial, case: Case) -> None:
    """In training it drops the outputs of every layer but the last, each element by itself, and scales the others.

    Not judged here: gradients, lengths and threads: what is dropped is seen in results, and drawn anew in each
    call.
    """
    drops_out(trial, case)
