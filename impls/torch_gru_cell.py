"""torch.nn.GRUCell in a loop: other kernels of PyTorch's than nn.GRU's, with layers and directions around them."""

from __future__ import annotations

from torch import nn

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.torch_rnn_cell import run_cells


@register(
    "nn.grucell",
    capabilities=Capabilities(cells=("gru",)),
    script=template("torch_cells", "torch_gru_cell"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one nn.GRUCell for each layer and direction."""

    def cell_of(inputs: int) -> nn.Module:
        return nn.GRUCell(inputs, config.hidden_size, config.bias, dtype=config.dtype)

    return run_cells(config, weights, cell_of)
