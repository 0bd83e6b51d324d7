"""Bugs of second derivatives: ways back that are right, and connected to too little of what they are made of.

Each of these networks is right going forward, and so is each of its gradients.
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


@plant("gradients", "second_derivatives")
class SlopesFromBuffer(ByHand):
    """tanh' is read from a buffer of the way forward, from which no graph leads back."""

    def slope(self, h: Tensor) -> Tensor:
        return super().slope(h.detach())


@plant("gradients", "second_derivatives")
class CurvatureHalved(ByHand):
    """The derivative of tanh' is -h (1 - h^2), half of what it is."""

    def slope(self, h: Tensor) -> Tensor:
        return going_back(super().slope(h), lambda gradient: gradient / 2)


@plant("gradients", "second_derivatives")
class CarryForgetsWeights(ByHand):
    """What goes back from step to step takes W_hh for a constant."""

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().carry(cell._replace(w_hh=cell.w_hh.detach()), grad_a)


@plant("gradients", "second_derivatives")
class ReadStatesFromBuffer(ByHand):
    """The gradient of W_hh takes the states that were read for constants."""

    def read(self, h_0: Tensor, states: Tensor) -> Tensor:
        return super().read(h_0, states.detach())


@plant("gradients", "second_derivatives")
class InitialStateReadFromBuffer(ByHand):
    """The gradient of W_hh takes h_0 for a constant."""

    def read(self, h_0: Tensor, states: Tensor) -> Tensor:
        return super().read(h_0.detach(), states)


@plant("gradients", "second_derivatives")
class UpperLayersForgetWeights(ByHand):
    """In upper layers the gradient of what is read takes W_ih for a constant."""

    def grad_input(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().grad_input(cell._replace(w_ih=cell.w_ih.detach()) if cell.layer else cell, grad_a)


@plant("gradients", "second_derivatives")
class CotangentIsConstant(ByHand):
    """What is asked of the states is taken for a constant."""

    def back_through(self, cell: Cell, slopes: Sequence[Tensor], asked: Tensor) -> tuple[Tensor, Tensor]:
        return super().back_through(cell, slopes, asked.detach())


@plant("gradients", "second_derivatives")
class ReverseOnceOnly(ByHand):
    """In the reverse direction the gradients of weights are connected to nothing."""

    def back(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor, asked: Tensor) -> tuple[Tensor, ...]:
        found = super().back(cell, x, h_0, states, asked)
        return (*found[:2], *(part.detach() for part in found[2:4]), *found[4:]) if cell.reverse else found


@plant("gradients", "second_derivatives")
class DeadUnitsPassTwice(Loop):
    """A relu that is dead sends back nothing, but what comes back through that it lets pass."""

    def relu(self, a: Tensor) -> Tensor:
        found: Tensor = _Relu.apply(a)
        return found


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return torch.relu(a)

    @staticmethod
    def backward(ctx: Any, *asked: Tensor) -> Any:
        (a,) = ctx.saved_tensors
        return _ReluBack.apply(asked[0], a)


class _ReluBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, asked: Tensor, a: Tensor) -> Tensor:
        return asked * (a > 0)

    @staticmethod
    def backward(ctx: Any, *asked: Tensor) -> Any:
        return asked[0], None


@plant("gradients", "second_derivatives")
class SlopesRemembered(ByHand):
    """Going back through equal states once more takes the slopes of the first time, for constants."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.known: dict[tuple[int, bool], tuple[Tensor, Sequence[Tensor]]] = {}

    def slopes(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor) -> Sequence[Tensor]:
        place = cell.layer, cell.reverse
        before, slopes = self.known.get(place, (None, ()))
        if before is not None and torch.equal(before, states):
            return slopes
        found = super().slopes(cell, x, h_0, states)
        self.known[place] = states.detach(), [slope.detach() for slope in found]
        return found
