"""A correct network whose gradients are written by hand, cut into methods that a bug or a variant overrides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.loop import Cell, Loop


class ByHand(Loop):
    """Back-propagation through time, one step after the other, for each layer and direction."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return _Scan.apply(self, (cell.layer, cell.reverse), x, h, *cell[2:])

    def forward_scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().scan(cell, x, h)

    def back(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor, asked: Tensor) -> tuple[Tensor, ...]:
        """The gradients of x, h_0, W_ih, W_hh, b_ih and b_hh; `asked` is that of the states, all (T, B, ...)."""
        grad_a, grad_h_0 = self.back_through(cell, self.slopes(cell, x, h_0, states), asked)
        both = self.grad_bias(grad_a)
        return (
            self.grad_input(cell, grad_a),
            grad_h_0,
            self.grad_weight(grad_a, x),
            self.grad_weight(grad_a, self.read(h_0, states)),
            both,
            both.clone(),
        )

    def back_through(self, cell: Cell, slopes: Sequence[Tensor], asked: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of the pre-activations, (T, B, H), and of h_0, (B, H)."""
        found, carry = [], torch.zeros_like(asked[0])
        for slope, own in zip(reversed(slopes), reversed(asked), strict=True):
            found.insert(0, (own + carry) * slope)
            carry = self.carry(cell, found[0])
        return torch.stack(found), carry

    def slopes(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor) -> Sequence[Tensor]:
        """The activation's derivative at each step."""
        return [self.slope(h) for h in states]

    def read(self, h_0: Tensor, states: Tensor) -> Tensor:
        """The states that each step reads."""
        return torch.cat([h_0[None], states[:-1]])

    def slope(self, h: Tensor) -> Tensor:
        """The activation's derivative where its value is h."""
        found: Tensor = self.config.activation.slope(self, h)
        return found

    def one_minus_square(self, h: Tensor) -> Tensor:
        return 1 - h * h

    def is_positive(self, h: Tensor) -> Tensor:
        return (h > 0).to(h.dtype)

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        """What goes back to the state before."""
        return self.product(grad_a, cell.w_hh.T)

    def grad_input(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return torch.stack([self.product(step, cell.w_ih.T) for step in grad_a])

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        """The sum over steps and rows of products of what goes back and what was read."""
        total = grad_a.new_zeros(grad_a.shape[-1], read.shape[-1])
        for step, values in zip(reversed(grad_a), reversed(read), strict=True):
            total = total + self.product(step.T, values.T)
        return total

    def grad_bias(self, grad_a: Tensor) -> Tensor:
        return grad_a.sum((0, 1))


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, network: ByHand, place: tuple[int, bool], x: Tensor, h: Tensor, *parameters: Tensor
    ) -> Tensor:
        states = network.forward_scan(Cell(*place, *parameters), x, h)
        ctx.network, ctx.place = network, place
        ctx.save_for_backward(x, h, states, *parameters)
        return states

    @staticmethod
    def backward(ctx: Any, *asked: Tensor) -> Any:
        x, h, states, *parameters = ctx.saved_tensors
        return None, None, *ctx.network.back(Cell(*ctx.place, *parameters), x, h, states, asked[0])


def going_back(value: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The same value, whose gradient is changed on its way back."""
    same = value.view_as(value)
    if same.requires_grad:
        same.register_hook(change)
    return same
