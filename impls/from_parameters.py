"""The notebook's first implementation, generalised to the whole of nn.RNN: parameters and matrix products."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rnn_parity.contract import Capabilities, Config
from rnn_parity.registry import register_module
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.layers import apart, joined


class ParameterRNN(nn.Module):
    """An Elman network with nn.RNN's arguments and parameter names, one `get_h` a step."""

    cell = "rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.config = replace(Config(*args, **kwargs), cell=self.cell)
        self.act = {"tanh": torch.tanh, "relu": torch.relu}[self.config.nonlinearity]
        for name, shape in self.config.parameter_shapes().items():
            setattr(self, name, nn.Parameter(torch.ones(shape)))

    def get_h(self, h_t_prev: torch.Tensor, x_t: torch.Tensor, suffix: str) -> torch.Tensor:
        """Return the next hidden state of one layer in one direction."""
        W_ih, W_hh = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        b_ih, b_hh = getattr(self, f"bias_ih_{suffix}", 0), getattr(self, f"bias_hh_{suffix}", 0)
        return self.act(x_t @ W_ih.T + b_ih + h_t_prev @ W_hh.T + b_hh)

    def forward(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Return the hidden states of the last layer at every step, and the final ones of every layer and direction."""
        dtype = next(self.parameters()).dtype
        check_arguments(replace(self.config, dtype=dtype), x, state)
        h_0 = joined(state)
        suffixes = self.config.suffixes()
        batch_first = self.config.batch_first and x.dim() == 3
        if batch_first:
            x = x.transpose(0, 1)
        if h_0 is None:
            h_0 = x.new_zeros(len(suffixes), *x.shape[1:-1], self.config.state_size)

        h_n: list[torch.Tensor] = []
        for _ in range(self.config.num_layers):
            directions = []
            for step in (1, -1)[: self.config.num_directions]:
                index = len(h_n)
                h_array = [h_0[index]]
                for x_t in x.unbind()[::step]:
                    h_array.append(self.get_h(h_array[-1], x_t, suffixes[index]))
                h_n.append(h_array[-1])
                directions.append(torch.stack(h_array[1:][::step])[..., : self.config.hidden_size])
            x = torch.cat(directions, dim=-1)
            if len(h_n) < len(suffixes):
                x = nn.functional.dropout(x, self.config.dropout, self.training)

        return x.transpose(0, 1) if batch_first else x, apart(self.config, torch.stack(h_n))


register_module(
    "parameters",
    ParameterRNN,
    capabilities=Capabilities(dropout=True, autocast=True, devices=("cpu", "cuda")),
)
