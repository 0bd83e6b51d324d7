"""Bugs of LSTMs: gates in another order or place, a state for another, what is clipped, and on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.gated import LSTMLoop, Reordered
from rnn_parity.tests.suite.planted.loop import Cell

# Gates in another order


@plant("gates", "agreement", cells=("lstm",))
class LstmOnnxOrder(Reordered, LSTMLoop):
    """The rows of the gates are read in ONNX's order, i o f g."""

    order = (0, 2, 3, 1)


@plant("gates", "agreement", cells=("lstm",))
class LstmForgetFirst(Reordered, LSTMLoop):
    """f comes before i."""

    order = (1, 0, 2, 3)


@plant("gates", "agreement", cells=("lstm",))
class LstmNcnnOrder(Reordered, LSTMLoop):
    """The candidate comes last, as in ncnn."""

    order = (0, 1, 3, 2)


@plant("gates", "agreement", cells=("lstm",))
class LstmRecurrentInOtherOrder(Reordered, LSTMLoop):
    """Of the rows that the state meets, f and o change places."""

    order, roles = (0, 3, 2, 1), ("w_hh", "b_hh")


# The cell state


@plant("gates", "agreement", cells=("lstm",))
class LstmCoupled(LSTMLoop):
    """f is 1 - i."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return super().new_c(1 - i, c, i, g)


@plant("gates", "agreement", cells=("lstm",))
class LstmNothingForgotten(LSTMLoop):
    """c is added without f."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return c + i * g


@plant("gates", "agreement", cells=("lstm",))
class LstmNothingKept(LSTMLoop):
    """c is not carried from step to step."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return i * g


@plant("gates", "agreement", cells=("lstm",))
class LstmInputUngated(LSTMLoop):
    """The candidate is added without i."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return f * c + g


@plant("gates", "agreement", cells=("lstm",))
class LstmAdded(LSTMLoop):
    """i and g are added, and not multiplied."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return f * c + (i + g)


@plant("gates", "agreement", cells=("lstm",))
class LstmClipped(LSTMLoop):
    """c is clipped to [-3, 3], as in TensorFlow's LSTMBlockCell."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return super().new_c(f, c, i, g).clamp(-3, 3)


# The output gate


@plant("gates", "agreement", cells=("lstm",))
class LstmNoOutputGate(LSTMLoop):
    """h is tanh(c)."""

    def new_h(self, o: Tensor, tanh_c: Tensor) -> Tensor:
        return tanh_c


@plant("gates", "agreement", cells=("lstm",))
class LstmNoTanhOfC(LSTMLoop):
    """h is o c."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        state = super().step(cell, x, h, t)
        o = self.sigmoid(self.sum_of(cell, x, self.heard(h), "o"))
        c = state[..., self.config.hidden_size :]
        return torch.cat([o * c, c], -1)


@plant("gates", "agreement", cells=("lstm",))
class LstmOldC(LSTMLoop):
    """h is made of the c before the step."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        state = super().step(cell, x, h, t)
        o = self.sigmoid(self.sum_of(cell, x, self.heard(h), "o"))
        size = self.config.hidden_size
        return torch.cat([o * self.tanh(h[..., size:]), state[..., size:]], -1)


@plant("gates", "agreement", cells=("lstm",))
class LstmPeephole(LSTMLoop):
    """The output gate looks at the new c, as through a peephole of weight 1."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        state = super().step(cell, x, h, t)
        c = state[..., self.config.hidden_size :]
        o = self.sigmoid(self.sum_of(cell, x, self.heard(h), "o") + c)
        return torch.cat([o * self.tanh(c), c], -1)


# Functions and biases


@plant("gates", "agreement", cells=("lstm",))
class LstmHardSigmoid(LSTMLoop):
    """The gates are torch's hard sigmoid."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.nn.functional.hardsigmoid(a)


@plant("gates", "agreement", cells=("lstm",))
class LstmSigmoidOverflows(LSTMLoop):
    """exp(a) / (1 + exp(a)) is not a number where exp overflows."""

    def sigmoid(self, a: Tensor) -> Tensor:
        return torch.exp(a) / (1 + torch.exp(a))


@plant("gates", "agreement", cells=("lstm",))
class LstmForgetBiasOfOne(LSTMLoop):
    """1 is added to the sum of f, as to an initial bias."""

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        return super().input_side(cell, x, gate) + (gate == "f")


@plant("gates", "agreement", cells=("lstm",))
class LstmForgetBiasBehind(LSTMLoop):
    """1 is added to f, behind its sigmoid."""

    def gate(self, name: str, value: Tensor) -> Tensor:
        return value + 1 if name == "f" else value


@plant("gates", "agreement", cells=("lstm",))
class LstmOneBias(LSTMLoop):
    """b_hh is left out, as where a library has one bias."""

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return self.product(h, cell.w_hh[self.rows(gate)])


@plant("gates", "agreement", cells=("lstm",))
class LstmNoCandidateBias(LSTMLoop):
    """b_ih of the candidate is left out."""

    def input_side(self, cell: Cell, x: Tensor, gate: str) -> Tensor:
        product = self.product(x, cell.w_ih[self.rows(gate)])
        return product if gate == "g" else product + cell.b_ih[self.rows(gate)]


# States


class _States(LSTMLoop):
    def start(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c

    def end(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        return torch.cat(self.start(*super().initial_state(x, h_0).chunk(2, -1)), -1)

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        return torch.cat(self.end(*super().final_state(lasts).chunk(2, -1)), -1)


@plant("gates", "agreement", cells=("lstm",))
class LstmCellStateIgnored(_States):
    """c_0 is ignored."""

    def start(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, torch.zeros_like(c)


@plant("gates", "agreement", cells=("lstm",))
class LstmStatesExchanged(_States):
    """h_0 and c_0 change places."""

    def start(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return c, h


@plant("gates", "agreement", cells=("lstm",))
class LstmFinalStatesExchanged(_States):
    """h_n and c_n change places."""

    def end(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return c, h


@plant("gates", "agreement", cells=("lstm",))
class LstmHiddenStateTwice(_States):
    """c_n is h_n."""

    def end(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, h.clone()


@plant("gates", "agreement", cells=("lstm",))
class LstmOutputIsC(LSTMLoop):
    """The output is c."""

    def join(self, halves: Sequence[Tensor]) -> Tensor:
        return torch.cat([half[..., self.config.hidden_size :] for half in halves], -1)


@plant("gates", "agreement", cells=("lstm",))
class LstmOneStateForAll(LSTMLoop):
    """Every layer starts from the first one's states."""

    def state_index(self, cell: Cell) -> int:
        return 0


@plant("gates", "agreement", cells=("lstm",))
class LstmReverseNotTurnedBack(LSTMLoop):
    """The outputs of the reverse direction stay in its own order."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.scan(cell, x.flip(0), h) if cell.reverse else self.scan(cell, x, h)


@plant("gates", "memory", cells=("lstm",))
class LstmStatesShareMemory(LSTMLoop):
    """h_n and c_n are views of one tensor."""

    def __call__(self, x: Tensor, state: Any = None) -> Any:  # type: ignore[override]
        output, final = super().__call__(x, state)
        return output, torch.stack(final).unbind()


# On the way back


@plant("gates", "gradients", cells=("lstm",))
class LstmCellDetached(LSTMLoop):
    """Nothing goes back from c to the c before."""

    def new_c(self, f: Tensor, c: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return super().new_c(f, c.detach(), i, g)


@plant("gates", "gradients", cells=("lstm",))
class LstmForgetDetached(LSTMLoop):
    """Nothing goes back through f."""

    def gate(self, name: str, value: Tensor) -> Tensor:
        return value.detach() if name == "f" else value


@plant("gates", "gradients", cells=("lstm",))
class LstmOutputGateDetached(LSTMLoop):
    """Nothing goes back through o."""

    def gate(self, name: str, value: Tensor) -> Tensor:
        return value.detach() if name == "o" else value


@plant("gates", "gradients", cells=("lstm",))
class LstmFinalCellDetached(_States):
    """What is asked of c_n does not go back."""

    def end(self, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c.detach()


@plant("gates", "gradients", cells=("lstm",))
class LstmStateDetachedInGates(LSTMLoop):
    """Nothing goes back through the gates' sums of the state."""

    def state_side(self, cell: Cell, h: Tensor, gate: str) -> Tensor:
        return super().state_side(cell, h.detach(), gate)
