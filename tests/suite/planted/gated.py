"""Plain and correct networks of gated cells, as `Loop` is of nn.RNN: their steps are the table's, over tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnn_parity.contract.cells import GRU, LSTM
from rnn_parity.tests.suite.planted.loop import Cell, Loop
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.layers import apart, joined


class GatedLoop(Loop):
    """What gated cells have in common."""

    def cell(self, weights: dict[str, Tensor], layer: int, reverse: bool) -> Cell:  # type: ignore[override]
        suffix = f"l{layer}_reverse" if reverse else f"l{layer}"
        matrices = [weights[f"weight_{side}_{suffix}"] for side in ("ih", "hh")]
        none = matrices[1].new_zeros(len(matrices[1]))
        return Cell(layer, reverse, *matrices, *(weights.get(f"bias_{side}_{suffix}", none) for side in ("ih", "hh")))

    def rows(self, gate: str) -> slice:
        """The rows of a gate."""
        return self.config.rows_of_gates()[gate]

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        return self.product(x, cell.w_ih[self.rows(gate)]) + cell.b_ih[self.rows(gate)]

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return self.product(h, cell.w_hh[self.rows(gate)]) + cell.b_hh[self.rows(gate)]

    def sum_of(self, cell: Cell, x: Tensor, h: Tensor, gate: str) -> Tensor:
        """The sum of a gate."""
        return self.input_side(cell, x, gate) + self.state_side(cell, h, gate)

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.sigmoid(a)


class Reordered(GatedLoop):
    """Reads the rows of the gates in another order, in these parameters."""

    order: tuple[int, ...] = ()
    roles: tuple[str, ...] = ("w_ih", "w_hh", "b_ih", "b_hh")

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        moved = {role: reordered(getattr(cell, role), *self.order) for role in self.roles}
        return super().step(cell._replace(**moved), x, h, t)  # type: ignore[arg-type]


class GRULoop(GatedLoop):
    """h_t = (1 - z) n + z h_(t-1), one step after the other."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        found: Tensor = GRU.step(GRUStep(self, cell, x, t), h)
        return found

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        """The candidate's sum."""
        return self.input_side(cell, x, "n") + r * self.state_side(cell, h, "n")

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * n + z * h


class GRUStep(NamedTuple):
    """The algebra of tensors, as a loop has it at one step."""

    loop: GRULoop
    cell: Cell
    x: Tensor
    t: int

    def affine(self, gate: str, h: Tensor) -> Tensor:
        return self.loop.sum_of(self.cell, self.x, h, gate)

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


class LSTMLoop(GatedLoop):
    """c_t = f c_(t-1) + i g and h_t = o tanh(c_t), one step after the other; inside, a state is h and c together."""

    def __call__(self, x: Tensor, state: Any = None) -> Any:  # type: ignore[override]
        check_arguments(self.config, x, state)
        unbatched = x.dim() == 2
        sequence = self.arrange_in(x)
        start = self.initial_state(sequence, self.arrange_state_in(joined(state), unbatched))
        output, final = self.network(sequence, start)
        return self.arrange_out(output, unbatched), apart(self.config, self.arrange_state_out(final, unbatched))

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return x.new_zeros(len(self.cells), x.shape[1], self.config.state_size) if h_0 is None else h_0

    def join(self, halves: Sequence[Tensor]) -> Tensor:
        return super().join([self.heard(half) for half in halves])

    def heard(self, states: Tensor) -> Tensor:
        """What W_hh, and the layer above, read of states."""
        return states[..., : self.config.hidden_size]

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        found: Tensor = LSTM.step(LSTMStep(self, cell, x, t), h)
        return found

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return f * c + i * g

    def new_h(self, o: Tensor, tanh_c: Tensor) -> Tensor:
        return o * tanh_c

    def gate(self, name: str, value: Tensor) -> Tensor:
        """What is made of a gate that is computed."""
        return value


class LSTMStep(NamedTuple):
    """The algebra of tensors, as a loop has it at one step."""

    loop: LSTMLoop
    cell: Cell
    x: Tensor
    t: int

    def parts(self, state: Tensor) -> Sequence[Tensor]:
        return state.chunk(2, -1)

    def joined(self, *parts: Tensor) -> Tensor:
        return torch.cat(parts, -1)

    def affine(self, gate: str, h: Tensor) -> Tensor:
        return self.loop.sum_of(self.cell, self.x, h, gate)

    def gate(self, name: str, value: Tensor) -> Tensor:
        return self.loop.gate(name, value)

    def tanh(self, a: Tensor) -> Tensor:
        return self.loop.tanh(a)

    def sigmoid(self, a: Tensor) -> Tensor:
        return self.loop.sigmoid(a)

    def times(self, a: Tensor, b: Tensor) -> Tensor:
        return self.loop.new_h(a, b)

    def two_products(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        return self.loop.new_c(a, b, c, d)


def reordered(parameter: Tensor, *order: int) -> Tensor:
    """The blocks of a parameter's rows in another order."""
    blocks = parameter.chunk(len(order))
    return torch.cat([blocks[place] for place in order])
