"""Whether a case has numbers alone, and computes numbers alone: a bound of every sum, that none overflows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from rnn_parity.contract.config import Array

if TYPE_CHECKING:
    from rnn_parity.contract.case import Case


def is_finite(case: Case) -> bool:
    """Return whether there is no NaN and no infinity in what counts, and no sum can grow so large that it overflows."""
    config, x = case.config, case.blanked(case.x)
    if not all(np.isfinite(array).all() for array in (case.arrays | {"x": x}).values()):
        return False
    size, index = _largest(x), 0
    with np.errstate(over="ignore"):
        for layer in range(config.num_layers):
            sizes = []
            for _ in range(config.num_directions):
                h = 0.0 if case.h_0 is None else _largest(case.h_0[index, :, : config.hidden_size])
                sizes.append(_largest_sum(case, config.suffixes()[index], size, h, layer))
                index += 1
            size = max(sizes)
    return size < math.inf and _cells_are_finite(case)


def _cells_are_finite(case: Case) -> bool:
    """Return whether no part of the state that W_hh does not read may overflow: it grows by 1 a step at most."""
    others = 0.0 if case.h_0 is None else _largest(case.h_0[..., case.config.hidden_size :])
    return 2 * (others + case.steps) < torch.finfo(case.config.dtype).max


def _largest_sum(case: Case, suffix: str, x: float, h: float, layer: int) -> float:
    """Return an upper bound of the sums of one direction of a layer; infinity where one may overflow."""
    config, info = case.config, torch.finfo(case.config.dtype)
    w_ih, w_hh = (float(np.abs(case.weights[f"weight_{kind}_{suffix}"]).sum(1).max()) for kind in ("ih", "hh"))
    bias = sum(_largest(case.weights[f"bias_{kind}_{suffix}"]) for kind in ("ih", "hh")) if config.bias else 0.0
    terms = config.layer_input_size(layer) + config.hidden_size + 2
    largest = h
    for _ in range(case.steps):
        total = (w_ih * x + w_hh * h + bias) * (1 + 2 * terms * info.eps)
        if not total < info.max:
            return math.inf
        largest, h = max(largest, total), config.kind.reach(config.activation.reach, total, h)
    return largest


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0.0))
