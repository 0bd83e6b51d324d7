"""A plain and correct network with the whole surface of nn.RNN, cut into methods that a bug or a variant overrides.

`Loop(config, weights)` is what a `build` function returns: the class itself, and every class derived from it, is one.
Inside, sequences are (T, B, features) and states (num_layers * num_directions, B, H), whatever layout is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import ELMAN, Weights
from rnn_parity.toolkit.arguments import check_arguments


class Cell(NamedTuple):
    """One layer in one direction: where it stands, and its parameters (zeros for biases that are not there)."""

    layer: int
    reverse: bool
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor

    def to(self, dtype: torch.dtype) -> Cell:
        """The same cell with parameters of another dtype."""
        return Cell(self.layer, self.reverse, *(part.to(dtype) for part in self[2:]))


class Loop:
    """h_t = act(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), one step after the other."""

    def __init__(self, config: Config, weights: Weights) -> None:
        self.config = config
        directions = (False, True)[: config.num_directions]
        self.cells = [
            self.cell(weights, layer, reverse) for layer in range(config.num_layers) for reverse in directions
        ]

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        check_arguments(self.config, x, h_0)
        unbatched = x.dim() == 2
        sequence = self.arrange_in(x)
        output, h_n = self.network(sequence, self.initial_state(sequence, self.arrange_state_in(h_0, unbatched)))
        return self.arrange_out(output, unbatched), self.arrange_state_out(h_n, unbatched)

    # Parameters

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        suffix = f"l{layer}_reverse" if reverse else f"l{layer}"
        w_ih, w_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
        if self.config.bias:
            return Cell(layer, reverse, w_ih, w_hh, weights[f"bias_ih_{suffix}"], weights[f"bias_hh_{suffix}"])
        none = w_hh.new_zeros(self.config.hidden_size)
        return Cell(layer, reverse, w_ih, w_hh, none, none)

    # Layout

    def arrange_in(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return x.unsqueeze(1)
        return x.transpose(0, 1) if self.config.batch_first else x

    def arrange_state_in(self, h_0: Tensor | None, unbatched: bool) -> Tensor | None:
        return h_0.unsqueeze(1) if h_0 is not None and unbatched else h_0

    def arrange_out(self, output: Tensor, unbatched: bool) -> Tensor:
        if unbatched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.config.batch_first else output

    def arrange_state_out(self, h_n: Tensor, unbatched: bool) -> Tensor:
        return h_n.squeeze(1) if unbatched else h_n

    # The network: layers, directions, time

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return x.new_zeros(len(self.cells), x.shape[1], self.config.hidden_size) if h_0 is None else h_0

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        sequences, lasts = [x], []
        for layer in range(self.config.num_layers):
            halves = []
            for cell in (cell for cell in self.cells if cell.layer == layer):
                states = self.direction(cell, self.layer_input(layer, sequences), h_0[self.state_index(cell)])
                halves.append(states)
                lasts.append(self.last(cell, states))
            sequences.append(self.join(halves))
        return sequences[-1], self.final_state(lasts)

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        """What a layer reads, out of the network's input and the outputs of the layers below."""
        return sequences[-1]

    def state_index(self, cell: Cell) -> int:
        """The row of h_0 and h_n that belongs to a cell."""
        return cell.layer * self.config.num_directions + cell.reverse

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        """Every state of one layer in one direction, in the order of time."""
        return self.scan(cell, x.flip(0), h).flip(0) if cell.reverse else self.scan(cell, x, h)

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        """Every state, in the order of processing."""
        states = []
        for t in range(len(x)):
            h = self.step(cell, x[t], h, t)
            states.append(h)
        return torch.stack(states)

    def join(self, halves: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(halves), dim=-1)

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        """The state after the last step that a direction made."""
        return states[0] if cell.reverse else states[-1]

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(lasts))

    # One step

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        """The next state of (B, H); `t` counts steps in the order of processing."""
        found: Tensor = ELMAN.step(_Step(self, cell, x), h)
        return found

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + cell.b_ih + self.recur(cell, h) + cell.b_hh

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return self.product(x, cell.w_ih)

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return self.product(h, cell.w_hh)

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        """(B, n) times the transpose of (H, n).

        In float32 for narrower dtypes: torch 2.13's bfloat16 product on CPUs with AMX lets a NaN into other rows
        (https://github.com/uxlfoundation/oneDNN/issues/5717).
        """
        wide = torch.promote_types(v.dtype, torch.float32)
        return (v.to(wide) @ w.to(wide).T).to(v.dtype)

    def activate(self, a: Tensor) -> Tensor:
        found: Tensor = self.config.activation.of(self, a)
        return found

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh(a)

    def relu(self, a: Tensor) -> Tensor:
        return torch.relu(a)


class _Step(NamedTuple):
    """The algebra of tensors, as a loop has it at one step."""

    loop: Loop
    cell: Cell
    x: Tensor

    def affine(self, gate: str, h: Tensor) -> Tensor:
        return self.loop.affine(self.cell, self.x, h)

    def activated(self, a: Tensor) -> Tensor:
        return self.loop.activate(a)
