"""The LSTM that the notebook would have gone on to: nn.LSTM written out with parameters and matrix products."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.from_parameters import ParameterRNN
from rnn_parity.registry import register_module


class ParameterLSTM(ParameterRNN):
    """An LSTM with nn.LSTM's arguments and parameter names, one `get_h` a step."""

    cell = "lstm"

    def get_h(self, h_t_prev: torch.Tensor, x_t: torch.Tensor, suffix: str) -> torch.Tensor:
        """Return the next state of one layer in one direction, h and c side by side."""
        W_ih, W_hh = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        b_ih, b_hh = getattr(self, f"bias_ih_{suffix}", 0), getattr(self, f"bias_hh_{suffix}", 0)
        h, c = h_t_prev.chunk(2, dim=-1)
        i, f, g, o = (x_t @ W_ih.T + b_ih + h @ W_hh.T + b_hh).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], dim=-1)


register_module(
    "lstm-parameters",
    ParameterLSTM,
    capabilities=Capabilities(cells=("lstm",)),
)
