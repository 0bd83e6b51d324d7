"""Bugs that break a promise of float16 and bfloat16 networks: sums in float32, and one rounding to the dtype.

All but `StateThroughOtherHalf` are inside the bounds of an implementation that rounds every operation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_parity import Rounding
from rnn_parity.tests.suite.planted.bugs import HALVES, plant
from rnn_parity.tests.suite.planted.loop import Cell, Loop

#: The sum is rounded once, and then tanh.
SUM = Rounding(accumulate=torch.float32, rounded="sum", tanh_ulps=0.51)
#: Only the new state is rounded.
STATE = Rounding(accumulate=torch.float32, rounded="state")


def toward_zero(values: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest number of a half dtype that is no larger."""
    nearest = values.to(dtype)
    too_large = nearest.to(values.dtype).abs() > values.abs()
    return (nearest.view(torch.int16) - too_large.to(torch.int16)).view(dtype)


class InSingle(Loop):
    """Sums and activations are float32; `round_sum` and `round_state` say what is stored."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        self.narrow = x.dtype
        sums = self.affine(cell.to(torch.float32), x.float(), h.float())
        return self.round_state(self.activate(self.round_sum(sums)))

    def round_sum(self, sums: Tensor) -> Tensor:
        return sums

    def round_state(self, states: Tensor) -> Tensor:
        return states.to(self.narrow)

    def through_half(self, values: Tensor) -> Tensor:
        """float32 numbers, rounded to the dtype of the case."""
        return values.to(self.narrow).float()


@plant("precision", "agreement", STATE, dtypes=HALVES)
class SumsInHalf(InSingle):
    """Products are added one by one in half precision."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for k in range(v.shape[1]):
            total = self.through_half(total + v[:, k, None] * w[:, k])
        return total


@plant("precision", "agreement", STATE, dtypes=HALVES)
class ProductsInHalf(InSingle):
    """Each product is rounded to half precision before a float32 sum takes it in."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return self.through_half(v[:, None, :] * w).sum(-1)


@plant("precision", "agreement", STATE, dtypes=HALVES)
class TailInHalf(InSingle):
    """Sums are float32 in blocks of four products, and the products left over are added in half precision."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        even = v.shape[1] // 4 * 4
        total = super().product(v[:, :even], w[:, :even])
        for k in range(even, v.shape[1]):
            total = self.through_half(total + v[:, k, None] * w[:, k])
        return total


@plant("precision", "agreement", STATE, dtypes=HALVES)
class BlocksStoredInHalf(InSingle):
    """The sum of every sixteen products is float32, and these are added in half precision."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for v_block, w_block in zip(v.split(16, 1), w.split(16, 1), strict=True):
            total = self.through_half(total + super().product(v_block, w_block))
        return total


@plant("precision", "agreement", STATE, dtypes=HALVES)
class BiasAfterRounding(InSingle):
    """The biases are added to a sum that has been rounded."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.through_half(self.project(cell, x) + self.recur(cell, h)) + cell.b_ih + cell.b_hh


@plant("precision", "agreement", STATE, dtypes=HALVES)
class BiasesAddedInHalf(InSingle):
    """b_ih + b_hh is computed once, in half precision."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.project(cell, x) + self.recur(cell, h) + self.through_half(cell.b_ih + cell.b_hh)


@plant("precision", "agreement", STATE, dtypes=HALVES)
class RoundedTwice(InSingle):
    """The sum is rounded, and its activation again, where one rounding is promised."""

    def round_sum(self, sums: Tensor) -> Tensor:
        return self.through_half(sums)


@plant("precision", "agreement", STATE, dtypes=HALVES)
class StateTowardZero(InSingle):
    """The state is rounded toward zero."""

    def round_state(self, states: Tensor) -> Tensor:
        return toward_zero(states, self.narrow)


@plant("precision", "agreement", STATE, dtypes=HALVES)
class StateThroughOtherHalf(InSingle):
    """A float16 state has gone through bfloat16, and a bfloat16 one through float16."""

    def round_state(self, states: Tensor) -> Tensor:
        other = HALVES[1 - HALVES.index(self.narrow)]
        return super().round_state(states.to(other).float())


@plant("precision", "agreement", SUM, dtypes=HALVES)
class SumTowardZero(InSingle):
    """The sum is rounded toward zero before the activation."""

    def round_sum(self, sums: Tensor) -> Tensor:
        return toward_zero(sums, self.narrow).float()


@plant("precision", "agreement", SUM, dtypes=HALVES)
class SumsMeetInHalf(InSingle):
    """W_ih x and W_hh h are each rounded before they are added, where one rounding of the sum is promised."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return self.through_half(super().product(v, w))

    def round_sum(self, sums: Tensor) -> Tensor:
        return self.through_half(sums)
