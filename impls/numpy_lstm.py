"""An LSTM in plain NumPy, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnn_parity.contract import Config, Run, Weights
from rnn_parity.numpy_loop import CLAIMS, loops
from rnn_parity.registry import register
from rnn_parity.scripts import template


def _step(x: Any, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    h, c = np.split(state, 2, axis=-1)
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=-1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    c = f * c + i * np.tanh(g)
    return np.concatenate([o * np.tanh(c), c], axis=-1)


@register(
    "numpy-lstm",
    capabilities=replace(CLAIMS, cells=("lstm",)),
    library="numpy",
    script=template("numpy_loop", "numpy_lstm"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build nn.LSTM's network."""
    return loops(config, weights, _step)
