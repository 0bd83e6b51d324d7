"""torch.nn.RNNCell in a loop: another kernel of PyTorch's, with layers and directions around it."""

from __future__ import annotations

import torch
from torch import nn

from impls.contract import Config, Run, Weights
from impls.layers import Scan, run_scans
from impls.registry import register


@register("nn.rnncell")
def build(config: Config, weights: Weights) -> Run:
    """One nn.RNNCell a layer and direction."""
    return torch.no_grad()(run_scans(config, [_scan(_cell(config, weights, suffix)) for suffix in config.suffixes()]))


def _cell(config: Config, weights: Weights, suffix: str) -> nn.RNNCell:
    parameters = {name: weights[f"{name}_{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if config.bias else 2]}
    input_size = parameters["weight_ih"].shape[1]
    cell = nn.RNNCell(input_size, config.hidden_size, config.bias, config.nonlinearity, dtype=config.dtype)
    cell.load_state_dict(parameters)
    return cell


def _scan(cell: nn.RNNCell) -> Scan:
    def scan(x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
        states, h = [], h_0
        for x_t in x:
            h = cell(x_t, h)
            states.append(h)
        return torch.stack(states)

    return scan
