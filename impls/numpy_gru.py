"""A GRU in plain NumPy, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnn_parity.contract import Config, Run, Weights
from rnn_parity.numpy_loop import CLAIMS, loops
from rnn_parity.registry import register
from rnn_parity.scripts import template


def _step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    x_r, x_z, x_n = np.split(x @ w_ih.T + b_ih, 3, axis=-1)
    h_r, h_z, h_n = np.split(h @ w_hh.T + b_hh, 3, axis=-1)
    r, z = 1 / (1 + np.exp(-x_r - h_r)), 1 / (1 + np.exp(-x_z - h_z))
    return (1 - z) * np.tanh(x_n + r * h_n) + z * h


@register(
    "numpy-gru",
    capabilities=replace(CLAIMS, cells=("gru",)),
    library="numpy",
    script=template("numpy_loop", "numpy_gru"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build nn.GRU's network."""
    return loops(config, weights, _step)
