"""What files for `--impl` begin with in real runs: nn.RNN, whole or without some of its parameters."""

from __future__ import annotations

NETWORK = """
import torch
from rnn_parity import Capabilities, register

def network(config, weights, forgotten=()):
    module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
    module.load_state_dict({name: value * (not name.startswith(forgotten)) for name, value in weights.items()})
    return torch.no_grad()(module)
"""
