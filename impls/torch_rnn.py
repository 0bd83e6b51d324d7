"""torch.nn.RNN itself, whose surface the contract is."""

from __future__ import annotations

import torch

from impls.contract import Capabilities
from impls.registry import register_module
from impls.scripts import template
from impls.torch_defects import TORCH_DEFECTS

register_module(
    "nn.rnn",
    torch.nn.RNN,
    capabilities=Capabilities(lengths=("packed",), dropout=True, autocast=True, devices=("cpu", "cuda")),
    known_defects=TORCH_DEFECTS,
    script=template("torch_rnn"),
)
