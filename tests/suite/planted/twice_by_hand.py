"""A correct network whose gradients, and whose second derivatives, are written by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.by_hand import ByHand
from rnn_parity.tests.suite.planted.loop import Cell


class TwiceByHand(ByHand):
    """How the way back changes in a direction, step by step, in the same order as the way back itself."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        found: Tensor = _Scan.apply(self, (cell.layer, cell.reverse), x, h, *cell[2:])
        return found

    def back_along(self, cell: Cell, asked: Tensor, x: Tensor, h_0: Tensor, own: list[Tensor]) -> tuple[Tensor, ...]:
        """R of the states, and of the gradients of x, h_0, W_ih, W_hh, b_ih and b_hh, along `own`, one for each."""
        states = self.forward_scan(cell, x, h_0)
        grad_a, _ = self.back_through(cell, self.slopes(cell, x, h_0, states), asked)
        along = Cell(*cell[:2], *own[2:])
        sums, changes = [], [own[1]]
        for x_t, read, h, towards in zip(x, self.read(h_0, states), states, own[0], strict=True):
            given = self.project(cell, towards) + self.project(along, x_t) + along.b_ih
            sums.append(given + self.recur(cell, changes[-1]) + self.recur(along, read) + along.b_hh)
            changes.append(self.slope(h) * sums[-1])
        found, carry, carried = [], torch.zeros_like(h_0), torch.zeros_like(h_0)
        for t in reversed(range(len(x))):
            # act'' is written out, and stands beside the sum.
            found.insert(0, self.slope(states[t]) * carry + self.curvature(states[t]) * (asked[t] + carried) * sums[t])
            carry = self.carry(cell, found[0]) + self.carry(along, grad_a[t])
            carried = self.carry(cell, grad_a[t])
        back, change = torch.stack(found), torch.stack(changes)
        both = self.grad_bias(back)
        return (
            change[1:],
            self.grad_input(cell, back) + self.grad_input(along, grad_a),
            carry,
            self.grad_weight(back, x) + self.grad_weight(grad_a, own[0]),
            self.grad_weight(back, self.read(h_0, states)) + self.grad_weight(grad_a, change[:-1]),
            both,
            both.clone(),
        )

    def curvature(self, h: Tensor) -> Tensor:
        """The activation's second derivative where its value is h."""
        return 2 * h * h * h - 2 * h if self.config.nonlinearity == "tanh" else torch.zeros_like(h)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, network: TwiceByHand, place: tuple[int, bool], x: Tensor, h: Tensor, *parameters: Tensor
    ) -> Tensor:
        ctx.network, ctx.place = network, place
        ctx.save_for_backward(x, h, *parameters)
        return network.forward_scan(Cell(*place, *parameters), x, h)

    @staticmethod
    def backward(ctx: Any, *asked: Tensor) -> Any:
        return None, None, *_Back.apply(ctx.network, ctx.place, asked[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _Back(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        network: TwiceByHand,
        place: tuple[int, bool],
        asked: Tensor,
        x: Tensor,
        h: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.network, ctx.place = network, place
        ctx.save_for_backward(asked, x, h, *parameters)
        cell = Cell(*place, *parameters)
        return network.back(cell, x, h, network.forward_scan(cell, x, h), asked)

    @staticmethod
    def backward(ctx: Any, *own: Tensor) -> Any:
        asked, x, h, *parameters = ctx.saved_tensors
        return None, None, *ctx.network.back_along(Cell(*ctx.place, *parameters), asked, x, h, list(own))
