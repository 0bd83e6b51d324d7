"""torch.nn.LSTM itself: on the CPU oneDNN's in float32 and bfloat16, and PyTorch's own in float64."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.registry import register_module
from rnn_parity.scripts import template

register_module(
    "nn.lstm",
    torch.nn.LSTM,
    capabilities=Capabilities(cells=("lstm",), lengths=("packed",)),
    script=template("torch_module", "torch_lstm"),
)
