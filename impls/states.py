"""The hidden states of a case, at which the predicates of known defects look."""

from __future__ import annotations

import numpy as np

from impls.contract import Array, Asked
from impls.reference import layer_passes


def states_of(case: Asked) -> Array:
    """Every hidden state of every layer, with the initial state and, as a property may leave it out, without it."""
    found = [
        made.states.mid.ravel()
        for h_0 in (case.h_0, None)[: 1 + case.has_h_0]
        for made in layer_passes(case.config, case.weights, case.x, h_0, None, case.lengths)
    ]
    return np.concatenate(found)


def relu_meets_nan(case: Asked) -> bool:
    """Whether ReLU is handed a NaN anywhere."""
    return case.config.nonlinearity == "relu" and not case.finite and bool(np.isnan(states_of(case)).any())
