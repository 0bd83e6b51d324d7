"""torch.nn.RNNCell in a loop: other kernels of PyTorch's than nn.RNN's, with layers and directions around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rnn_parity.contract import Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Scan, run_scans
from rnn_parity.toolkit.parameters import fill


def run_cells(
    config: Config,
    weights: Weights,
    cell_of: Callable[[int], nn.Module],
    step: Callable[[nn.Module, torch.Tensor, Any], torch.Tensor] = lambda cell, x, h: cell(x, h),
) -> Run:
    """Build one cell for each layer and direction, out of the number of its inputs, and a loop of steps around it."""
    parameters: dict[str, torch.Tensor] = {}

    def scan_of(suffix: str) -> Scan:
        cell = cell_of(weights[f"weight_ih_{suffix}"].shape[1])
        parameters.update({f"{name}_{suffix}": parameter for name, parameter in cell.named_parameters()})

        def scan(x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
            h: Any = h_0
            states = []
            for x_t in x:
                h = step(cell, x_t, h)
                states.append(h)
            return torch.stack(states)

        return scan

    run = run_scans(config, [scan_of(suffix) for suffix in config.suffixes()])
    fill(parameters, weights)
    run.parameters = parameters  # type: ignore[attr-defined]
    return run


@register("nn.rnncell", script=template("torch_cells", "torch_rnn_cell"))
def build(config: Config, weights: Weights) -> Run:
    """Build one nn.RNNCell for each layer and direction."""

    def cell_of(inputs: int) -> nn.Module:
        return nn.RNNCell(inputs, config.hidden_size, config.bias, config.nonlinearity, dtype=config.dtype)

    return run_cells(config, weights, cell_of)
