"""The notebook's second implementation, generalised to the whole of nn.RNN: cells of two nn.Linear each."""

from __future__ import annotations

import torch
from torch import nn

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.parameters import fill


class LinearCell(nn.Module):
    """The notebook's RNN2: one step of one layer in one direction."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool, nonlinearity: str) -> None:
        super().__init__()
        self.i2h = nn.Linear(input_size, hidden_size, bias=bias)
        self.h2h = nn.Linear(hidden_size, hidden_size, bias=bias)
        self.act = {"tanh": nn.Tanh(), "relu": nn.ReLU()}[nonlinearity]

    def forward(self, input: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Return the next hidden state."""
        i2h = self.i2h(input)
        h2h = self.h2h(hidden)
        output: torch.Tensor = self.act(i2h + h2h)
        return output


class LinearRNN(nn.Module):
    """Such cells, one a layer and direction, in the order of `config.suffixes()`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.cells = nn.ModuleList(
            LinearCell(config.layer_input_size(layer), config.hidden_size, config.bias, config.nonlinearity)
            for layer in range(config.num_layers)
            for _ in range(config.num_directions)
        )

    def named(self) -> dict[str, torch.Tensor]:
        """Return the cells' parameters under nn.RNN's names."""
        return {
            f"{kind}_{side}h_{suffix}": getattr(getattr(cell, f"{side}2h"), kind)
            for suffix, cell in zip(self.config.suffixes(), self.cells, strict=True)
            for kind in ("weight", "bias")[: 1 + self.config.bias]
            for side in "ih"
        }

    def init_hidden(self, input: torch.Tensor) -> torch.Tensor:
        """Return zeros for every cell."""
        return input.new_zeros(len(self.cells), *input.shape[1:-1], self.config.hidden_size)

    def forward(self, input: torch.Tensor, hidden: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last layer's states at every step, and every cell's last hidden state."""
        check_arguments(self.config, input, hidden)
        batch_first = self.config.batch_first and input.dim() == 3
        if batch_first:
            input = input.transpose(0, 1)
        hiddens = list(self.init_hidden(input) if hidden is None else hidden)

        for layer in range(self.config.num_layers):
            directions = []
            for reverse in range(self.config.num_directions):
                index = layer * self.config.num_directions + reverse
                outputs = []
                for step in input.flip(0) if reverse else input:
                    hiddens[index] = self.cells[index](step, hiddens[index])
                    outputs.append(hiddens[index])
                directions.append(torch.stack(outputs[::-1] if reverse else outputs))
            input = torch.cat(directions, dim=-1)

        return input.transpose(0, 1) if batch_first else input, torch.stack(hiddens)


@register("linear", capabilities=Capabilities(autocast=True))
def build(config: Config, weights: Weights) -> Run:
    """Build a LinearRNN with these weights."""
    network = LinearRNN(config).to(config.dtype)
    fill(network.named(), weights)

    def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        output, h_n = network(x, h_0)
        return output, h_n

    run.parameters = network.named()  # type: ignore[attr-defined]
    return run
