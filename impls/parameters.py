"""Parameters of a module of one's own, filled from nn.RNN's."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from impls.contract import Weights


def fill(own: Mapping[str, torch.Tensor], weights: Weights) -> None:
    """Copy nn.RNN's parameters into a module's, named as nn.RNN names them; they ask for gradients where those do."""
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])
            parameter.requires_grad_(weights[name].requires_grad)
