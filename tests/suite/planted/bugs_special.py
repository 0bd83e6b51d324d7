"""Bugs that show at special values: not finite, at the edges of the dtype, or at the edges of tanh."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.loop import Cell, Loop


@plant("special", "special")
class TanhZeroBelowEps(Loop):
    """tanh of numbers below the dtype's eps is zero."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh(torch.where(a.abs() < torch.finfo(a.dtype).eps, torch.zeros_like(a), a))


@plant("special", "special")
class TanhSaturatesEarly(Loop):
    """tanh is one from eight tenths of the way on to where it rounds to one."""

    def tanh(self, a: Tensor) -> Tensor:
        edge = 0.8 * torch.atanh(torch.tensor(1 - torch.finfo(a.dtype).eps / 2, dtype=torch.float64)).item()
        return torch.where(a.abs() > edge, a.sign(), torch.tanh(a))


@plant("special", "special")
class TanhByQuotient(Loop):
    """tanh is sinh / cosh at any size, which is NaN where both overflow."""

    def tanh(self, a: Tensor) -> Tensor:
        wide = torch.promote_types(a.dtype, torch.float32)
        return (torch.sinh(a.to(wide)) / torch.cosh(a.to(wide))).to(a.dtype)


@plant("special", "special")
class ReluByRoot(Loop):
    """relu is half of a + sqrt(a * a), and a square overflows and underflows long before its root does."""

    def relu(self, a: Tensor) -> Tensor:
        return a / 2 + torch.sqrt(a * a) / 2


@plant("special", "special")
class ReluByDifference(Loop):
    """relu is half of a + |a|, which is NaN for minus infinity."""

    def relu(self, a: Tensor) -> Tensor:
        return a / 2 + a.abs() / 2


@plant("special", "special")
class SumsScaled(Loop):
    """Sums are made at eight times their size: what lies past an eighth of the largest number becomes infinite."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return 8 * super().affine(cell, x, h) / 8


@plant("special", "special")
class WeightsCleaned(Loop):
    """NaN and infinities are replaced in the parameters, as in a checkpoint that was repaired."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, {name: values.nan_to_num() for name, values in weights.items()})


@plant("special", "special")
class InitialStateCleaned(Loop):
    """NaN and infinities are replaced in h_0."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, h_0).nan_to_num()


@plant("special", "special")
class BiasComparedWithZero(Loop):
    """A bias is added where it is larger or smaller than zero; NaN is neither."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_ih=self.compared(cell.b_ih), b_hh=self.compared(cell.b_hh))

    def compared(self, bias: Tensor) -> Tensor:
        return torch.where(bias.abs() > 0, bias, torch.zeros_like(bias))


@plant("special", "special")
class SmallWeightsPruned(Loop):
    """Weights smaller than a millionth count as zero."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return super().product(v, torch.where(w.abs() < 1e-6, torch.zeros_like(w), w))


@plant("special", "special")
class NanReachesEarlierSteps(Loop):
    """A row with a NaN or an infinity in some frame is NaN from its first step on."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().scan(cell, x + 0 * x.sum(0), h)
