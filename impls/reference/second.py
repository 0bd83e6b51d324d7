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

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from rnn_parity.contract import Array, Case, Config, Rounding
from rnn_parity.reference.backward import (
    LayerBackward,
    asked_of_outputs,
    at,
    one_before,
    split,
)
from rnn_parity.reference.balls import Arithmetic, Ball, concatenated, exact
from rnn_parity.reference.forward import (
    EVERY_OPERATION,
    Pass,
    blanked,
    in_order_of_processing,
    in_order_of_time,
    layer_passes,
    no_wider,
    side_by_side,
)
from rnn_parity.reference.sums import Sum, close, given, grains, products_with

_WEIGHTS: Final = ("weight_ih", "weight_hh")
_BIASES: Final = ("bias_ih", "bias_hh")
#: What the directions are made of: small dyadic numbers, none of them zero.
_DIRECTION = (1.0, 2.0, -1.0, 0.5, -2.0, 1.5, 3.0)
#: Roundings of c_t beside the one of its sum: of three products, of act'' in another form, and of a product with d_t.
_CURVATURE_ROUNDINGS = 5.0

#: Where a bug's model edits. What leads back from a gradient: of an argument of a layer, of what a step sends to the
#: one before, of what was asked of the states; and d_t that stands there. What a gradient depends on: a matrix that it
#: went back through; what W_ih read; the first state or a later one that W_hh read; and d_t.
_From: TypeAlias = Literal["x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "carried", "asked", "slope"]
Part: TypeAlias = _From | Literal["by W_ih", "by W_hh", "by x", "by h_0", "by h", "by slope"]
#: Out of a part, the number of the layer, and the numbers of that part, which lead with the direction.
Edit: TypeAlias = Callable[[Part, int, Any], Any]


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
    case: Case,
    rounding: Rounding = EVERY_OPERATION,
    passes: Sequence[Pass] | None = None,
    edit: Edit = lambda part, number, right: right,
) -> SecondDerivatives:
    """Return the gradients of <v, dL> by x, h_0 where it is given, every parameter, and the cotangents that are given.

    v is the `direction` of x, h_0 and the weights; all arguments are as for `rnn_parity.reference.backward.gradients`,
    and `edit` is what a bug's model does otherwise.
    """
    if passes is None:
        passes = layer_passes(case, rounding)
    config, grad_h_n = case.config, case.grad_h_n
    arithmetic = Arithmetic(config.dtype, no_wider(config, rounding))
    arguments = {"x": case.x} | ({} if case.h_0 is None else {"h_0": case.h_0})
    towards = direction(arguments | dict(case.weights))
    above = given(arithmetic, asked_of_outputs(case))
    found: dict[str, Sum] = {}
    starts: list[Sum] = []
    with np.errstate(all="ignore"):
        tangents = _tangents(config, arithmetic, passes, towards, edit)
        along = given(arithmetic, np.zeros(above.mid.shape))
        for number, (made, tangent) in reversed(list(enumerate(zip(passes, tangents, strict=True)))):
            rows = slice(number * config.num_directions, (number + 1) * config.num_directions)
            layer = _LayerTwice(arithmetic, made, None if grad_h_n is None else grad_h_n[rows], number, tangent, edit)
            _, above = layer.run(above)
            start, along = layer.run_along(along)
            starts.insert(0, start)
            for name, total in layer.sums(config.bias).items():
                for d, suffix in enumerate(config.suffixes()[rows]):
                    found[f"{name}_{suffix}"] = total.each(lambda part, d=d: part[d])  # type: ignore[misc]
        found["x"] = along
    if case.h_0 is not None:
        found["h_0"] = Sum(*map(np.concatenate, zip(*starts, strict=True)))
    return SecondDerivatives(arithmetic, found, _of_cotangents(case, tangents))


def _of_cotangents(case: Case, tangents: Sequence[_Tangent]) -> dict[str, Ball]:
    """Return R output and R h_n, where they are asked for."""
    found = {}
    if case.grad_output is not None:
        found["grad_output"] = blanked(case, in_order_of_time(tangents[-1].asked))
    if case.grad_h_n is not None:
        found["grad_h_n"] = concatenated([Ball(*(part[:, -1] for part in tangent.asked)) for tangent in tangents])
    return found


class _Tangent(NamedTuple):
    """How the numbers of one layer change in the direction; arrays are laid out as those of its `Pass`."""

    w_ih: Array
    w_hh: Array
    x: Ball
    h_0: Ball
    #: Ra, Rh as the next step reads it, and Rh as it is handed on.
    sums: Ball
    states: Ball
    asked: Ball


def _tangents(
    config: Config, arithmetic: Arithmetic, passes: Sequence[Pass], towards: Mapping[str, Array], edit: Edit
) -> list[_Tangent]:
    """Return every layer's tangent from the bottom up."""
    directions, found, sequence = config.num_directions, [], exact(towards["x"])
    for number, made in enumerate(passes):
        rows = slice(number * directions, (number + 1) * directions)
        own = {
            role: edit(role, number, side_by_side([towards[f"{role}_{suffix}"] for suffix in config.suffixes()[rows]]))
            for role in (*_WEIGHTS, *(_BIASES if config.bias else ()))
        }
        x = edit("x", number, Ball(*(in_order_of_processing(part, directions) for part in sequence)))
        start = towards["h_0"][rows] if "h_0" in towards else np.zeros(made.h_0.mid.shape)
        h_0 = edit("h_0", number, exact(start))
        found.append(_tangent(arithmetic, made, own, x, h_0, number, edit))
        sequence = in_order_of_time(found[-1].asked)
    return found


def _tangent(
    arithmetic: Arithmetic, made: Pass, own: Mapping[str, Array], x: Ball, h_0: Ball, number: int, edit: Edit
) -> _Tangent:
    layer, shape = made.layer, made.states.mid.shape
    slope = edit("slope", number, layer.config.activation.slope(arithmetic, made.states))
    read = _applied(arithmetic, layer.w_ih[:, None], x).plus(_applied(arithmetic, own["weight_ih"][:, None], made.x))
    for role in _BIASES:
        if role in own:
            read = read.plus(given(arithmetic, own[role][:, None, None]))
    read = read.whole()
    sums, states, asked = (Ball(np.empty(shape), np.empty(shape)) for _ in range(3))
    before, change = made.h_0, h_0
    for t in range(shape[1]):
        total = read.each(lambda part, t=t: part[:, t])  # type: ignore[misc]
        total = total.plus(_applied(arithmetic, layer.w_hh, change))
        total = total.plus(_applied(arithmetic, own["weight_hh"], before))
        made_now = _times_slope(arithmetic, total, at(slope, t))
        if made.valid is not None:
            made_now = Ball(*(np.where(made.valid[:, t], *pair) for pair in zip(made_now, change, strict=True)))
        sums.mid[:, t], sums.rad[:, t] = close(arithmetic, total)
        states.mid[:, t], states.rad[:, t] = change = edit("carried", number, made_now)
        asked.mid[:, t], asked.rad[:, t] = edit("asked", number, made_now)
        before = at(made.states, t)
    return _Tangent(own["weight_ih"], own["weight_hh"], x, h_0, sums, states, asked)


def _applied(arithmetic: Arithmetic, weight: Array, v: Ball) -> Sum:
    """Return W v."""
    return _applied_back(arithmetic, weight.swapaxes(-1, -2), v)


def _applied_back(arithmetic: Arithmetic, weight: Array, v: Ball) -> Sum:
    """Return W^T v."""
    return products_with(arithmetic, weight)[0](v, grains(v))


def _times_slope(arithmetic: Arithmetic, total: Sum, slope: Ball) -> Ball:
    """Multiply a sum by the activation's derivative, which stands before or behind it."""
    total = total._replace(terms=total.terms + 1)
    closed, gamma, eta = close(arithmetic, total), arithmetic.gamma(total.terms), arithmetic.format.smallest_normal
    steepness, size = np.abs(slope.mid) + slope.rad, total.size * (1 + gamma) + total.lost
    is_zero = ((total.size == 0) & np.isfinite(steepness)) | ((steepness == 0) & np.isfinite(closed.rad))
    # More than one term may be carried on unsummed: later operations round terms that cancel here.
    single = (closed.rad == 0) & (slope.rad == 0) & (slope.mid == 1) & (total.terms <= 2)
    is_exact = is_zero | single
    spread = np.abs(slope.mid) * (total.rad + gamma * total.size + total.lost) + slope.rad * size
    rad = np.where(is_exact, 0.0, spread + eta * (total.terms * (1 + steepness) + size))
    defined = np.isfinite(closed.rad) & np.isfinite(rad)
    return Ball(np.where(defined, closed.mid * slope.mid, 0.0), np.where(defined, rad, np.inf))


class _LayerTwice(LayerBackward):
    """One layer on the way back, and how that changes in the direction."""

    def __init__(
        self, arithmetic: Arithmetic, made: Pass, grad_h_n: Array | None, number: int, tangent: _Tangent, edit: Edit
    ) -> None:
        super().__init__(arithmetic, made, grad_h_n, 1, number)
        self.tangent, self.edit, shape = tangent, edit, made.states.mid.shape
        self.grad_h = Ball(np.empty(shape), np.empty(shape))
        self.change = Ball(np.empty(shape), np.empty(shape))

    def times_slope(self, grad_h: Sum) -> Ball:
        """Do as the base class does, and keep the gradient that comes in."""
        self.grad_h.mid[:, self.t], self.grad_h.rad[:, self.t] = close(self.arithmetic, grad_h, goes_on=True)
        return super().times_slope(grad_h)

    def run_along(self, above: Sum) -> tuple[Sum, Sum]:
        """Do as `run` does along the direction: return R of the gradients of h_0 and of the layer's input."""
        layer, toward, arithmetic = self.made.layer, self.tangent, self.arithmetic
        directions, steps = self.made.states.mid.shape[:2]
        asked = above.each(lambda part: split(part, directions))
        carry = given(arithmetic, np.zeros(self.made.h_0.mid.shape))
        for t in reversed(range(steps)):
            total = asked.each(lambda part, t=t: part[:, t]).plus(carry)  # type: ignore[misc]
            if layer.config.activation.curvature:
                total = total.plus(self.edit("by slope", self.number, self._curvature(t)))
            change = _times_slope(self.arithmetic, total, at(self.derivative, t))
            sent = _applied_back(arithmetic, layer.w_hh, change)
            of_w_hh = _applied_back(arithmetic, toward.w_hh, at(self.grad_a, t))
            before = sent.plus(self.edit("by h" if t else "by h_0", self.number, of_w_hh))
            if self.made.valid is not None:
                before = before.where(self.made.valid[:, t], carry)
                change = Ball(*(np.where(self.made.valid[:, t], part, 0.0) for part in change))
            self.change.mid[:, t], self.change.rad[:, t] = change
            carry = before
        sent = _applied_back(arithmetic, layer.w_ih[:, None], self.change)
        both = sent.plus(self.edit("by x", self.number, _applied_back(arithmetic, toward.w_ih[:, None], self.grad_a)))
        return carry.whole(), self.to_input(both).whole()

    def _curvature(self, t: int) -> Sum:
        """Return act''(a_t) dh_t Ra_t without one factor d_t: c h_t dh_t Ra_t, c being -2 for tanh."""
        curvature = self.made.layer.config.activation.curvature
        factor = abs(curvature)
        h, grad_h, change = at(self.made.states, t), at(self.grad_h, t), at(self.tangent.sums, t)
        sizes = [np.abs(ball.mid) + ball.rad for ball in (h, grad_h, change)]
        size = factor * sizes[0] * sizes[1] * sizes[2]
        most = factor * (1 + sizes[0]) * (1 + sizes[1]) * (1 + sizes[2])
        rad = h.rad * sizes[1] * sizes[2] + np.abs(h.mid) * grad_h.rad * sizes[2]
        rad = factor * (rad + np.abs(h.mid * grad_h.mid) * change.rad)
        terms = np.where(size == 0, 0.0, 1 + _CURVATURE_ROUNDINGS)
        # What may overflow on the way, in one order of the factors or another, is free.
        rad = np.where(most <= self.arithmetic.format.largest, rad, np.inf)
        mid = curvature * h.mid * grad_h.mid * change.mid
        return Sum(np.where(size == 0, np.inf, 0.0), mid, rad, size, terms, 2 * terms * self.eta * most)

    def _outer(self, g: Ball, v: Ball) -> Sum:
        parts = (part.reshape(len(part), -1, part.shape[-1]) for part in g)
        return self.outer(g, v, grains(Ball(*parts), 1).swapaxes(-1, -2))

    def sums(self, bias: bool) -> dict[str, Sum]:
        """Return R of the gradients of the parameters by role, each leading with the direction."""
        own = self.tangent
        w_ih = self._outer(self.change, self.made.x).plus(
            self.edit("by W_ih", self.number, self._outer(self.grad_a, own.x))
        )
        back = self._outer(self.grad_a, one_before(own.h_0, own.states))
        w_hh = self._outer(self.change, self.read()).plus(self.edit("by W_hh", self.number, back))
        found = {"weight_ih": w_ih.whole(), "weight_hh": w_hh.whole()}
        if bias:
            both = self._outer(self.change, self.ones()).whole().each(lambda part: part[..., 0])
            found |= dict.fromkeys(_BIASES, both)
        return found
