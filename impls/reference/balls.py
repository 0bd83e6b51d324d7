"""Ball arithmetic: every number with a radius that no evaluation in the stated dtype can leave.

A ball is a midpoint `mid`, computed in float64, and a radius `rad`. With u the unit roundoff of the dtype, eta its
smallest normal number and gamma(n) = n u / (1 - n u), a sum of n terms evaluated in any order, with or without fused
multiply-adds, is within gamma(n) times the sum of magnitudes of the exact sum; a product that underflows, or an operand
that is flushed to zero, moves it by at most eta times the other factor. (N. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 3.1 to 3.4, and 2.1 for underflow.) Everywhere u is the sum of the dtype's and float64's
unit roundoff, because the midpoint is rounded too: gamma(n; u + v) >= gamma(n; u) + gamma(n; v).

A sum of n terms in a wider accumulator has gamma(n) of the accumulator's u. What is then rounded to the dtype, once,
moves by half the distance of neighbours there, at most u |a|, and by eta at most where it may be flushed: `store`.

    rounded = "operations"   h = tanh(a (1 + gamma(4)))   two products and two sums of them are stored
    rounded = "sum"          h = tanh(store(a))           and tanh has its error in units of the dtype
    rounded = "state"        h = store(tanh(a))           and tanh has its error in units of the accumulator's

What a ball says, beside "within rad of mid" where both are finite:

| mid        | rad | meaning |
|------------|-----|---------|
| NaN        | 0   | every order of evaluation gives NaN |
| +-infinity | 0   | every order of evaluation gives that infinity |
| +-infinity | inf | beyond the largest finite number: an infinity once stored, finite where wider numbers are kept |
| anything   | inf | free: an overflow that depends on the order of evaluation |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from rnn_parity.contract import ACTIVATIONS, DTYPES, Array, Rounding

#: Radii are themselves rounded in float64: (1 + 2^-53) a few times per step, far below this for any case drawn.
RADIUS_SLACK: Final = 1 + 2.0**-30
#: NumPy's float64 tanh is within this many units in the last place.
_OWN_TANH_ULPS: Final = 2


class Ball(NamedTuple):
    """Midpoints and radii, float64 arrays of one shape."""

    mid: Array
    rad: Array


class Format(NamedTuple):
    """What rounding in a floating point dtype does."""

    unit_roundoff: float
    smallest_normal: float
    largest: float
    precision: int


def _format(dtype: torch.dtype) -> Format:
    info = torch.finfo(dtype)
    return Format(info.eps / 2, info.smallest_normal, info.max, 1 - int(np.log2(info.eps)))


FORMATS: Final = {dtype: _format(dtype) for dtype in DTYPES}
_OWN: Final = FORMATS[torch.float64]
#: The bits of a float64 number behind its point.
_FRACTION: Final = np.int64(2**52 - 1)
#: With a wide accumulator, what is still rounded to the dtype in one affine step: two products, and two sums of them.
_STORES: Final = 4
#: Roundings granted to 1 - h^2: two as it is written, and as many again for (1 - h) (1 + h) or a quotient by cosh^2.
_DERIVATIVE_ROUNDINGS: Final = 4.0


def exact(values: Array) -> Ball:
    """Return a ball of radius 0."""
    return Ball(values, np.zeros(values.shape))


def concatenated(parts: Sequence[Ball], axis: int = 0) -> Ball:
    """Return balls one behind the other along an axis."""
    return Ball(*(np.concatenate(part, axis) for part in zip(*parts, strict=True)))


def lowest_bits(values: Array) -> Array:
    """Return the largest power of two that divides each number: infinity for zero, 0 for what is not finite."""
    values = np.ascontiguousarray(values)
    bits = values.view(np.int64)
    with np.errstate(invalid="ignore"):
        # The number without its lowest bit, taken from the number.
        lowest = np.abs(values - np.where(bits & _FRACTION, bits & (bits - 1), 0).view(np.float64))
    lowest[lowest == 0] = np.inf
    lowest[~np.isfinite(values)] = 0.0
    return lowest


def grain(values: Array) -> float:
    """Return the largest power of two that divides every element; infinity if all are zero, 0 if one is not finite."""
    return float(lowest_bits(values).min(initial=np.inf))


class Arithmetic:
    """The operations of a recurrent network on balls, for one dtype and one rounding model."""

    def __init__(self, dtype: torch.dtype, rounding: Rounding) -> None:
        self.format = FORMATS[dtype]
        self._sums = FORMATS[rounding.accumulate or dtype]
        self._wide = self._sums.unit_roundoff < self.format.unit_roundoff
        self._rounded = rounding.rounded if self._wide else "operations"
        #: The smallest normal number of what products and sums are made in.
        self.underflow = (self.format if self._rounded == "operations" else self._sums).smallest_normal
        #: Whole numbers whose magnitudes add up to this at most are added exactly. Not 2^p: float64 rounds sums of
        #: magnitudes just beyond it to that.
        self.largest_whole = 2.0 ** min(self.format.precision, self._sums.precision) - 1
        self._activated = self._sums if self._rounded == "state" else self.format
        # One unit in the last place is at most 2 u of the value. Accurate absolutely only, tanh has that error of the
        # accumulator's, and one more rounding of both to what it is computed in.
        unit = self._activated.unit_roundoff
        ulps = 1.0 if rounding.tanh_absolute else rounding.tanh_ulps
        absolute = rounding.tanh_ulps if rounding.tanh_absolute else 0.0
        self._tanh_relative = 2 * (ulps * unit + _OWN_TANH_ULPS * _OWN.unit_roundoff)
        self._tanh_absolute = 2 * absolute * self._sums.unit_roundoff * (1 + unit)

    def gamma(self, terms: Array) -> Array:
        """Return the relative error of sums of n terms: n u / (1 - n u), infinite from n u = 1 on."""
        if not self._wide or self._rounded != "operations":
            return _gamma(terms, self._sums.unit_roundoff)
        inside, stored = (
            _gamma(terms, self._sums.unit_roundoff),
            _gamma(np.minimum(terms, _STORES), self.format.unit_roundoff),
        )
        return inside + stored + inside * stored

    def flushed(self, operand: Ball) -> Array:
        """Bound the change that flushing makes to an operand: none to zero, and none to what is certainly normal."""
        eta = self.format.smallest_normal
        return np.where((np.abs(operand.mid) - operand.rad < eta) & ((operand.mid != 0) | (operand.rad > 0)), eta, 0.0)

    def flushed_exact(self, values: Array) -> Array:
        """Bound the change that flushing makes to exact numbers."""
        eta = self.format.smallest_normal
        return np.where((np.abs(values) < eta) & (values != 0), eta, 0.0)

    def activation(self, nonlinearity: str) -> Callable[[Ball], Ball]:
        """Return the function from a sum to the next state, with the roundings on the way."""
        act = partial(ACTIVATIONS[nonlinearity].of, self)
        orders: dict[str, Callable[[Ball], Ball]] = {
            "operations": act,
            "sum": lambda a: act(self.store(a)),
            "state": lambda a: self.store(act(a)),
        }
        return orders[self._rounded]

    def store(self, a: Ball) -> Ball:
        """Round once to the nearest number of the dtype; exact numbers are of the dtype already."""
        size = np.abs(a.mid) + a.rad
        eta = self.format.smallest_normal
        half_ulp = self.format.unit_roundoff * np.exp2(np.frexp(np.maximum(size, eta))[1] - 1.0)
        rounds = np.isfinite(size) & (a.rad > 0)
        return Ball(a.mid, np.where(rounds, a.rad + half_ulp + self.flushed(a), a.rad))

    def tanh(self, a: Ball) -> Ball:
        """Add the library's error to sup |tanh(a') - tanh(mid)| = tanh(rad) (1 - tanh|mid| tanh(|mid| - rad))."""
        sums = np.abs(a.mid)
        size = np.tanh(sums)
        spread = np.tanh(a.rad) * (1 - size * np.tanh(sums - a.rad))
        error = self._tanh_relative * (size + spread) + self._tanh_absolute
        rad = np.where((a.mid == 0) & (a.rad == 0), 0.0, spread + error + self._activated.smallest_normal)
        if not np.isfinite(rad).all() or np.isinf(a.rad).any():
            rad = np.where(
                np.isinf(a.mid), self._tanh_relative + self._tanh_absolute, np.where(np.isnan(a.mid), 0.0, rad)
            )
            rad = np.where(np.isinf(a.rad) & np.isfinite(a.mid), np.inf, rad)
        return Ball(np.copysign(size, a.mid), rad)

    def relu(self, a: Ball) -> Ball:
        """Apply max(0, a); where the whole ball is below zero the result is exactly zero."""
        return Ball(np.maximum(a.mid, 0.0), np.where((a.mid + a.rad < 0) | (a.mid == -np.inf), 0.0, a.rad))

    def one_minus_square(self, h: Ball) -> Ball:
        """Return 1 - h^2, the derivative of tanh, by any of its formulas."""
        size = np.abs(h.mid)
        mid = 1 - size * size
        rounded = self.gamma(np.array(_DERIVATIVE_ROUNDINGS)) * (size * size + np.abs(mid))
        rad = np.where((size == 0) & (h.rad == 0), 0.0, h.rad * (2 * size + h.rad) + rounded)
        return free_where_undefined(Ball(mid, rad))

    def is_positive(self, h: Ball) -> Ball:
        """Return 1 where h > 0, else 0; either where h may be zero or positive."""
        uncertain = (h.mid <= h.rad) & (h.rad > 0)
        ball = Ball(np.where(uncertain, 0.5, (h.mid > 0) * 1.0), np.where(uncertain, 0.5, 0.0))
        defined = np.isfinite(h.mid) & np.isfinite(h.rad)
        return Ball(np.where(defined, ball.mid, 0.0), np.where(defined, ball.rad, np.inf))

    def sum_of_products(self, v: Ball, w: Array, gamma: Array) -> Ball:
        """Sum w[j, k] v[b, k] over k where a term is not finite or may overflow. v: (B, n), w: (H, n), gamma: (H,)."""
        largest, eta = self.format.largest, self.format.smallest_normal
        lost_v, lost_w = self.flushed(v)[:, None, :], self.flushed_exact(w)[None]
        mid, rad, w = v.mid[:, None, :], v.rad[:, None, :], w[None]
        free_v = np.isinf(rad)
        infinite_v, infinite_w = np.isinf(mid) & ~free_v, np.isinf(w)
        zero_v, unsure_v = (mid == 0) & (rad == 0), np.abs(mid) <= rad + eta
        nan = np.isnan(w) | np.isnan(mid) | (infinite_w & zero_v) | (infinite_v & (w == 0))
        # An operand that may be of either sign, zero, or flushed to zero: with an infinity, anything.
        free = free_v | (infinite_w & unsure_v) | (infinite_v & (np.abs(w) < eta))
        infinite = (infinite_v | infinite_w) & ~nan & ~free
        finite = ~(nan | free | infinite)
        product = np.where(finite, w * mid, 0.0)
        # A product with a zero is zero, and nothing of it underflows or is flushed.
        rounded = finite & ~zero_v & (w != 0)
        lost = lost_v * np.abs(w) + lost_w * (np.abs(mid) + rad) + self.underflow
        spread = np.where(rounded, np.abs(w) * rad + lost, 0.0)
        total, magnitude = product.sum(-1), (np.abs(product) + spread).sum(-1)
        plus = minus = np.zeros(total.shape, bool)
        if infinite.any():
            signs = np.sign(w) * np.sign(mid)
            plus, minus = (infinite & (signs > 0)).any(-1), (infinite & (signs < 0)).any(-1)
        radius = spread.sum(-1) + gamma * magnitude

        overflow = ~(magnitude * (1 + gamma) <= largest)
        result = Ball(np.where(overflow, 0.0, total), np.where(overflow, np.inf, radius))
        overflows = overflow.any()
        for sign, same in ((1.0, plus), (-1.0, minus)):
            if overflows:
                smallest = sign * product - spread
                one_sided, least = (smallest >= 0).all(-1), smallest.sum(-1) * (1 - gamma)
                beyond = least > largest * (1 + 2 * self.format.unit_roundoff)
                certain = overflow & one_sided & ~(plus | minus) & beyond
                result = _put(result, certain, sign * np.inf, np.inf)
            result = _put(result, same & ~overflow, sign * np.inf, 0.0)
        result = _put(result, free.any(-1), 0.0, np.inf)
        return _put(result, nan.any(-1) | (plus & minus), np.nan, 0.0)


def free_where_undefined(ball: Ball) -> Ball:
    """Demand nothing where a midpoint or a radius is not finite."""
    defined = np.isfinite(ball.mid) & np.isfinite(ball.rad)
    return Ball(np.where(defined, ball.mid, 0.0), np.where(defined, ball.rad, np.inf))


@cache
def arithmetic_of(dtype: torch.dtype, rounding: Rounding) -> Arithmetic:
    """Return `Arithmetic(dtype, rounding)`, one for all networks."""
    return Arithmetic(dtype, rounding)


def _gamma(terms: Array, unit_roundoff: float) -> Array:
    nu = terms * (unit_roundoff + _OWN.unit_roundoff)
    if (nu < 1).all():
        few: Array = nu / (1 - nu)
        return few
    return np.where(nu < 1, nu / np.where(nu < 1, 1 - nu, 1), np.inf)


def _put(ball: Ball, where: npt.ArrayLike, mid: float, rad: float) -> Ball:
    return Ball(np.where(where, mid, ball.mid), np.where(where, rad, ball.rad))
