"""torch.nn.LSTMCell in a loop: PyTorch's own kernels, with layers and directions around them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.torch_rnn_cell import run_cells


def _step(cell: nn.Module, x: torch.Tensor, state: Any) -> torch.Tensor:
    return torch.cat(cell(x, None if state is None else state.chunk(2, -1)), -1)


@register(
    "nn.lstmcell",
    capabilities=Capabilities(cells=("lstm",)),
    script=template("torch_lstm_cell"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one nn.LSTMCell for each layer and direction."""

    def cell_of(inputs: int) -> nn.Module:
        return nn.LSTMCell(inputs, config.hidden_size, config.bias, dtype=config.dtype)

    return run_cells(config, weights, cell_of, _step)
