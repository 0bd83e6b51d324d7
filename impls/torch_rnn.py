"""torch.nn.RNN itself, whose surface the contract is."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.registry import register_module
from rnn_parity.registry.torch_defects import TORCH_DEFECTS
from rnn_parity.scripts import template

register_module(
    "nn.rnn",
    torch.nn.RNN,
    capabilities=Capabilities(lengths=("packed",), dropout=True, autocast=True, devices=("cpu", "cuda")),
    known_defects=TORCH_DEFECTS,
    script=template("torch_module", "torch_rnn"),
)
