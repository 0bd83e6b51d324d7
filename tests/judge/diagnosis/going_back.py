"""Layers that go back otherwise than they should: cut off, through another derivative, or summed over some steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnn_parity.contract import NONLINEARITIES, Array
from rnn_parity.contract.cells import Back
from rnn_parity.reference.backward import LayerBackward
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.sums import Sum
from rnn_parity.tests.judge.diagnosis.wiring import each


def _nothing(total: Sum) -> Sum:
    """Return a sum without terms."""
    zeros = np.zeros(total.mid.shape)
    return Sum(np.full_like(zeros, np.inf), zeros, zeros, zeros, zeros, zeros)


def where_step(forgets: Callable[[int], bool]) -> type[LayerBackward]:
    """Let nothing go back from a step to the state before it, where it is detached there."""

    class Detached(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            return _nothing(before) if forgets(t) else before

    return Detached


class _LayersDetached(LayerBackward):
    def of_input(self) -> Sum:
        total = super().of_input()
        return _nothing(total) if self.number else total


class _ReverseDetached(LayerBackward):
    def of_input(self) -> Sum:
        grads = self.grad_a
        if len(grads.mid) == 1:
            return super().of_input()
        self.grad_a = each(lambda part: np.stack([part[0], 0 * part[1]]), grads)
        total = super().of_input()
        self.grad_a = grads
        return total


class _ReverseNotTurned(LayerBackward):
    """What goes to the input from the reverse direction stays in the order of processing."""

    def of_input(self) -> Sum:
        grads = self.grad_a
        if len(grads.mid) == 1:
            return super().of_input()
        self.grad_a = each(lambda part: np.stack([part[0], part[1, ::-1]]), grads)
        total = super().of_input()
        self.grad_a = grads
        return total


class _NotTransposed(LayerBackward):
    def recurrent(self) -> Array:
        return super().recurrent().swapaxes(-1, -2)


class _ReadsNewState(LayerBackward):
    def read(self) -> Ball:
        return self.made.states


class _ReadsZeroAtFirst(LayerBackward):
    def read(self) -> Ball:
        first = np.arange(self.made.states.mid.shape[1])[:, None, None] == 0
        return each(lambda part: np.where(first, 0.0, part), super().read())


def _slope(change: Callable[[LayerBackward], Ball], *nonlinearities: str) -> type[LayerBackward]:
    """Another derivative of these activations."""

    class Sloped(LayerBackward):
        def slope(self) -> Ball:
            return change(self) if self.made.layer.config.nonlinearity in nonlinearities else super().slope()

    return Sloped


def _as_relu(layer: LayerBackward) -> Ball:
    h = layer.made.states
    uncertain = np.abs(h.mid) <= h.rad
    mid = np.where(uncertain & (h.rad > 0), 0.5, (h.mid > 0) * 1.0)
    return Ball(mid, np.where(uncertain & (h.rad > 0), 0.5, 0.0))


def _as_tanh(layer: LayerBackward) -> Ball:
    h = layer.made.states
    unit = layer.arithmetic.format.unit_roundoff
    size = np.abs(h.mid) + h.rad
    return Ball(1 - h.mid**2, np.where(h.mid == 0, 0.0, h.rad * (2 * size + h.rad) + 8 * unit * (1 + size * size)))


def _at_zero(value: float) -> Callable[[LayerBackward], Ball]:
    def slope(layer: LayerBackward) -> Ball:
        right = LayerBackward.slope(layer)
        a = _pre_activations(layer)
        zero = (a.mid == 0) & (a.rad == 0)
        return Ball(np.where(zero, value, right.mid), np.where(zero, 0.0, right.rad))

    return slope


def _pre_activations(layer: LayerBackward) -> Ball:
    """Midpoints of W_ih x + b_ih + W_hh h + b_hh, and whether they are exact, as the layer's states are."""
    made = layer.made
    parts = made.layer
    before = LayerBackward.read(layer)
    mid = made.x.mid @ parts.w_ih.swapaxes(-1, -2)[:, None] + before.mid @ parts.w_hh.swapaxes(-1, -2)[:, None]
    return Ball(mid + (parts.b_ih + parts.b_hh)[:, None, None], made.states.rad)


def _ones(layer: LayerBackward) -> Ball:
    return Ball(np.ones(layer.made.states.mid.shape), np.zeros(layer.made.states.mid.shape))


def _linear_tanh(layer: LayerBackward) -> Ball:
    h, unit = layer.made.states, layer.arithmetic.format.unit_roundoff
    return Ball(1 - np.abs(h.mid), np.where((h.mid == 0) & (h.rad == 0), 0.0, h.rad + 4 * unit))


BACK: dict[str, type[LayerBackward]] = {
    "the state is detached before every step": where_step(lambda t: True),
    "layers above the first send nothing back to those below": _LayersDetached,
    "the reverse direction sends nothing back to its input": _ReverseDetached,
    "what the reverse direction sends back to its input stays in the order of processing": _ReverseNotTurned,
    "on the way back W_hh is not transposed": _NotTransposed,
    "W_hh's gradient is made of the states that the steps return, not of those that they read": _ReadsNewState,
    "W_hh's gradient takes h_0 for zero": _ReadsZeroAtFirst,
    "tanh goes back as relu does": _slope(_as_relu, "tanh"),
    "relu goes back as tanh does": _slope(_as_tanh, "relu"),
    "relu' is 1 at exactly zero": _slope(_at_zero(1.0), "relu"),
    "relu' is a half at exactly zero": _slope(_at_zero(0.5), "relu"),
    "no derivative of the activation is applied": _slope(_ones, *NONLINEARITIES),
    "tanh' is 1 - |h| instead of 1 - h^2": _slope(_linear_tanh, "tanh"),
}


def without_gate(place: int) -> type[LayerBackward]:
    """Let nothing go back through a gate, by its number."""

    def left_out(sums: Sequence[Ball] | None) -> Any:
        return sums and tuple(each(lambda part: 0 * part, one) if i == place else one for i, one in enumerate(sums))

    class WithoutGate(LayerBackward):
        def sent(self, back: Back) -> Back:
            return back._replace(sums=left_out(back.sums), state_sums=left_out(back.state_sums))

    return WithoutGate


class _WithoutOthers(LayerBackward):
    """Let nothing go back to the parts of the state that W_hh does not read."""

    def sent(self, back: Back) -> Back:
        return back._replace(others=tuple(each(lambda part: 0 * part, one) for one in back.others))


class _WithoutStraight(LayerBackward):
    """Let nothing go back to the state but through W_hh."""

    def sent(self, back: Back) -> Back:
        return back._replace(straight=back.straight and _nothing(back.straight.whole()))


class _WithoutProducts(LayerBackward):
    """Let nothing go back to the state through W_hh."""

    def recurrent(self) -> Array:
        return 0 * super().recurrent()


_THROUGH_W_HH = {"nothing goes back to the state through W_hh": _WithoutProducts}
#: Of gated cells, by the number of parts that a state has.
OF_PARTS: dict[int, dict[str, type[LayerBackward]]] = {
    1: _THROUGH_W_HH | {"nothing goes straight back to the state, as z h does": _WithoutStraight},
    2: _THROUGH_W_HH | {"nothing goes back from c to the c before": _WithoutOthers},
}


def clipped(bound: float) -> type[LayerBackward]:
    """Clip what goes back from step to step."""

    class Clipped(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            mid = np.clip(before.mid, -bound, bound)
            size = np.minimum(before.size, bound)
            return before._replace(quantum=np.minimum(before.quantum, bound), mid=mid, size=size)

    return Clipped


def summed_over(keeps: Callable[[int, int], bool], roles: tuple[str, ...], axis: int = 1) -> type[LayerBackward]:
    """Sum gradients of parameters up over some steps only: by number, in the order of processing, and T.

    On the next axis: over some rows of the batch, by number and B.
    """

    class Summed(LayerBackward):
        def of_parameters(self, bias: bool) -> dict[str, Ball]:
            right, sides = super().of_parameters(bias), (self.grad_a, self.grad_state)
            size = self.grad_a.mid.shape[axis]
            kept = np.array([keeps(i, size) for i in range(size)], bool).reshape(-1, *[1] * (3 - axis))
            self.grad_a, self.grad_state = (each(lambda part: np.where(kept, part, 0.0), side) for side in sides)
            some = super().of_parameters(bias)
            self.grad_a, self.grad_state = sides
            return {role: (some if role in roles else right)[role] for role in right}

    return Summed


def from_the_end(k: int) -> type[LayerBackward]:
    """Let nothing go back further than k steps from the end."""

    class FromTheEnd(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            return _nothing(before) if t <= self.made.states.mid.shape[1] - k else before

    return FromTheEnd
