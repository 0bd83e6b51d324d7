"""nn.RNN's parameters as others want them: in a module of its own, of one direction, with one bias."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from rnn_parity.contract import Config, Weights


def fill(own: Mapping[str, torch.Tensor], weights: Weights) -> None:
    """Copy nn.RNN's parameters into a module's, named as nn.RNN names them; they ask for gradients where those do."""
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
            parameter.requires_grad_(weights[name].requires_grad)


def of_direction(config: Config, weights: Weights, suffix: str) -> list[torch.Tensor]:
    """Return W_ih, W_hh and, where the network has biases, b_ih and b_hh of one layer and direction."""
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if config.bias else 2]
    return [weights[f"{role}_{suffix}"] for role in roles]


def one_bias(b_ih: torch.Tensor, b_hh: torch.Tensor) -> torch.Tensor:
    """Return the sum of both biases, rounded once, for a library that has one bias."""
    return (b_ih.double() + b_hh.double()).to(b_ih.dtype)
