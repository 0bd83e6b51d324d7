"""The GRU that the notebook would have gone on to: nn.GRU written out with parameters and matrix products."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.from_parameters import ParameterRNN
from rnn_parity.registry import register_module


class ParameterGRU(ParameterRNN):
    """A GRU with nn.GRU's arguments and parameter names, one `get_h` a step."""

    cell = "gru"

    def get_h(self, h_t_prev: torch.Tensor, x_t: torch.Tensor, suffix: str) -> torch.Tensor:
        """Return the next hidden state of one layer in one direction."""
        W_ih, W_hh = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        b_ih, b_hh = getattr(self, f"bias_ih_{suffix}", 0), getattr(self, f"bias_hh_{suffix}", 0)
        x_r, x_z, x_n = (x_t @ W_ih.T + b_ih).chunk(3, dim=-1)
        h_r, h_z, h_n = (h_t_prev @ W_hh.T + b_hh).chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return (1 - z) * n + z * h_t_prev


register_module(
    "gru-parameters",
    ParameterGRU,
    capabilities=Capabilities(cells=("gru",)),
)
