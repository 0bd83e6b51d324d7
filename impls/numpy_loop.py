"""The recurrence in plain NumPy, step by step."""

from __future__ import annotations

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Scan, run_scans


@register(
    "numpy",
    # NumPy has no bfloat16, and differentiates nothing.
    capabilities=Capabilities(dtypes=(torch.float64, torch.float32, torch.float16), gradients=False),
    library="numpy",
    script=template("numpy_loop"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one NumPy loop for each layer and direction."""
    arrays = {name: weight.detach().clone().numpy() for name, weight in weights.items()}

    def scan_of(suffix: str) -> Scan:
        w_ih, w_hh = arrays[f"weight_ih_{suffix}"], arrays[f"weight_hh_{suffix}"]
        b_ih, b_hh = arrays.get(f"bias_ih_{suffix}", 0), arrays.get(f"bias_hh_{suffix}", 0)

        def scan(x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
            h = np.zeros((x.shape[1], config.hidden_size), w_hh.dtype) if h_0 is None else h_0.detach().numpy()
            states = []
            with np.errstate(all="ignore"):
                for x_t in x.detach().numpy():
                    a = x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh
                    h = np.tanh(a) if config.nonlinearity == "tanh" else np.maximum(a, 0)
                    states.append(h)
            return torch.from_numpy(np.stack(states))

        return scan

    return run_scans(config, [scan_of(suffix) for suffix in config.suffixes()])
