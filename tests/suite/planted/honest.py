"""Networks that are right and do it differently: the suite must never accuse them.

Other orders of summation, other formulas, other places to round, other layouts inside. A class's docstring says what
differs. `@honest(...)` enters it in `HONEST` with its rounding model and its capabilities where they are not the
default.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from rnn_parity import Capabilities, Config, Rounding
from rnn_parity.contract import Build, Run, Weights
from rnn_parity.tests.suite.planted.by_hand import ByHand
from rnn_parity.tests.suite.planted.gated import GatedLoop, GRULoop, LSTMLoop
from rnn_parity.tests.suite.planted.loop import Cell, Loop
from rnn_parity.tests.suite.planted.ragged import Ragged
from rnn_parity.tests.suite.planted.twice_by_hand import TwiceByHand
from rnn_parity.toolkit.arguments import check_arguments

Variant = TypeVar("Variant", bound=type[Loop])
HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Honest:
    """A network that is right, and what it says of itself."""

    name: str
    build: Build
    rounding: Rounding = field(default_factory=Rounding)
    capabilities: Capabilities = field(default_factory=Capabilities)

    def __str__(self) -> str:
        return self.name

    def words(self) -> str:
        """What it does differently, in plain words."""
        return str(self.build.__doc__)


_VARIANTS: list[Honest] = []


def honest(rounding: Rounding | None = None, **claims: Any) -> Callable[[Variant], Variant]:
    """Enter a class in `HONEST`, under its own name in small letters; `claims` are its capabilities' arguments."""

    def enter(build: Variant) -> Variant:
        name = re.sub(r"(?<=.)(?=[A-Z])", "-", build.__name__).lower()
        able = Capabilities(**claims)
        _VARIANTS.append(Honest(name, build if able.gradients else _untracked(build), rounding or Rounding(), able))
        return build

    return enter


def _untracked(build: Build) -> Build:
    """Who claims no gradients gives none: those of its formulas are not what is claimed."""

    def refusing(config: Config, weights: Weights) -> Run:
        return torch.no_grad()(build(config, weights))

    refusing.__doc__ = build.__doc__
    return refusing


# Orders of summation


@honest()
class PlainLoop(Loop):
    """Nothing: the network that all others are variants of."""


@honest()
class ReversedSums(Loop):
    """Sums begin with the last product."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return super().product(v.flip(1), w.flip(1))


@honest()
class SequentialSums(Loop):
    """Products are added one by one, each sum rounded."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for k in range(v.shape[1]):
            total = total + v[:, k, None] * w[:, k]
        return total


@honest()
class PairwiseSums(Loop):
    """Products are added in pairs, the pairs in pairs, and so on."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        terms = v[:, None, :] * w
        while terms.shape[-1] > 1:
            even = terms.shape[-1] // 2 * 2
            terms = torch.cat([terms[..., 0:even:2] + terms[..., 1:even:2], terms[..., even:]], -1)
        return terms[..., 0]


@honest()
class BlockedProducts(Loop):
    """Products are cut into blocks of eight terms and eight units, the rest padded with zeros."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        padding = -v.shape[1] % 8
        v, w = torch.nn.functional.pad(v, (0, padding)), torch.nn.functional.pad(w, (0, padding))
        return torch.cat([self.sum_of_blocks(v, rows) for rows in w.split(8)], -1)

    def sum_of_blocks(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for v_block, w_block in zip(v.split(8, 1), w.split(8, 1), strict=True):
            total = total + super().product(v_block, w_block)
        return total


@honest()
class EinsumProducts(Loop):
    """Products are written as an einsum."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        wide = torch.promote_types(v.dtype, torch.float32)
        return torch.einsum("bk,hk->bh", v.to(wide), w.to(wide)).to(v.dtype)


@honest()
class OneProductForBoth(Loop):
    """The frame and the state are concatenated, and so are W_ih and W_hh: one product a step."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.product(torch.cat([x, h], 1), torch.cat([cell.w_ih, cell.w_hh], 1)) + cell.b_ih + cell.b_hh


@honest()
class BiasAsColumns(Loop):
    """The biases are two more columns of the weights, for two inputs that are always one."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        ones = x.new_ones(len(x), 2)
        weights = torch.cat([cell.b_hh[:, None], cell.w_hh, cell.w_ih, cell.b_ih[:, None]], 1)
        return self.product(torch.cat([ones[:, :1], h, x, ones[:, 1:]], 1), weights)


@honest()
class BiasesFused(Loop):
    """b_ih + b_hh is added once, and computed once; the matrices are copied as well, so that all goes by one copy."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        matrices = {"w_ih": cell.w_ih.clone(), "w_hh": cell.w_hh.clone()}
        return cell._replace(**matrices, b_ih=cell.b_ih + cell.b_hh, b_hh=torch.zeros_like(cell.b_hh))


@honest()
class BiasesFirst(Loop):
    """Sums begin with the biases."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return (cell.b_hh + cell.b_ih) + self.recur(cell, h) + self.project(cell, x)


@honest()
class BiasesLast(Loop):
    """Sums end with the biases, in the other order."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.recur(cell, h) + self.project(cell, x) + cell.b_hh + cell.b_ih


@honest(nonfinite=False)
class CompensatedSums(Loop):
    """Kahan's sums: more accurate, but as infinities would become NaN on the way, they are refused."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = lost = v.new_zeros(len(v), len(w))
        for k in range(v.shape[1]):
            term = v[:, k, None] * w[:, k] - lost
            new = total + term
            total, lost = new, (new - total) - term
        if not total.isfinite().all():
            raise FloatingPointError("a sum is not finite")
        return total


# Places to round


def rounded_once(values: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest numbers of a dtype.

    torch converts float64 to halves through float32, and so rounds twice. Rounded to an odd significand, the number in
    between is on the right side of every number half way between two of the dtype.
    """
    if values.dtype != torch.float64 or dtype not in HALVES:
        return values.to(dtype)
    single = values.detach().float()
    bits = single.view(torch.int32) - (single.abs() > values.abs()).int()
    odd = (bits | (single != values).int()).view(torch.float32)
    # Added as a constant, so that autograd sees values.
    return torch.where(values.abs() < 2.0**64, values + (odd - values.detach()), values).to(dtype)


@honest(Rounding(accumulate=torch.float64, rounded="sum"))
class StepInDouble(Loop):
    """Every sum is a float64 sum, rounded once before the activation."""

    wide = torch.float64

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        wide = torch.promote_types(x.dtype, self.wide)
        return rounded_once(super().affine(cell.to(wide), x.to(wide), h.to(wide)), x.dtype)


@honest(Rounding(accumulate=torch.float32, rounded="sum", tanh_ulps=0.51), dtypes=HALVES)
class StepInSingle(StepInDouble):
    """Every sum of float16 or bfloat16 is a float32 sum, rounded once, and so is its tanh."""

    wide = torch.float32


@honest(Rounding(accumulate=torch.float64, rounded="state"))
class StateFromDouble(Loop):
    """The sum and its activation are float64, and the state is rounded."""

    wide = torch.float64

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        wide = torch.promote_types(x.dtype, self.wide)
        return rounded_once(super().step(cell.to(wide), x.to(wide), h.to(wide), t), x.dtype)


@honest(Rounding(accumulate=torch.float32, rounded="state"), dtypes=HALVES)
class StateFromSingle(StateFromDouble):
    """The sum of float16 or bfloat16 and its activation are float32, and the state is rounded."""

    wide = torch.float32


@honest(Rounding(accumulate=torch.float64, rounded="state"))
class NetworkInDouble(Loop):
    """Everything is float64, and only the results are rounded."""

    wide = torch.float64

    def __init__(self, config: Config, weights: Weights) -> None:
        self.asked = config
        inside = self.inside = torch.promote_types(config.dtype, self.wide)
        super().__init__(replace(config, dtype=inside), {name: values.to(inside) for name, values in weights.items()})

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        check_arguments(self.asked, x, h_0)
        output, h_n = super().__call__(x.to(self.inside), None if h_0 is None else h_0.to(self.inside))
        return rounded_once(output, x.dtype), rounded_once(h_n, x.dtype)


@honest(Rounding(accumulate=torch.float32, rounded="state"), dtypes=HALVES)
class NetworkInSingle(NetworkInDouble):
    """Everything of float16 or bfloat16 is float32, and only the results are rounded."""

    wide = torch.float32


@honest()
class DoubleProductsRoundedSums(Loop):
    """Every fused multiply-add is a float64 one, rounded before the next."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for k in range(v.shape[1]):
            total = (total.double() + v[:, k, None].double() * w[:, k].double()).to(v.dtype)
        return total


@honest(Rounding(accumulate=torch.float32), dtypes=HALVES, gradients=False)
class HalvesInNumpy(Loop):
    """NumPy's float32 for float16 and bfloat16, rounded after every operation; other dtypes are refused.

    Autograd does not see what NumPy does.
    """

    def __init__(self, config: Config, weights: Weights) -> None:
        if config.dtype not in HALVES:
            raise TypeError(f"expected one of {HALVES}, found {config.dtype}")
        super().__init__(config, weights)

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return torch.from_numpy(v.float().numpy() @ w.float().numpy().T).to(v.dtype)

    def tanh(self, a: Tensor) -> Tensor:
        return torch.from_numpy(np.tanh(a.float().numpy())).to(a.dtype)


@honest(gradients=False)
class SubnormalsFlushed(Loop):
    """Subnormal operands and results count as zero.

    Autograd takes what is flushed for a constant, and zeros with it.
    """

    def flush(self, values: Tensor) -> Tensor:
        tiny = values.abs() < torch.finfo(values.dtype).smallest_normal
        return torch.where(tiny, torch.zeros_like(values), values)

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return self.flush(super().product(self.flush(v), self.flush(w)))

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        cell = cell._replace(b_ih=self.flush(cell.b_ih), b_hh=self.flush(cell.b_hh))
        return self.flush(self.activate(self.flush(self.affine(cell, x, h))))


# Formulas of the activations


@honest(gradients=False)
class TanhByExpm1(Loop):
    """tanh is (e^2 / (e + 2) - e) / 2 with e = expm1(-2|a|) below one, 1 - 2 / (exp(2|a|) + 1) above, in float64.

    |a| has derivative 0 at 0, where tanh' is 1.
    """

    def tanh(self, a: Tensor) -> Tensor:
        size = a.double().abs()
        e, large = torch.expm1(-2 * size), 1 - 2 / (torch.exp(2 * size) + 1)
        return torch.copysign(torch.where(size < 1, (e * e / (e + 2) - e) / 2, large), a.double()).to(a.dtype)


@honest(
    Rounding(tanh_ulps=3, reason="sinh and cosh of the C library are within 1 ulp each, and the quotient is rounded"),
    gradients=False,
)
class TanhBySinhAndCosh(Loop):
    """tanh is sinh / cosh up to 30 and one from there on, in float64.

    |a| has derivative 0 at 0, where tanh' is 1.
    """

    def tanh(self, a: Tensor) -> Tensor:
        size = a.double().abs().clamp(max=30.0)
        return torch.copysign(torch.sinh(size) / torch.cosh(size), a.double()).to(a.dtype)


@honest(
    Rounding(tanh_absolute=True, reason="2 sigmoid(2a) - 1 is accurate relative to one, not to its value near zero")
)
class TanhBySigmoid(Loop):
    """tanh is 2 sigmoid(2a) - 1, and the rounding model says so."""

    def tanh(self, a: Tensor) -> Tensor:
        return 2 * torch.sigmoid(2 * a) - 1


@honest(gradients=False)
class ReluByClamp(Loop):
    """relu is a clamp.

    Its derivative at 0 is 1, where relu' is 0.
    """

    def relu(self, a: Tensor) -> Tensor:
        return a.clamp(min=0)


@honest(gradients=False)
class ReluByWhere(Loop):
    """relu picks zero where a < 0, and so keeps NaN.

    Its derivative at 0 is 1, where relu' is 0.
    """

    def relu(self, a: Tensor) -> Tensor:
        return torch.where(a < 0, torch.zeros_like(a), a)


@honest(nonfinite=False, gradients=False)
class ReluByHalves(Loop):
    """relu is a/2 + |a|/2, which is right for everything but minus infinity, and refuses what is not finite.

    Its derivative at 0 is 1/2, where relu' is 0.
    """

    def relu(self, a: Tensor) -> Tensor:
        if not a.isfinite().all():
            raise FloatingPointError("a sum is not finite")
        return a / 2 + a.abs() / 2


# Orders of work and layouts inside


@honest()
class InputProjectedAtOnce(Loop):
    """The whole sequence is multiplied by W_ih before the first step."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().scan(cell, (self.product(x.flatten(0, 1), cell.w_ih) + cell.b_ih).unflatten(0, x.shape[:2]), h)

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return x + self.recur(cell, h) + cell.b_hh


@honest()
class HiddenMajor(Loop):
    """States are (H, B) from step to step, and the output is a view of such columns."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states, h, bias = [], h.T, (cell.b_ih + cell.b_hh)[:, None]
        for frame in x:
            h = self.activate(self.product(cell.w_ih, frame) + self.product(cell.w_hh, h.T) + bias)
            states.append(h)
        return torch.stack(states).transpose(1, 2)


@honest()
class AllLayersPerStep(Loop):
    """With one direction, every layer makes a step before the first one makes the next."""

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        if self.config.bidirectional:
            return super().network(x, h_0)
        output, states = [], list(h_0)
        for t, frame in enumerate(x):
            below = frame
            for cell in self.cells:
                states[cell.layer] = self.step(cell, below, states[cell.layer], t)
                below = states[cell.layer]
            output.append(below)
        return torch.stack(output), torch.stack(states)


@honest()
class RowByRow(Loop):
    """Each sequence of a batch is run on its own."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if x.shape[1] < 2:
            return super().scan(cell, x, h)
        rows = zip(x.split(1, 1), h.split(1), strict=True)
        return torch.cat([super(RowByRow, self).scan(cell, *row) for row in rows], 1)


@honest()
class ChunksOfSteps(Loop):
    """Time is cut into chunks of five steps, and the state is carried from one to the next."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        parts = []
        for chunk in x.split(5):
            parts.append(super().scan(cell, chunk, h))
            h = parts[-1][-1]
        return torch.cat(parts)


@honest()
class ReverseByIndex(Loop):
    """The reverse direction counts down instead of turning its input round."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if not cell.reverse:
            return super().direction(cell, x, h)
        states = x.new_empty(len(x), x.shape[1], self.config.hidden_size)
        for t in reversed(range(len(x))):
            h = states[t] = self.step(cell, x[t], h, len(x) - 1 - t)
        return states


@honest(gradients=False)
class ScratchPerThread(Loop):
    """Sums are made in a buffer that every thread has to itself, and results are copies.

    Going back, the buffer no longer holds what the steps read.
    """

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.local = threading.local()

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        shape = (*x.shape[:2], self.config.hidden_size)
        buffer = getattr(self.local, "buffer", None)
        # One that is made under torch.inference_mode cannot be written outside of it.
        if buffer is None or buffer.shape != shape or buffer.is_inference() != torch.is_inference_mode_enabled():
            self.local.buffer = buffer = x.new_empty(shape)
        for t in range(len(x)):
            h = buffer[t].copy_(self.step(cell, x[t], h, t))
        return buffer.clone()


@honest(threads=False)
class ScratchShared(Loop):
    """The state of a call in progress is kept in the network, which claims no threads."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        self.state = super().step(cell, x, h, t)
        return self.state


# Gradients written by hand


@honest()
class StepsBack(ByHand):
    """Gradients are written by hand, summed up one step after the other."""


@honest()
class WeightGradientsAtOnce(ByHand):
    """The gradient of a weight is one product over all steps and rows."""

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        return self.product(grad_a.flatten(0, 1).T, read.flatten(0, 1).T)


@honest()
class WeightGradientsForwards(ByHand):
    """Gradients of weights and biases are summed up from the first step on, row by row."""

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        total = grad_a.new_zeros(grad_a.shape[-1], read.shape[-1])
        for step, values in zip(grad_a.flatten(0, 1), read.flatten(0, 1), strict=True):
            total = total + step[:, None] * values
        return total

    def grad_bias(self, grad_a: Tensor) -> Tensor:
        total = torch.zeros_like(grad_a[0, :1].sum(0))
        for step in grad_a.flatten(0, 1):
            total = total + step
        return total


@honest()
class SlopeAsProduct(ByHand):
    """tanh' is (1 - h) (1 + h)."""

    def slope(self, h: Tensor) -> Tensor:
        return (1 - h) * (1 + h) if self.config.nonlinearity == "tanh" else super().slope(h)


@honest()
class SlopeOfPreactivation(ByHand):
    """tanh' is 1 / cosh^2 of the pre-activation, which is kept."""

    def slope_at(self, a: Tensor) -> Tensor:
        cosh = torch.cosh(a.double())
        return (1 / (cosh * cosh)).to(a.dtype) if self.config.nonlinearity == "tanh" else (a > 0).to(a.dtype)

    def slopes(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor) -> Sequence[Tensor]:
        read = self.read(h_0, states)
        return [self.slope_at(self.affine(cell, *both)) for both in zip(x, read, strict=True)]


@honest()
class ReturnsFirst(ByHand):
    """What comes back from the later steps is carried on unsummed where it can be: W_hh^T (d c) + W_hh^T (d a)."""

    def back_through(self, cell: Cell, slopes: Sequence[Tensor], asked: Tensor) -> tuple[Tensor, Tensor]:
        found, carry = [], torch.zeros_like(asked[0])
        for slope, own in zip(reversed(slopes), reversed(asked), strict=True):
            one, other = own * slope, carry * slope
            found.insert(0, one + other)
            carry = self.carry(cell, one) + self.carry(cell, other)
        return torch.stack(found), carry


@honest(Rounding(accumulate=torch.float64))
class GradientsInDouble(ByHand):
    """Gradients are float64 sums of the states as they are, rounded once."""

    def back(self, cell: Cell, *tensors: Tensor) -> tuple[Tensor, ...]:
        wide = Cell(cell.layer, cell.reverse, *(part.double() for part in cell[2:]))
        found = super().back(wide, *(tensor.double() for tensor in tensors))
        return tuple(gradient.to(cell.w_hh.dtype) for gradient in found)


@honest()
class StatesRecomputed(ByHand):
    """Going back, the states are computed once more instead of being kept."""

    def back(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor, asked: Tensor) -> tuple[Tensor, ...]:
        return super().back(cell, x, h_0, self.forward_scan(cell, x, h_0), asked)


@honest()
class SecondDerivativesByHand(TwiceByHand):
    """Second derivatives are written by hand, too: how the way back changes in a direction."""


@honest()
class GradientsByAutograd(ByHand):
    """Going back, torch differentiates the states once they are computed anew."""

    def back(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor, asked: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            given = [part if part.requires_grad else part.detach().requires_grad_() for part in (x, h_0, *cell[2:])]
            again = self.forward_scan(Cell(*cell[:2], *given[2:]), *given[:2])
            return torch.autograd.grad(again, given, asked, create_graph=True)


@honest()
class StepsCheckpointed(Loop):
    """What a step keeps for the way back is thrown away, and made anew by torch.utils.checkpoint."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        found: Tensor = checkpoint(super().step, cell, x, h, t, use_reentrant=False, preserve_rng_state=False)
        return found


@honest()
class BothBiasesOneGradient(ByHand):
    """b_ih and b_hh are handed one and the same tensor as their gradient."""

    def back(self, cell: Cell, *tensors: Tensor) -> tuple[Tensor, ...]:
        *others, b_ih, _ = super().back(cell, *tensors)
        return *others, b_ih, b_ih


@honest(nonfinite=False)
class NoProductOfZeros(Loop):
    """Without h_0 the first step leaves out the product of W_hh and zeros; what is not finite is refused."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if not all(cell.w_hh.isfinite().all() for cell in self.cells):
            raise FloatingPointError("a weight is not finite")
        return super().__call__(x, h_0)

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h) if h.requires_grad or h.any() else torch.zeros_like(h)


# Sequences of different lengths

BOTH = ("packed", "padded")


@honest(lengths=BOTH, padding="zeros")
class EndsMasked(Ragged):
    """All rows make all steps, and those beyond their ends are not taken."""


@honest(lengths=BOTH)
class EndsOverrun(Ragged):
    """What stands in the outputs beyond the ends is whatever comes; final states are picked."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return Loop.step(self, cell, x, h, t)

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        if cell.reverse or self.lengths is None:
            return super().last(cell, states)
        return states[self.lengths - 1, torch.arange(len(self.lengths))]

    def blank_output(self, output: Tensor) -> Tensor:
        return output


@honest(lengths=BOTH)
class RowsAlone(Ragged):
    """Each row is run alone, on its own length, and the outputs are padded with NaN."""

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        if self.lengths is None:
            return super().network(x, h_0)
        alone = copy(self)
        alone.lengths = None
        rows = [
            Ragged.network(alone, x[:length, row : row + 1], h_0[:, row : row + 1])
            for row, length in enumerate(self.lengths.tolist())
        ]
        longest = (
            torch.nn.functional.pad(output, (0, 0, 0, 0, 0, len(x) - len(output)), value=torch.nan)
            for output, _ in rows
        )
        return torch.cat(list(longest), 1), torch.cat([h_n for _, h_n in rows], 1)


@honest(lengths=BOTH, padding="zeros")
class SortedByLength(Ragged):
    """Rows are sorted by length, and each step is made by those that have one."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if self.lengths is None:
            return super().scan(cell, x, h)
        order = self.lengths.argsort(descending=True)
        x, h, states = x[:, order], h[order], []
        for t in range(len(x)):
            going = int((self.lengths > t).sum())
            h = torch.cat([Loop.step(self, cell, x[t, :going], h[:going], t), h[going:]])
            states.append(h)
        return torch.stack(states)[:, order.argsort()]


@honest(lengths=BOTH, padding="zeros")
class TurnedRowByRow(Ragged):
    """The reverse direction's rows are turned round one by one, by lists of indices."""

    def turned(self, sequence: Tensor) -> Tensor:
        if self.lengths is None:
            return super().turned(sequence)
        steps = range(len(sequence))
        return torch.stack(
            [sequence[[*reversed(steps[:end]), *steps[end:]], row] for row, end in enumerate(self.lengths.tolist())], 1
        )


# Parameters that change


@honest(gradients=False)
class CopiesWhenBuilt(Loop):
    """It goes by a copy of its parameters, and by all of it."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, {name: weight.detach().clone() for name, weight in weights.items()})


@honest()
class PacksByContent(Loop):
    """Without tracking matrices are packed, and packed anew where their numbers are no longer those of the pack."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().product(v, w)
        packs = self.__dict__.setdefault("packs", {})
        if id(w) not in packs or not torch.equal(packs[id(w)][1].T, w):
            packs[id(w)] = w, w.detach().T.contiguous()
        return super().product(v, packs[id(w)][1].T)


# Claims


@honest(
    nonlinearities=("tanh",),
    biases=(True,),
    batch_first=(False,),
    bidirectional=False,
    unbatched=False,
    h_0=False,
    dtypes=(torch.float32,),
    min_batch=1,
    max_batch=8,
    max_steps=16,
    max_input_size=16,
    max_hidden_size=16,
    max_layers=1,
)
class SmallAndModest(Loop):
    """It claims little, and refuses the rest."""

    def __init__(self, config: Config, weights: Weights) -> None:
        small = config.input_size <= 16 and config.hidden_size <= 16
        if not small or config != Config(config.input_size, config.hidden_size):
            raise NotImplementedError(f"{config} is beyond this implementation")
        super().__init__(config, weights)

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if x.dim() != 3 or h_0 is not None or len(x) > 16 or not 1 <= x.shape[1] <= 8:
            raise NotImplementedError("batches of one to eight, 16 steps, no h_0")
        return super().__call__(x)


@honest(
    nonlinearities=("relu",), bidirectional=False, unbatched=False, h_0=False, dtypes=(torch.float64,), max_layers=1
)
class BetterThanItSays(Loop):
    """It claims little, and is right in everything."""


# Gated cells


class SumsInFloat64(GatedLoop):
    """Sums are accumulated in float64."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return (v.double() @ w.double().T).to(v.dtype)


class OneByOneBackwards(GatedLoop):
    """Products are added up one by one, from the last."""

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        total = v.new_zeros(len(v), len(w))
        for place in reversed(range(v.shape[1])):
            total = total + v[:, place : place + 1] * w[:, place]
        return total


# GRUs


@honest(cells=("gru",))
class GruAsTorch(GRULoop):
    """n + z (h - n), as torch has it."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return n + z * (h - n)


@honest(cells=("gru",))
class GruAsLerp(GRULoop):
    """h + (1 - z) (n - h), the other half of a linear interpolation."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return h + (1 - z) * (n - h)


@honest(cells=("gru",))
class GruByTorchLerp(GRULoop):
    """The state is interpolated by torch.lerp."""

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return torch.lerp(n, h, z)


@honest(cells=("gru",))
class GruSigmoidByExp(GRULoop):
    """Sigmoids are 1 / (1 + exp(-a)), computed in float64."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return (1 / (1 + torch.exp(-a.double()))).to(a.dtype)


@honest(cells=("gru",), gradients=False)
class GruSigmoidByTanh(GRULoop):
    """Sigmoids are (1 + tanh(a / 2)) / 2, accurate relative to 1 only: which is enough for a GRU going forward."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return (1 + torch.tanh(a / 2)) / 2


@honest(cells=("gru",))
class GruSumsInFloat64(SumsInFloat64, GRULoop):
    """Sums are accumulated in float64."""


@honest(cells=("gru",))
class GruOneByOneBackwards(OneByOneBackwards, GRULoop):
    """Products are added up one by one, from the last."""


@honest(cells=("gru",))
class GruBiasesFirst(GRULoop):
    """The candidate's sum begins with its biases."""

    def candidate(self, cell: Cell, x: Tensor, h: Tensor, r: Tensor) -> Tensor:
        rows = self.rows("n")
        bias = cell.b_ih[rows] + r * (self.product(h, cell.w_hh[rows]) + cell.b_hh[rows])
        return bias + self.product(x, cell.w_ih[rows])


# LSTMs


@honest(cells=("lstm",))
class LstmSigmoidByExp(LSTMLoop):
    """Sigmoids are 1 / (1 + exp(-a)), computed in float64."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return (1 / (1 + torch.exp(-a.double()))).to(a.dtype)


@honest(cells=("lstm",))
class LstmSumsInFloat64(SumsInFloat64, LSTMLoop):
    """Sums are accumulated in float64."""


@honest(cells=("lstm",))
class LstmOneByOneBackwards(OneByOneBackwards, LSTMLoop):
    """Products are added up one by one, from the last."""


@honest(cells=("lstm",))
class LstmFused(LSTMLoop):
    """c is made by a fused multiply-add: the product f c is not rounded."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return (f.double() * c.double() + (i * g).double()).to(c.dtype)


@honest(cells=("lstm",))
class LstmOneProduct(LSTMLoop):
    """All four gates are one product of x and h side by side."""

    def sum_of(self, cell: Cell, x: Tensor, h: Tensor, gate: str) -> Tensor:
        weights = torch.cat([cell.w_ih[self.rows(gate)], cell.w_hh[self.rows(gate)]], 1)
        bias = cell.b_ih[self.rows(gate)] + cell.b_hh[self.rows(gate)]
        return bias + self.product(torch.cat([x, h], 1), weights)


@honest(cells=("lstm",), gradients=False, dtypes=HALVES)
class LstmWideState(LSTMLoop):
    """In 16 bits the state between steps is float32, as oneDNN keeps c, and rounded once at the end."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        wide = cell.to(torch.float32)
        return super().scan(wide, x.float(), h.float()).to(x.dtype)


HONEST: tuple[Honest, ...] = tuple(_VARIANTS)
