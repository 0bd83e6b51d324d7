"""Autocast: float32 networks run in bfloat16 where torch.autocast says so."""

from dataclasses import replace

import torch

from strategies import Case, cases
from tests.judge import Trial, agrees_under_autocast, claims_autocast, judged


@judged(
    lambda capabilities: cases(replace(capabilities, dtypes=(torch.bfloat16,))),
    group="torch",
    exempts=claims_autocast,
    admits=lambda trial, case: case.config.dtype == torch.bfloat16 and trial.takes(case),
)
def test_autocast(trial: Trial, case: Case) -> None:
    """Numbers that bfloat16 holds, run in float32 under autocast, give what bfloat16 may give.

    Not judged here: gradients: no bound is proven for the way back under autocast, where torch chooses each
    dtype.
    """
    agrees_under_autocast(trial, case)
