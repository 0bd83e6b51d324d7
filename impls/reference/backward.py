"""Back-propagation through time over balls: gradients with a proven bound for every element.

    d_t = act'(a_t),    da_t = dh_t * d_t,    dh_(t-1) = W_hh^T da_t + (what is asked of h_(t-1) from above)
    dx_t = W_ih^T da_t,    dW_ih = sum_t da_t x_t^T,    dW_hh = sum_t da_t h_(t-1)^T,    db_ih = db_hh = sum_t da_t

tanh' = 1 - h^2 of the state's ball; ReLU' is 0 or 1, 0 at exactly 0 as torch documents, and uncertain where the ball of
the pre-activation holds 0. Every sum is granted gamma(n) of its magnitudes for all n of its terms together, because an
implementation may add them up in any order, interleaved as well. Of an accumulator that is wider than the dtype nothing
is taken back, nor of fewer roundings beside it: gradients are accumulated over time in the dtype. What is not finite
going forward, or may overflow going back, leaves everything that depends on it free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnn_parity.contract import Array, Config, Rounding
from rnn_parity.reference.balls import FORMATS, Arithmetic, Ball, exact, grain
from rnn_parity.reference.forward import Mask, Pass, counting, layer_passes

#: Roundings granted to 1 - h^2: two as it is written, and as many again for (1 - h) (1 + h) or a quotient by cosh^2.
_DERIVATIVE_ROUNDINGS = 4.0


class Sum(NamedTuple):
    """A sum of ball products that goes on: the grain of its terms, its midpoint, propagated radius and magnitudes."""

    grain: float
    mid: Array
    rad: Array
    size: Array
    #: How many terms, and what underflow may add; arrays that broadcast to the others.
    terms: Array
    lost: Array

    def plus(self, other: Sum) -> Sum:
        """Add two sums."""
        added = (one + two for one, two in zip(self[1:], other[1:], strict=True))
        return Sum(min(self.grain, other.grain), *added)

    def where(self, mask: Mask, other: Sum) -> Sum:
        """Take this sum where the mask is true, the other elsewhere."""
        chosen = (np.where(mask, one, two) for one, two in zip(self[1:], other[1:], strict=True))
        return Sum(min(self.grain, other.grain), *chosen)

    def repeated(self, times: int) -> Sum:
        """Repeat the terms `times` times."""
        return self.each(lambda part: times * part)

    def each(self, change: Callable[[Array], Array]) -> Sum:
        """Apply a function to each array."""
        return Sum(self.grain, *map(change, self[1:]))


def gradients(
    config: Config,
    weights: Mapping[str, Array],
    x: Array,
    h_0: Array | None,
    grad_output: Array | None,
    grad_h_n: Array | None,
    rounding: Rounding | None = None,
    lengths: Sequence[int] | None = None,
    times: int = 1,
    going_back: type[LayerBackward] | None = None,
    passes: Sequence[Pass] | None = None,
) -> dict[str, Ball]:
    """Return the gradients of sum(output * grad_output) + sum(h_n * grad_h_n), as balls.

    Args:
        config: as for `rnn_parity.reference.forward.forward`, and so are weights, x, h_0, rounding and lengths.
        weights: see there.
        x: see there.
        h_0: see there.
        rounding: see there.
        lengths: see there.
        grad_output: (T, B, num_directions * hidden_size), or None for zeros; not looked at beyond a sequence's end.
        grad_h_n: (num_layers * num_directions, B, hidden_size), or None for zeros.
        times: how often gradients are accumulated: their terms may be added up in any order, those of one time between
            those of another.
        going_back: how a layer goes back, where it is not as it should: a bug's model.
        passes: of `rnn_parity.reference.forward.layer_passes` on the same arguments, where they are known already.

    Returns:
        A ball of its shape for `x`, `h_0` where it is given, and every parameter, by name.
    """
    if passes is None:
        passes = layer_passes(config, weights, x, h_0, rounding, lengths)
    arithmetic = Arithmetic(config.dtype, no_wider(config, rounding or Rounding()))
    if grad_output is None:
        grad_output = np.zeros((*x.shape[:2], config.num_directions * config.hidden_size))
    counts = counting(x, lengths)
    above = given(grad_output if counts is None else np.where(counts, grad_output, 0.0))
    found: dict[str, Ball] = {}
    starts: list[Ball] = []
    with np.errstate(all="ignore"):
        for number, made in reversed(list(enumerate(passes))):
            rows = slice(number * config.num_directions, (number + 1) * config.num_directions)
            asked = None if grad_h_n is None else grad_h_n[rows]
            layer = (going_back or LayerBackward)(arithmetic, made, asked, times, number)
            start, above = layer.run(above)
            starts.insert(0, start)
            suffixes = config.suffixes()[rows]
            for name, ball in layer.of_parameters(config.bias).items():
                found |= {f"{name}_{suffix}": Ball(ball.mid[d], ball.rad[d]) for d, suffix in enumerate(suffixes)}
        found["x"] = close(arithmetic, above.repeated(times))
    if h_0 is not None:
        found["h_0"] = Ball(*(np.concatenate(parts) for parts in zip(*starts, strict=True)))
    return found


def no_wider(config: Config, rounding: Rounding) -> Rounding:
    """Return the rounding model without the accuracy that a wider accumulator gives."""
    accumulate = rounding.accumulate
    if accumulate is not None and FORMATS[accumulate].unit_roundoff < FORMATS[config.dtype].unit_roundoff:
        return replace(rounding, accumulate=None, rounded="operations")
    return rounding


def given(mid: Array) -> Sum:
    """Return exact numbers as the start of sums; adding zeros is exact."""
    zeros = np.zeros(mid.shape)
    return Sum(grain(mid), mid, zeros, np.abs(mid), (mid != 0) * 1.0, zeros)


def close(arithmetic: Arithmetic, total: Sum) -> Ball:
    """Finish a sum: exact where no partial sum can be rounded, unbounded where one may overflow."""
    largest, eta = arithmetic.format.largest, arithmetic.format.smallest_normal
    gamma = arithmetic.gamma(total.terms)
    bounded = total.size * (1 + gamma) + total.rad <= largest
    quantum = total.grain if total.grain >= eta else 0.0
    is_exact = (total.rad == 0) & (total.size <= arithmetic.largest_whole * quantum)
    rad = np.where(is_exact, 0.0, total.rad + gamma * total.size + total.lost)
    return Ball(np.where(bounded, total.mid, 0.0), np.where(bounded, rad, np.inf))


class LayerBackward:
    """One layer on the way back, its directions side by side, in the order of processing."""

    def __init__(self, arithmetic: Arithmetic, made: Pass, grad_h_n: Array | None, times: int, number: int) -> None:
        self.arithmetic, self.made, self.times, self.number = arithmetic, made, times, number
        self.eta = arithmetic.format.smallest_normal
        self.derivative = self.slope()
        self.grad_h_n = np.zeros(made.h_0.mid.shape) if grad_h_n is None else grad_h_n
        self.grad_a = Ball(np.empty(made.states.mid.shape), np.empty(made.states.mid.shape))
        self.grain = np.inf

    def slope(self) -> Ball:
        """Return the activation's derivative at every step."""
        return derivative(self.arithmetic, self.made.layer.nonlinearity, self.made.states)

    def recurrent(self) -> Array:
        """Return W_hh, (directions, H, H), through which gradients go back."""
        return self.made.layer.w_hh

    def carried(self, before: Sum, t: int) -> Sum:
        """Return what goes back from step t to the state before it."""
        return before

    def run(self, above: Sum) -> tuple[Ball, Sum]:
        """Go back from the output's gradient, (T, B, directions * H), to the gradients of h_0 and of the input."""
        directions, steps = self.made.states.mid.shape[:2]
        asked = above.each(lambda part: split(part, directions))
        products = Products(self.recurrent(), self.eta)
        carry = given(self.grad_h_n)
        for t in reversed(range(steps)):
            total = asked.each(lambda part, t=t: part[:, t]).plus(carry)  # type: ignore[misc]
            grad_a, grain_a = self.through_activation(close(self.arithmetic, total), total.grain, t)
            before = self.carried(products(grad_a, grain_a), t)
            if self.made.valid is not None:
                valid = self.made.valid[:, t]
                before = before.where(valid, carry)
                grad_a = Ball(*(np.where(valid, part, 0.0) for part in grad_a))
            self.grad_a.mid[:, t], self.grad_a.rad[:, t] = grad_a
            self.grain = min(self.grain, grain_a)
            carry = before
        return close(self.arithmetic, carry.repeated(self.times)), self.of_input()

    def through_activation(self, grad_h: Ball, quantum: float, t: int) -> tuple[Ball, float]:
        """Return the gradient of the pre-activation, and its grain: 0 where it has none."""
        mid, rad = self.derivative.mid[:, t], self.derivative.rad[:, t]
        size, slope = np.abs(grad_h.mid) + grad_h.rad, np.abs(mid) + rad
        is_zero = ((size == 0) & np.isfinite(slope)) | ((slope == 0) & np.isfinite(size))
        is_exact = is_zero | ((grad_h.rad == 0) & (rad == 0) & (mid == 1))
        spread = size * rad + grad_h.rad * np.abs(mid)
        rounded = self.arithmetic.gamma(np.ones(())) * size * slope + self.eta * (1 + size + slope)
        grad_a = Ball(grad_h.mid * mid, np.where(is_exact, 0.0, spread + rounded))
        return _free_where_undefined(grad_a), quantum if is_exact.all() else 0.0

    def of_input(self) -> Sum:
        """Return the gradient of the layer's input, (T, B, features): the sum over its directions."""
        return self.to_input(Products(self.made.layer.w_ih[:, None], self.eta)(self.grad_a, self.grain))

    def to_input(self, both: Sum) -> Sum:
        """Add up what the directions send back, in the order of time."""
        shape = both.mid.shape
        ways = [
            both.each(lambda part, d=d: np.broadcast_to(part, shape)[d, :: -1 if d else 1])  # type: ignore[misc]
            for d in range(len(both.mid))
        ]
        total = ways[0] if len(ways) == 1 else ways[0].plus(ways[1])
        if self.made.valid is None:
            return total
        return total.where(self.made.valid[0], given(np.zeros(total.mid.shape)))

    def read(self) -> Ball:
        """Return the state that each step reads."""
        return one_before(self.made.h_0, self.made.states)

    def of_parameters(self, bias: bool) -> dict[str, Ball]:
        """Return the gradients of the parameters by role, each leading with the direction."""
        found = {"weight_ih": self.made.x, "weight_hh": self.read()} | ({"bias": self.ones()} if bias else {})
        sums = {role: self.outer(self.grad_a, read, self.grain).repeated(self.times) for role, read in found.items()}
        balls = {role: close(self.arithmetic, total) for role, total in sums.items()}
        if bias:
            both = balls.pop("bias")
            balls |= dict.fromkeys(("bias_ih", "bias_hh"), Ball(both.mid[..., 0], both.rad[..., 0]))
        return balls

    def ones(self) -> Ball:
        """Return the ones that biases are multiplied by."""
        return exact(np.ones((*self.grad_a.mid.shape[:3], 1)))

    def outer(self, g: Ball, v: Ball, g_grain: float) -> Sum:
        """Sum g[t, b, j] v[t, b, k] over t and b: (directions, H, n)."""
        if self.made.valid is not None:
            v = Ball(*(np.where(self.made.valid, part, 0.0) for part in v))
        terms = v.mid.shape[1] * v.mid.shape[2]
        (g_mid, g_rad), (v_mid, v_rad) = (
            [part.reshape(len(part), terms, part.shape[-1]) for part in ball] for ball in (g, v)
        )
        g_mid, g_rad = g_mid.swapaxes(-1, -2), g_rad.swapaxes(-1, -2)
        g_size, v_size = np.abs(g_mid) + g_rad, np.abs(v_mid) + v_rad
        rad = g_rad @ v_size + np.abs(g_mid) @ v_rad
        lost = self.eta * (terms + g_size.sum(-1)[..., None] + v_size.sum(-2)[:, None, :])
        quantum = _grain_of_products(g_grain, grain(v_mid) if not v_rad.any() else 0.0, self.eta)
        return Sum(quantum, g_mid @ v_mid, rad, g_size @ v_size, np.array(float(terms)), lost)


def one_before(h_0: Ball, states: Ball) -> Ball:
    """Return the state that each step reads: h_0, then every state but the last."""
    pairs = zip(h_0, states, strict=True)
    return Ball(*(np.concatenate([start[:, None], after[:, :-1]], 1) for start, after in pairs))


class Products:
    """Sums of products with the columns of a weight: W^T g."""

    def __init__(self, weight: Array, eta: float) -> None:
        self.weight, self.size, self.eta = weight, np.abs(weight), eta
        self.terms = np.count_nonzero(weight, -2)[..., None, :].astype(np.float64)
        self.lost = self.size.sum(-2)[..., None, :]
        self.grain = grain(weight)

    def __call__(self, g: Ball, g_grain: float) -> Sum:
        """Multiply numbers with this grain."""
        size = np.abs(g.mid) + g.rad
        lost = self.eta * (self.terms + self.lost + size.sum(-1, keepdims=True))
        quantum = _grain_of_products(g_grain, self.grain, self.eta)
        return Sum(quantum, g.mid @ self.weight, g.rad @ self.size, size @ self.size, self.terms, lost)


def _grain_of_products(one: float, other: float, eta: float) -> float:
    """Return a power of two that divides products of numbers with these grains; 0 where one may be flushed to zero."""
    return one * other if min(one, other, one * other) >= eta else 0.0


def split(joined: Array, directions: int) -> Array:
    """Split (T, B, directions * H), in order of time, into (directions, T, B, H), each in its order of processing."""
    halves = np.split(joined, directions, -1)
    return np.stack([half[:: -1 if d else 1] for d, half in enumerate(halves)])


def derivative(arithmetic: Arithmetic, nonlinearity: str, h: Ball) -> Ball:
    """Return the activation's derivative, as far as the state determines it."""
    if nonlinearity == "tanh":
        size = np.abs(h.mid)
        mid = 1 - size * size
        rounded = arithmetic.gamma(np.array(_DERIVATIVE_ROUNDINGS)) * (size * size + np.abs(mid))
        rad = np.where((size == 0) & (h.rad == 0), 0.0, h.rad * (2 * size + h.rad) + rounded)
        return _free_where_undefined(Ball(mid, rad))
    uncertain = (h.mid <= h.rad) & (h.rad > 0)
    ball = Ball(np.where(uncertain, 0.5, (h.mid > 0) * 1.0), np.where(uncertain, 0.5, 0.0))
    defined = np.isfinite(h.mid) & np.isfinite(h.rad)
    return Ball(np.where(defined, ball.mid, 0.0), np.where(defined, ball.rad, np.inf))


def _free_where_undefined(ball: Ball) -> Ball:
    defined = np.isfinite(ball.mid) & np.isfinite(ball.rad)
    return Ball(np.where(defined, ball.mid, 0.0), np.where(defined, ball.rad, np.inf))
