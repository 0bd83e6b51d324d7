"""What the reference expects of a case, with bounds for a rounding; kept, as several demands ask for the same."""

from __future__ import annotations

from functools import lru_cache

from rnn_parity import Rounding
from rnn_parity.reference import backward, second
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Pass, forward, layer_passes, results
from rnn_parity.strategies import Case


@lru_cache(maxsize=8)
def outputs(case: Case, rounding: Rounding) -> tuple[Ball, Ball]:
    """Return outputs and final hidden states, with their bounds."""
    return results(case, _passes(case, rounding)) if case.has_cotangents else forward(case, rounding)


@lru_cache(maxsize=8)
def _passes(case: Case, rounding: Rounding) -> list[Pass]:
    """Return the passes of the reference, of which results and gradients are made."""
    return layer_passes(case, rounding)


@lru_cache(maxsize=8)
def gradients(case: Case, rounding: Rounding, times: int) -> dict[str, Ball]:
    """Return gradients by name, so many `times` added up."""
    return backward.gradients(case, rounding, times, passes=_passes(case, rounding))


@lru_cache(maxsize=8)
def second_derivatives(case: Case, rounding: Rounding) -> second.SecondDerivatives:
    """Return the gradients of gradients, of any number of calls."""
    return second.second_derivatives(case, rounding, _passes(case, rounding))
