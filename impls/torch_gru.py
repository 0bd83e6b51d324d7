"""torch.nn.GRU itself."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.registry import register_module
from rnn_parity.scripts import template

register_module(
    "nn.gru",
    torch.nn.GRU,
    capabilities=Capabilities(cells=("gru",), lengths=("packed",)),
    script=template("torch_module", "torch_gru"),
)
