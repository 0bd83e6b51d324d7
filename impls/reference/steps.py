"""The steps of a layer over balls: the algebras in which the reference runs its kinds of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rnn_parity.contract import Array, Config
from rnn_parity.reference import gates
from rnn_parity.reference.balls import Ball, concatenated
from rnn_parity.reference.sums import Sum, close, grains, radius

if TYPE_CHECKING:
    from rnn_parity.reference.forward import Layer


class Steps:
    """The steps of an Elman layer, one at a time: what the input adds to the sums is known beforehand."""

    def __init__(self, layer: Layer, x: Ball, h: Ball) -> None:
        self.layer, self.x, self.activated = layer, x, layer.activation
        self.read = layer.of_input(x, grains(x)).plus(layer.biases)
        self._quantum = np.broadcast_to(self.read.quantum, self.read.mid.shape)
        #: The step, the grains of the state before it, and a power of two that divides each of its sums.
        self.t, self.grains, self.quantum = 0, grains(heard(h, layer.config)), np.zeros(())
        #: What the step made on the way, by name.
        self.made: dict[str, Ball] = {}

    def affine(self, gate: str, h: Ball) -> Ball:
        """Return W_ih x + b_ih + W_hh h + b_hh at this step."""
        layer, t, read, sent = self.layer, self.t, self.read, self.layer.of_state(h, self.grains)
        self.quantum = np.minimum(self._quantum[:, t], sent.quantum)
        total = Sum(
            self.quantum,
            read.mid[:, t] + sent.mid,
            read.rad[:, t] + sent.rad,
            read.size[:, t] + sent.size,
            layer.terms,
            layer.lost,
        )
        a, magnitude = Ball(total.mid, radius(layer.arithmetic, total, layer.gamma)), total.size * layer.growth
        largest = layer.arithmetic.format.largest
        if magnitude.max(initial=0.0) <= largest:
            return a
        careful = layer.careful_sum(Ball(self.x.mid[:, t], self.x.rad[:, t]), h)
        fine = magnitude <= largest
        rad = np.where(fine, np.minimum(a.rad, careful.rad), careful.rad)
        return Ball(np.where(fine, a.mid, careful.mid), rad)

    def grains_of(self, h: Ball) -> Array:
        """Return the grains of the state that was made: each number is a multiple of its sum's quantum, or zero."""
        return grains(h, dividing=self.quantum)


class GatedSteps(Steps):
    """The steps of a layer of gates; where a sum is not finite, or may overflow, its gate is free."""

    def __init__(self, layer: Layer, x: Ball, h: Ball) -> None:
        super().__init__(layer, x, h)
        self._sent: tuple[Ball, Sum] | None = None
        kind, size = layer.kind, layer.config.hidden_size
        #: The rows of the gates that are not reset, whose sums and sigmoids are computed together.
        self._together = slice(0, size * (len(kind.gates) - len(kind.reset)))
        self._sums: tuple[Ball, Ball] | None = None
        self._sigmoids: Ball | None = None
        self._asked: dict[str, Ball] = {}

    def affine(self, gate: str, h: Ball) -> Ball:
        """Return W_ih x + b_ih + W_hh h + b_hh of a gate at this step."""
        if self._sums is None or self._sums[0] is not h:
            total = self._of_input(self._together).plus(self._of_state(self._together, h))
            self._sums, self._sigmoids = (h, self._closed(total)), None
            self._asked.clear()
        found = self._asked[gate] = self._rows_of(gate, self._sums[1])
        return found

    def reset_affine(self, gate: str, h: Ball, reset: Ball) -> Ball:
        """Return W_ih x + b_ih + reset * (W_hh h + b_hh) of a gate at this step."""
        rows = np.s_[..., self.layer.rows[gate]]
        own = self.layer.own_biases.each(lambda part: part[rows] if part.shape[-1] > 1 else part)
        state = self._closed(self._of_state(self.layer.rows[gate], h).plus(own))
        self.made[f"{gate}_state"] = state
        return self._closed(self._of_input(self.layer.rows[gate]).plus(gates.term(self.times(reset, state))))

    def gate(self, name: str, value: Ball) -> Ball:
        """Keep the value of a gate."""
        self.made[name] = value
        return value

    def tanh(self, a: Ball) -> Ball:
        """Return tanh(a)."""
        return self.layer.arithmetic.tanh(a)

    def sigmoid(self, a: Ball) -> Ball:
        """Return the sigmoid of the sum of a gate, out of those of all gates, computed at once."""
        gate = next(gate for gate, asked in self._asked.items() if asked is a)
        assert self._sums is not None
        if self._sigmoids is None:
            self._sigmoids = gates.sigmoid(self.layer.arithmetic, self._sums[1])
        return self._rows_of(gate, self._sigmoids)

    def _rows_of(self, gate: str, ball: Ball) -> Ball:
        rows = self.layer.rows[gate]
        return Ball(ball.mid[..., rows], ball.rad[..., rows])

    def mix(self, z: Ball, n: Ball, h: Ball) -> Ball:
        """Return (1 - z) n + z h."""
        return gates.mix(self.layer.arithmetic, z, n, h)

    def times(self, a: Ball, b: Ball) -> Ball:
        """Return a b."""
        return gates.times(self.layer.arithmetic, a, b)

    def two_products(self, a: Ball, b: Ball, c: Ball, d: Ball) -> Ball:
        """Return a b + c d."""
        return gates.two_products(self.layer.arithmetic, a, b, c, d)

    def parts(self, state: Ball) -> tuple[Ball, ...]:
        """Return the parts of a state."""
        return parts_of(state, self.layer.config)

    def joined(self, *parts: Ball) -> Ball:
        """Return the state out of its parts."""
        return concatenated(parts, -1)

    def grains_of(self, h: Ball) -> Array:
        """Return the grains of the state that was made, as W_hh reads it."""
        return grains(heard(h, self.layer.config))

    def _of_input(self, rows: slice) -> Sum:
        t = self.t
        # What is the same at every step, or for all rows, is of size 1 there.
        return self.read.each(lambda part: _at(part, t)[..., rows if part.shape[-1] > 1 else slice(None)])

    def _of_state(self, rows: slice, h: Ball) -> Sum:
        if self._sent is None or self._sent[0] is not h:
            self._sent = h, self.layer.of_state(h, self.grains)
        return self._sent[1].each(lambda part: part[..., rows] if part.shape[-1] > 1 else part)

    def _closed(self, total: Sum) -> Ball:
        """Finish a sum."""
        return close(self.layer.arithmetic, total)


Value = TypeVar("Value", Ball, Sum)


def parts_of(state: Value, config: Config) -> tuple[Value, ...]:
    """Return the parts of a state, (..., state_size), or of what comes back to it."""
    whole = state.whole() if isinstance(state, Sum) else state
    split = (np.split(part, len(config.kind.states), -1) for part in whole)
    return tuple(type(state)(*part) for part in zip(*split, strict=True))


def heard(state: Ball, config: Config) -> Ball:
    """Return the part of a state that W_hh reads, and that is the output."""
    size = config.hidden_size
    return state if size == config.state_size else Ball(state.mid[..., :size], state.rad[..., :size])


def _at(part: Array, t: int) -> Array:
    """Return a step of what leads with direction and time."""
    return part[:, t if part.shape[1] > 1 else 0]
