"""Bugs of gradients: those of hand-written back-propagation, and those of graphs that are cut.

Going forward, without gradients asked for, each of these networks is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.by_hand import ByHand, going_back
from rnn_parity.tests.suite.planted.loop import Cell, Loop

# Graphs that are cut


@plant("gradients", "gradients")
class StateDetached(Loop):
    """The state is detached before every step."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h.detach())


@plant("gradients", "gradients")
class TruncatedAfterFour(Loop):
    """The state is detached after every four steps."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return super().step(cell, x, h.detach() if t and t % 4 == 0 else h, t)


@plant("gradients", "gradients")
class InitialStateDetached(Loop):
    """h_0 gets no gradient."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return super().initial_state(x, h_0).detach()


@plant("gradients", "gradients")
class InitialStateOfUpperLayersDetached(Loop):
    """h_0 gets a gradient from the first layer only."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        first, upper = super().initial_state(x, h_0).tensor_split([self.config.num_directions])
        return torch.cat([first, upper.detach()])


@plant("gradients", "gradients")
class LayersDetached(Loop):
    """Upper layers send nothing back to those below."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        x = super().layer_input(layer, sequences)
        return x.detach() if layer else x


@plant("gradients", "gradients")
class ReverseInputDetached(Loop):
    """The reverse direction sends nothing back to its input."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().direction(cell, x.detach() if cell.reverse else x, h)


@plant("gradients", "gradients")
class FinalStateDetached(Loop):
    """What is asked of h_n does not go back."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return super().final_state(lasts).detach()


@plant("gradients", "gradients")
class LastOutputDetached(Loop):
    """What is asked of the last output is lost, as what is asked of h_n is written over it."""

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        output, h_n = super().network(x, h_0)
        return torch.cat([output[:-1], output[-1:].detach()]), h_n


@plant("gradients", "gradients")
class RecurrentBiasDetached(Loop):
    """b_hh gets no gradient, as b_ih has one already."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return super().affine(cell._replace(b_hh=cell.b_hh.detach()), x, h)


@plant("gradients", "gradients")
class StatesWrittenInPlace(Loop):
    """States are written into one tensor, of which earlier steps need what it held."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states = x.new_zeros(len(x) + 1, *h.shape)
        states[0] = h
        for t in range(len(x)):
            states[t + 1] = self.step(cell, x[t], states[t], t)
        return states[1:]


@plant("gradients", "gradients")
class ReluBehindAutograd(Loop):
    """relu is done in place, where autograd does not see it."""

    def relu(self, a: Tensor) -> Tensor:
        a = a.clone()
        a.data.clamp_(min=0)
        return a


@plant("gradients", "gradients")
class BiasMissingWhileTraining(Loop):
    """Going forward with gradients asked for, b_hh is left out."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        training = torch.is_grad_enabled() and cell.w_hh.requires_grad
        return super().affine(cell._replace(b_hh=0 * cell.b_hh) if training else cell, x, h)


# Derivatives of the activation


@plant("gradients", "gradients")
class DerivativeOfOtherActivation(ByHand):
    """tanh goes back as relu does."""

    def slope(self, h: Tensor) -> Tensor:
        return (h > 0).to(h.dtype)


@plant("gradients", "gradients")
class ReluSlopeOneAtZero(ByHand):
    """relu' is 1 at exactly zero."""

    def slope(self, h: Tensor) -> Tensor:
        return (h >= 0).to(h.dtype) if self.config.nonlinearity == "relu" else super().slope(h)


@plant("gradients", "gradients")
class ReluSlopeHalfAtZero(Loop):
    """relu is a/2 + |a|/2 by a formula whose derivative at zero is a half."""

    def relu(self, a: Tensor) -> Tensor:
        return a / 2 + a.abs() / 2


@plant("gradients", "gradients")
class ReluSlopeByInput(Loop):
    """relu' goes by the sign of the input's half of the sum."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        new = super().step(cell, x, h, t)
        if self.config.nonlinearity == "tanh":
            return new
        a = self.affine(cell, x, h)
        linear = torch.where(self.project(cell, x) > 0, a, torch.zeros_like(a))
        return new.detach() + (linear - linear.detach()) if new.isfinite().all() else new


@plant("gradients", "gradients")
class TanhSlopeLinear(ByHand):
    """tanh' is 1 - |h| instead of 1 - h^2."""

    def slope(self, h: Tensor) -> Tensor:
        return 1 - h.abs() if self.config.nonlinearity == "tanh" else super().slope(h)


@plant("gradients", "gradients")
class TanhSlopeOfArgument(ByHand):
    """tanh' is taken at h, as if that were the argument."""

    def slope(self, h: Tensor) -> Tensor:
        return super().slope(torch.tanh(h) if self.config.nonlinearity == "tanh" else h)


@plant("gradients", "gradients")
class TanhSlopeInHalf(ByHand):
    """tanh' is computed in bfloat16."""

    def slope(self, h: Tensor) -> Tensor:
        return super().slope(h.bfloat16()).to(h.dtype)


# Sums of products


@plant("gradients", "gradients")
class RecurrentNotTransposed(ByHand):
    """Going back, W_hh is not transposed."""

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return self.product(grad_a, cell.w_hh)


@plant("gradients", "gradients")
class RecurrentReadsNewState(ByHand):
    """W_hh's gradient is made of the states that the steps return, not of those that they read."""

    def read(self, h_0: Tensor, states: Tensor) -> Tensor:
        return states


@plant("gradients", "gradients")
class RecurrentReadsZeroAtFirst(ByHand):
    """W_hh's gradient takes h_0 for zero."""

    def read(self, h_0: Tensor, states: Tensor) -> Tensor:
        return super().read(0 * h_0, states)


@plant("gradients", "gradients")
class GradientOverwritten(ByHand):
    """Each step going back overwrites the weights' gradients of the one before: the first step's are left."""

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        return super().grad_weight(grad_a[:1], read[:1])


@plant("gradients", "gradients")
class GradientOfLastStepOnly(ByHand):
    """Weights get the last step's gradient only."""

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        return super().grad_weight(grad_a[-1:], read[-1:])


@plant("gradients", "gradients")
class GradientMeanOverBatch(ByHand):
    """The gradients of weights are means over the batch, not sums."""

    def grad_weight(self, grad_a: Tensor, read: Tensor) -> Tensor:
        return super().grad_weight(grad_a, read) / max(1, read.shape[1])


@plant("gradients", "gradients")
class GradientMeanOverTime(ByHand):
    """The gradients of biases are means over time, not sums."""

    def grad_bias(self, grad_a: Tensor) -> Tensor:
        return super().grad_bias(grad_a) / len(grad_a)


@plant("gradients", "gradients")
class BiasGradientsTogether(ByHand):
    """Each bias gets the gradient of both, twice its own."""

    def grad_bias(self, grad_a: Tensor) -> Tensor:
        return 2 * super().grad_bias(grad_a)


@plant("gradients", "gradients")
class ReverseGradientNotTurned(ByHand):
    """The gradient of the reverse direction's input is left in the order of processing."""

    def grad_input(self, cell: Cell, grad_a: Tensor) -> Tensor:
        found = super().grad_input(cell, grad_a)
        return found.flip(0) if cell.reverse else found


@plant("gradients", "gradients")
class GradientClipped(ByHand):
    """What goes back from step to step is clipped to [-1, 1]."""

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().carry(cell, grad_a).clamp(-1, 1)


@plant("gradients", "gradients")
class GradientInHalf(ByHand):
    """What goes back from step to step is rounded to bfloat16."""

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().carry(cell, grad_a).bfloat16().to(grad_a.dtype)


# Running back more than once


@plant("gradients", "backward")
class SecondBackwardLost(Loop):
    """Running back a second time through one call adds nothing."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        been: list[Tensor] = []

        def once(gradient: Tensor) -> Tensor:
            been.append(gradient)
            return gradient * (len(been) == 1)

        return going_back(super().scan(cell, x, h), once)


@plant("gradients", "backward")
class BufferNotCleared(ByHand):
    """The buffer in which a bias's gradient is summed up is kept in the network, and not cleared."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.sums: dict[tuple[int, bool], Tensor] = {}

    def back(self, cell: Cell, *arguments: Any) -> tuple[Tensor, ...]:
        *others, b_ih, b_hh = super().back(cell, *arguments)
        place = cell.layer, cell.reverse
        self.sums[place] = b_ih = b_ih + self.sums.get(place, 0)
        return *others, b_ih, b_hh


# Gradients of some arguments only


@plant("gradients", "requires_grad")
class InputNeedsWeights(Loop):
    """x gets its gradient only where the weights ask for theirs."""

    def project(self, cell: Cell, x: Tensor) -> Tensor:
        return super().project(cell, x if cell.w_ih.requires_grad else x.detach())


@plant("gradients", "requires_grad")
class InitialStateNeedsInput(Loop):
    """h_0 gets its gradient only where x asks for one."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        return state if x.requires_grad else state.detach()


@plant("gradients", "requires_grad")
class EveryParameterAsks(Loop):
    """Building a network makes every parameter ask for a gradient."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, {name: weight.requires_grad_() for name, weight in weights.items()})
