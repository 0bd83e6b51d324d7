"""The recurrence in plain NumPy, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Scan, run_scans

#: The next state, out of x_t, the state before, and W_ih, W_hh, b_ih and b_hh (0 without biases).
Step: TypeAlias = Callable[..., np.ndarray]
#: NumPy has no bfloat16, and differentiates nothing.
CLAIMS = Capabilities(dtypes=(torch.float64, torch.float32, torch.float16), gradients=False)


def loops(config: Config, weights: Weights, step: Step) -> Run:
    """Build one loop over a step for each layer and direction."""
    arrays = {name: weight.detach().clone().numpy() for name, weight in weights.items()}

    def scan_of(suffix: str) -> Scan:
        own = [arrays.get(f"{role}_{suffix}", 0) for role in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

        def scan(x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
            zeros = (x.shape[1], config.state_size), arrays[f"weight_hh_{suffix}"].dtype
            h = np.zeros(*zeros) if h_0 is None else h_0.detach().numpy()
            states = []
            with np.errstate(all="ignore"):
                for x_t in x.detach().numpy():
                    h = step(x_t, h, *own)
                    states.append(h)
            return torch.from_numpy(np.stack(states))

        return scan

    return run_scans(config, [scan_of(suffix) for suffix in config.suffixes()])


@register("numpy", capabilities=CLAIMS, library="numpy", script=template("numpy_loop", "numpy_rnn"))
def build(config: Config, weights: Weights) -> Run:
    """Build nn.RNN's network."""

    def step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        a = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
        return np.tanh(a) if config.nonlinearity == "tanh" else np.maximum(a, 0)

    return loops(config, weights, step)
