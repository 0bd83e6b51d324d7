"""Second derivatives over balls: how gradients change in a direction, with a proven bound for every element.

With L = <grad_output, output> + <grad_h_n, h_n> and a direction v of all arguments, what is asked for is the gradient
of <v, dL>, dL being the gradient of L. It is the derivative R dL of dL along v (B. Pearlmutter, Fast exact
multiplication by the Hessian, 1994), and the one of <v, dL> by the cotangents is R output and R h_n:

    Ra_t = W_ih Rx_t + RW_ih x_t + W_hh Rh_(t-1) + RW_hh h_(t-1) + Rb_ih + Rb_hh,    Rh_t = d_t * Ra_t
    Rdh_t = (what comes from above and from step t + 1) + c_t,    c_t = -2 h_t * dh_t * Ra_t (tanh) or 0 (ReLU)
    Rda_t = d_t * Rdh_t,    and W_hh^T Rda_t + RW_hh^T da_t goes back to step t - 1; to x_t alike
    RdW_ih = sum_t Rda_t x_t^T + da_t Rx_t^T,    RdW_hh with h_(t-1) and Rh_(t-1) alike,    Rdb = sum_t Rda_t

Why this bounds every way to compute it. Going back through the way back (Ra_t is then the adjoint of da_t, Rh_t that of
dh_t), going forward through it, or back through the way forward along v: each makes the numbers on the left from the
same products. They differ in the order of sums and of factors, in how d and act'' are written (1 - h^2 or
(1 - h)(1 + h), -2 h d or 2 h^3 - 2 h), and in whether d_t stands before or behind the sum Ra_t or Rdh_t. So a sum has
gamma(n) of its magnitudes for all its n terms together; c_t counts as 1 + 5 terms, for its products, for that with d_t
and for the sum of both; and the radius of d_t is taken times the magnitudes of the terms, not times their sum. The
factors are balls that hold every evaluation. What `rnn_parity.reference.backward` says of wider accumulators, of
flushing and of what is not finite, holds here, too: after an overflow nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rnn_parity.contract import Array, Config, Rounding
from rnn_parity.reference.backward import (
    LayerBackward,
    Products,
    Sum,
    close,
    derivative,
    given,
    no_wider,
    one_before,
    split,
)
from rnn_parity.reference.balls import Arithmetic, Ball, exact, grain
from rnn_parity.reference.forward import (
    Mask,
    Pass,
    counting,
    in_order_of_processing,
    in_order_of_time,
    layer_passes,
    side_by_side,
)

#: What the directions are made of: small dyadic numbers, none of them zero.
_DIRECTION = (1.0, 2.0, -1.0, 0.5, -2.0, 1.5, 3.0)
#: Roundings of c_t beside the one of its sum: of three products, of act'' in another form, and of a product with d_t.
_CURVATURE_ROUNDINGS = 5.0


def direction(arguments: Mapping[str, Array]) -> dict[str, Array]:
    """Return the direction v of these arguments: each begins at another one of the same few numbers."""
    return {name: _numbers(start, array.shape) for start, (name, array) in enumerate(arguments.items())}


@lru_cache(maxsize=1024)
def _numbers(start: int, shape: tuple[int, ...]) -> Array:
    return np.resize(np.roll(_DIRECTION, -start), shape)


class SecondDerivatives(NamedTuple):
    """The gradients of <v, dL> by name, as sums that can be finished for one call or for several."""

    arithmetic: Arithmetic
    of_arguments: dict[str, Sum]
    #: Those by the cotangents are the same for one call of several, and finished.
    of_cotangents: dict[str, Ball]

    def of_calls(self, count: int) -> dict[str, Ball]:
        """Return the second derivatives of several calls' losses added up, in any order, and of the cotangents."""
        finished = {name: close(self.arithmetic, total.repeated(count)) for name, total in self.of_arguments.items()}
        return finished | self.of_cotangents


def second_derivatives(
    config: Config,
    weights: Mapping[str, Array],
    x: Array,
    h_0: Array | None,
    grad_output: Array | None,
    grad_h_n: Array | None,
    rounding: Rounding | None = None,
    lengths: Sequence[int] | None = None,
    passes: Sequence[Pass] | None = None,
) -> SecondDerivatives:
    """Return the gradients of <v, dL> by x, h_0 where it is given, every parameter, and the cotangents that are given.

    v is the `direction` of x, h_0 and the weights; all arguments are as for `rnn_parity.reference.backward.gradients`.
    """
    if passes is None:
        passes = layer_passes(config, weights, x, h_0, rounding, lengths)
    arithmetic = Arithmetic(config.dtype, no_wider(config, rounding or Rounding()))
    towards = direction({"x": x, **({} if h_0 is None else {"h_0": h_0}), **weights})
    counts, outputs = counting(x, lengths), (*x.shape[:2], config.num_directions * config.hidden_size)
    asked = np.zeros(outputs) if grad_output is None else grad_output
    above = given(asked if counts is None else np.where(counts, asked, 0.0))
    found: dict[str, Sum] = {}
    starts: list[Sum] = []
    with np.errstate(all="ignore"):
        tangents = _tangents(config, arithmetic, passes, towards)
        along = given(np.zeros(outputs))
        for number, (made, tangent) in reversed(list(enumerate(zip(passes, tangents, strict=True)))):
            rows = slice(number * config.num_directions, (number + 1) * config.num_directions)
            layer = _LayerTwice(arithmetic, made, None if grad_h_n is None else grad_h_n[rows], number, tangent)
            _, above = layer.run(above)
            start, along = layer.run_along(along)
            starts.insert(0, start)
            for name, total in layer.sums(config.bias).items():
                for d, suffix in enumerate(config.suffixes()[rows]):
                    found[f"{name}_{suffix}"] = total.each(lambda part, d=d: part[d])  # type: ignore[misc]
        found["x"] = along
    if h_0 is not None:
        parts = zip(*(start[1:] for start in starts), strict=True)
        found["h_0"] = Sum(min(start.grain for start in starts), *map(np.concatenate, parts))
    return SecondDerivatives(arithmetic, found, _of_cotangents(tangents, counts, grad_output, grad_h_n))


def _of_cotangents(
    tangents: Sequence[_Tangent], counts: Mask | None, grad_output: Array | None, grad_h_n: Array | None
) -> dict[str, Ball]:
    """Return R output and R h_n, where they are asked for."""
    found = {}
    if grad_output is not None:
        states = in_order_of_time(tangents[-1].states)
        found["grad_output"] = states if counts is None else Ball(*(np.where(counts, part, 0.0) for part in states))
    if grad_h_n is not None:
        lasts = [Ball(*(part[:, -1] for part in tangent.states)) for tangent in tangents]
        found["grad_h_n"] = Ball(*(np.concatenate(parts) for parts in zip(*lasts, strict=True)))
    return found


def _whole(total: Sum) -> Sum:
    """Broadcast all arrays of a sum to their full shape."""
    return total.each(lambda part: np.broadcast_to(part, total.mid.shape))


class _Tangent(NamedTuple):
    """How the numbers of one layer change in the direction; arrays are laid out as those of its `Pass`."""

    w_ih: Array
    w_hh: Array
    x: Ball
    h_0: Ball
    #: Ra and Rh.
    sums: Ball
    states: Ball


def _tangents(
    config: Config, arithmetic: Arithmetic, passes: Sequence[Pass], towards: Mapping[str, Array]
) -> list[_Tangent]:
    """Return every layer's tangent from the bottom up."""
    directions, found, sequence = config.num_directions, [], exact(towards["x"])
    for number, made in enumerate(passes):
        rows = slice(number * directions, (number + 1) * directions)
        own = {
            role: side_by_side([towards[f"{role}_{suffix}"] for suffix in config.suffixes()[rows]])
            for role in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if config.bias else ()))
        }
        x = Ball(*(in_order_of_processing(part, directions) for part in sequence))
        h_0 = towards["h_0"][rows] if "h_0" in towards else np.zeros(made.h_0.mid.shape)
        found.append(_tangent(arithmetic, made, own, x, exact(h_0)))
        sequence = in_order_of_time(found[-1].states)
    return found


def _tangent(arithmetic: Arithmetic, made: Pass, own: Mapping[str, Array], x: Ball, h_0: Ball) -> _Tangent:
    layer, eta, shape = made.layer, arithmetic.format.smallest_normal, made.states.mid.shape
    slope = derivative(arithmetic, layer.nonlinearity, made.states)
    read = _applied(layer.w_ih[:, None], x, eta).plus(_applied(own["weight_ih"][:, None], made.x, eta))
    for role in ("bias_ih", "bias_hh"):
        if role in own:
            read = read.plus(given(own[role][:, None, None]))
    read = _whole(read)
    sums, states = Ball(np.empty(shape), np.empty(shape)), Ball(np.empty(shape), np.empty(shape))
    before, change = made.h_0, h_0
    for t in range(shape[1]):
        total = read.each(lambda part, t=t: part[:, t])  # type: ignore[misc]
        total = total.plus(_applied(layer.w_hh, change, eta)).plus(_applied(own["weight_hh"], before, eta))
        made_now = _times_slope(arithmetic, total, _at(slope, t))
        if made.valid is not None:
            made_now = Ball(*(np.where(made.valid[:, t], *pair) for pair in zip(made_now, change, strict=True)))
        sums.mid[:, t], sums.rad[:, t] = close(arithmetic, total)
        states.mid[:, t], states.rad[:, t] = change = made_now
        before = _at(made.states, t)
    return _Tangent(own["weight_ih"], own["weight_hh"], x, h_0, sums, states)


def _at(ball: Ball, t: int) -> Ball:
    return Ball(ball.mid[:, t], ball.rad[:, t])


def _grain(ball: Ball) -> float:
    return 0.0 if ball.rad.any() else grain(ball.mid)


def _applied(weight: Array, v: Ball, eta: float) -> Sum:
    """Return W v."""
    return _applied_back(weight.swapaxes(-1, -2), v, eta)


def _applied_back(weight: Array, v: Ball, eta: float) -> Sum:
    """Return W^T v."""
    return Products(weight, eta)(v, _grain(v))


def _times_slope(arithmetic: Arithmetic, total: Sum, slope: Ball) -> Ball:
    """Multiply a sum by the activation's derivative, which stands before or behind it."""
    total = total._replace(terms=total.terms + 1)
    closed, gamma, eta = close(arithmetic, total), arithmetic.gamma(total.terms), arithmetic.format.smallest_normal
    steepness, size = np.abs(slope.mid) + slope.rad, total.size * (1 + gamma) + total.lost
    is_zero = ((total.size == 0) & np.isfinite(steepness)) | ((steepness == 0) & np.isfinite(closed.rad))
    is_exact = is_zero | ((closed.rad == 0) & (slope.rad == 0) & (slope.mid == 1))
    spread = np.abs(slope.mid) * (total.rad + gamma * total.size + total.lost) + slope.rad * size
    rad = np.where(is_exact, 0.0, spread + eta * (total.terms * (1 + steepness) + size))
    defined = np.isfinite(closed.rad) & np.isfinite(rad)
    return Ball(np.where(defined, closed.mid * slope.mid, 0.0), np.where(defined, rad, np.inf))


class _LayerTwice(LayerBackward):
    """One layer on the way back, and how that changes in the direction."""

    def __init__(
        self,
        arithmetic: Arithmetic,
        made: Pass,
        grad_h_n: Array | None,
        number: int,
        tangent: _Tangent,
    ) -> None:
        super().__init__(arithmetic, made, grad_h_n, 1, number)
        self.tangent, shape = tangent, made.states.mid.shape
        self.grad_h = Ball(np.empty(shape), np.empty(shape))
        self.change = Ball(np.empty(shape), np.empty(shape))

    def through_activation(self, grad_h: Ball, quantum: float, t: int) -> tuple[Ball, float]:
        """Do as the base class does, and keep the gradient that comes in."""
        self.grad_h.mid[:, t], self.grad_h.rad[:, t] = grad_h
        return super().through_activation(grad_h, quantum, t)

    def run_along(self, above: Sum) -> tuple[Sum, Sum]:
        """Do as `run` does along the direction: return R of the gradients of h_0 and of the layer's input."""
        layer, toward, eta = self.made.layer, self.tangent, self.eta
        directions, steps = self.made.states.mid.shape[:2]
        asked = above.each(lambda part: split(part, directions))
        carry = given(np.zeros(self.made.h_0.mid.shape))
        for t in reversed(range(steps)):
            total = asked.each(lambda part, t=t: part[:, t]).plus(carry)  # type: ignore[misc]
            if layer.nonlinearity == "tanh":
                total = total.plus(self._curvature(t))
            change = _times_slope(self.arithmetic, total, _at(self.derivative, t))
            sent = _applied_back(layer.w_hh, change, eta)
            before = sent.plus(_applied_back(toward.w_hh, _at(self.grad_a, t), eta))
            if self.made.valid is not None:
                before = before.where(self.made.valid[:, t], carry)
                change = Ball(*(np.where(self.made.valid[:, t], part, 0.0) for part in change))
            self.change.mid[:, t], self.change.rad[:, t] = change
            carry = before
        sent = _applied_back(layer.w_ih[:, None], self.change, eta)
        both = sent.plus(_applied_back(toward.w_ih[:, None], self.grad_a, eta))
        return _whole(carry), _whole(self.to_input(both))

    def _curvature(self, t: int) -> Sum:
        """Return act''(a_t) dh_t Ra_t without one factor d_t: -2 h_t dh_t Ra_t."""
        h, grad_h, change = _at(self.made.states, t), _at(self.grad_h, t), _at(self.tangent.sums, t)
        sizes = [np.abs(ball.mid) + ball.rad for ball in (h, grad_h, change)]
        size = 2 * sizes[0] * sizes[1] * sizes[2]
        most = 2 * (1 + sizes[0]) * (1 + sizes[1]) * (1 + sizes[2])
        rad = h.rad * sizes[1] * sizes[2] + np.abs(h.mid) * grad_h.rad * sizes[2]
        rad = 2 * (rad + np.abs(h.mid * grad_h.mid) * change.rad)
        terms = np.where(size == 0, 0.0, 1 + _CURVATURE_ROUNDINGS)
        # What may overflow on the way, in one order of the factors or another, is free.
        rad = np.where(most <= self.arithmetic.format.largest, rad, np.inf)
        mid = -2 * h.mid * grad_h.mid * change.mid
        return Sum(np.inf if not size.any() else 0.0, mid, rad, size, terms, 2 * terms * self.eta * most)

    def sums(self, bias: bool) -> dict[str, Sum]:
        """Return R of the gradients of the parameters by role, each leading with the direction."""
        change, grad_a, own = _grain(self.change), _grain(self.grad_a), self.tangent
        w_ih = self.outer(self.change, self.made.x, change).plus(self.outer(self.grad_a, own.x, grad_a))
        w_hh = self.outer(self.change, self.read(), change)
        w_hh = w_hh.plus(self.outer(self.grad_a, one_before(own.h_0, own.states), grad_a))
        found = {"weight_ih": _whole(w_ih), "weight_hh": _whole(w_hh)}
        if bias:
            both = _whole(self.outer(self.change, self.ones(), change)).each(lambda part: part[..., 0])
            found |= dict.fromkeys(("bias_ih", "bias_hh"), both)
        return found
