"""Ways in which more than one library goes wrong: predicates on cases for known defects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnn_parity.contract import Array, Case
from rnn_parity.reference.forward import layer_passes


def states_of(case: Case) -> Array:
    """Return every hidden state of every layer, with and without the initial state (a property may leave it out)."""
    found = [
        made.states.mid.ravel()
        for h_0 in (case.h_0, None)[: 1 + case.has_h_0]
        for made in layer_passes(replace(case, h_0=h_0))
    ]
    return np.concatenate(found)


def skips_infinite_recurrence(case: Case) -> bool:
    """Return whether skipping the first product, of W_hh and zeros, shows: 0 times an infinity is NaN, not 0."""
    recurrent = [array for name, array in case.weights.items() if name.startswith("weight_hh")]
    return not case.has_h_0 and not all(np.isfinite(array).all() for array in recurrent)


def has_nan_under_relu(case: Case) -> bool:
    """Return whether a ReLU that makes 0 of a NaN, as max(0, x) often does, shows."""
    return case.config.nonlinearity == "relu" and has_nan_state(case)


def has_nan_state(case: Case) -> bool:
    """Return whether some state is NaN."""
    return not case.finite and bool(np.isnan(states_of(case)).any())


def has_padding_in_gradients(case: Case) -> bool:
    """Return whether NaN or infinities beyond a row's end show a library that multiplies their gradients by 0."""
    return case.has_cotangents and case.lengths is not None and not np.isfinite(case.x).all()
