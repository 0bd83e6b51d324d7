"""A plain and correct GRU, as `Loop` is of nn.RNN: its step is the table's, over tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rnn_parity.contract.cells import GRU
from rnn_parity.tests.suite.planted.loop import Cell, Loop


class GRULoop(Loop):
    """h_t = (1 - z) n + z h_(t-1), one step after the other."""

    def cell(self, weights: dict[str, Tensor], layer: int, reverse: bool) -> Cell:  # type: ignore[override]
        suffix = f"l{layer}_reverse" if reverse else f"l{layer}"
        matrices = [weights[f"weight_{side}_{suffix}"] for side in ("ih", "hh")]
        none = matrices[1].new_zeros(len(matrices[1]))
        return Cell(layer, reverse, *matrices, *(weights.get(f"bias_{side}_{suffix}", none) for side in ("ih", "hh")))

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        found: Tensor = GRU.step(GRUStep(self, cell, x, t), h)
        return found

    def rows(self, gate: str) -> slice:
        """The rows of a gate."""
        return self.config.rows_of_gates()[gate]

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        return self.product(x, cell.w_ih[self.rows(gate)]) + cell.b_ih[self.rows(gate)]

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return self.product(h, cell.w_hh[self.rows(gate)]) + cell.b_hh[self.rows(gate)]

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        """The candidate's sum."""
        return self.input_side(cell, x, "n") + r * self.state_side(cell, h, "n")

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.sigmoid(a)

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * n + z * h


class GRUStep(NamedTuple):
    """The algebra of tensors, as a loop has it at one step."""

    loop: GRULoop
    cell: Cell
    x: Tensor
    t: int

    def affine(self, gate: str, h: Tensor) -> Tensor:
        return self.loop.input_side(self.cell, self.x, gate) + self.loop.state_side(self.cell, h, gate)

    def reset_affine(self, gate: str, h: Tensor, reset: Tensor) -> Tensor:
        return self.loop.candidate(self.cell, self.x, h, reset)

    def gate(self, name: str, value: Tensor) -> Tensor:
        return value

    def tanh(self, a: Tensor) -> Tensor:
        return self.loop.tanh(a)

    def sigmoid(self, a: Tensor) -> Tensor:
        return self.loop.sigmoid(a)

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return self.loop.mix(z, n, h)


def reordered(parameter: Tensor, *order: int) -> Tensor:
    """The blocks of a parameter's rows in another order."""
    blocks = parameter.chunk(3)
    return torch.cat([blocks[place] for place in order])
