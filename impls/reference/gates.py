"""Operations of gated cells on balls, forward and back: sigmoids, products, and a candidate mixed with the state.

With A = |a.mid| + a.rad for a ball a, s the sigmoid, and g(n) = gamma(n):

* s' is even and falls with |a|, so over |a' - m| <= r the farthest value lies toward zero. From the definition,
  s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), that is s(|m|) s(r - |m|) (1 - exp(-r)): no factor cancels.
* |a' b' - a b| <= |a.mid| b.rad + a.rad B, and rounded g(1) A B more. f c + i g has one rounding more of both products.
* (1 - z) n + z h is linear in each of its operands, with one z in both places:
  |1 - z| n.rad + |z| h.rad + z.rad (|h - n| + n.rad + h.rad). It is written in three ways, whose roundings are, with
  Z1 = |1 - z| + z.rad and D = |h - n| + n.rad + h.rad,

      (1 - z) n + z h        g(3) Z1 N + g(2) Z H
      n + z (h - n)          g(1) N + g(3) Z D         torch's own
      h + (1 - z) (n - h)    g(1) H + g(4) Z1 D        the other half of torch.lerp

  so the largest is granted. 1 - z never underflows: it is zero, or at least u.

On the way back every number is again made in one of the ways that these three lead to. What is not finite, or may
overflow, leaves everything that depends on it free, as `rnn_parity.reference.backward` has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from operator import mul
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from rnn_parity.contract import Array
from rnn_parity.reference.balls import FORMATS, Arithmetic, Ball, free_where_undefined, lowest_bits
from rnn_parity.reference.sums import Sum, close

#: The largest error of a library's sigmoid in units in the last place; torch, oneDNN and NumPy have 1.5 at most.
_SIGMOID_ULPS: Final = 2.0
#: So much of a smallest normal number is lost where a small sigmoid is flushed: oneDNN flushes below 1.4.
_FLUSHED_SIGMOIDS: Final = 4.0
#: Of s (1 - s): two as it is written, and two more as s - s^2.
_SLOPE_ROUNDINGS: Final = 4.0
#: NumPy's float64 exp, and what is made of it here.
_OWN: Final = 6.0 * FORMATS[torch.float64].unit_roundoff
#: The roundings of each way to write (1 - z) n + z h, as (n, size) for g(n) size; out of Z, Z1, N, H and D.
WAYS: Final[tuple[Callable[..., list[tuple[float, Array]]], ...]] = (
    lambda z, rest, n, h, apart: [(3.0, rest * n), (2.0, z * h)],
    lambda z, rest, n, h, apart: [(1.0, n), (3.0, z * apart)],
    lambda z, rest, n, h, apart: [(1.0, h), (4.0, rest * apart)],
)


def sigmoid(arithmetic: Arithmetic, a: Ball) -> Ball:
    """Return the sigmoid with the error of a library; it is exactly 1/2 at exactly 0."""
    size = np.abs(a.mid)
    mid = _sigmoid(a.mid)
    spread = _sigmoid(size) * _sigmoid(a.rad - size) * -np.expm1(-a.rad)
    relative = 2 * _SIGMOID_ULPS * arithmetic.format.unit_roundoff + _OWN
    rad = spread + relative * (mid + spread) + _FLUSHED_SIGMOIDS * arithmetic.format.smallest_normal
    return free_where_undefined(
        Ball(mid, np.where((size == 0) & (a.rad == 0), 0.0, np.where(np.isinf(a.rad), np.inf, rad)))
    )


def _sigmoid(a: Array) -> Array:
    small = np.exp(-np.abs(a))
    found: Array = np.where(a >= 0, 1.0, small) / (1 + small)
    return found


def times(arithmetic: Arithmetic, *factors: Ball) -> Ball:
    """Return a product, rounded after each factor, in any order.

    It is exact where a factor is zero, or where all are exact and at most one is neither a half nor 1.
    """
    sizes, eta = [_size(factor) for factor in factors], arithmetic.format.smallest_normal
    mid, size = reduce(mul, [factor.mid for factor in factors]), reduce(mul, sizes)
    spread, lost, before = np.zeros(()), np.array(eta), np.ones(())
    zero = np.zeros((), bool)
    for place, (factor, own) in enumerate(zip(factors, sizes, strict=True)):
        rest = reduce(mul, sizes[:place] + sizes[place + 1 :])
        # |a' b' c' - a b c| <= |a b| r_c + |a| r_b C + r_a B C.
        spread = spread + reduce(mul, sizes[place + 1 :], before * factor.rad)
        lost = lost + arithmetic.flushed(factor) * rest
        if len(factors) > 2:
            lost = lost + eta * own
        before = before * np.abs(factor.mid)
        zero = zero | ((own == 0) & np.isfinite(rest))
    kept = np.logical_and.reduce([factor.rad == 0 for factor in factors])
    if kept.any():
        plain = sum(_is_plain(factor.mid) * 1 for factor in factors)
        kept = kept & (plain >= len(factors) - 1) & (np.abs(mid) >= eta)
    most = size if len(factors) == 2 else reduce(mul, [np.maximum(own, 1.0) for own in sizes])
    rad = spread + _gamma(arithmetic, len(factors) - 1.0) * size + lost
    return _bounded(arithmetic, Ball(mid, np.where(zero | kept, 0.0, rad)), most)


def products(arithmetic: Arithmetic, *terms: Sequence[Ball]) -> list[Ball]:
    """Return several products of as many factors, computed at once."""
    factors = [Ball(*(np.stack(part) for part in zip(*balls, strict=True))) for balls in zip(*terms, strict=True)]
    return [Ball(*parts) for parts in zip(*times(arithmetic, *factors), strict=True)]


def two_products(arithmetic: Arithmetic, a: Ball, b: Ball, c: Ball, d: Ball) -> Ball:
    """Return a b + c d, with a fused multiply-add or without; exact where the sum of exact products is a number."""
    one, other = products(arithmetic, (a, b), (c, d))
    mid, size = one.mid + other.mid, _size(one) + _size(other)
    eta = arithmetic.format.smallest_normal
    rad = one.rad + other.rad + _gamma(arithmetic, 1.0) * size + eta
    # What a sum of two exact numbers lacks is exact (Knuth's TwoSum); nothing is lost in any wider arithmetic, either.
    added = mid - one.mid
    lacking = (one.mid - (mid - added)) + (other.mid - added)
    whole = np.abs(mid) <= arithmetic.largest_whole * lowest_bits(mid)
    kept = (one.rad == 0) & (other.rad == 0) & (lacking == 0) & whole & ((np.abs(mid) >= eta) | (mid == 0))
    return _bounded(arithmetic, Ball(mid, np.where(kept, 0.0, rad)), size)


def term(ball: Ball) -> Sum:
    """Return a number as the start of a sum."""
    size = _size(ball)
    zeros = np.zeros(size.shape)
    return Sum(zeros, *ball, size, (size != 0) * 1.0, zeros)


def mix(arithmetic: Arithmetic, z: Ball, n: Ball, h: Ball) -> Ball:
    """Return (1 - z) n + z h, however it is written; exactly zero where both are."""
    rest, apart = 1 - z.mid, h.mid - n.mid
    size_z, size_n, size_h = _size(z), _size(n), _size(h)
    size_rest, size_apart = np.abs(rest) + z.rad, np.abs(apart) + n.rad + h.rad
    spread = np.abs(rest) * n.rad + np.abs(z.mid) * h.rad + z.rad * size_apart
    ways = [way(size_z, size_rest, size_n, size_h, size_apart) for way in WAYS]
    rounded = np.maximum.reduce([sum((_gamma(arithmetic, n) * size for n, size in way), 0 * z.mid) for way in ways])
    lost = 3 * arithmetic.format.smallest_normal + arithmetic.flushed(z) * (size_n + size_h)
    lost = lost + arithmetic.flushed(n) * (1 + size_rest) + arithmetic.flushed(h) * (1 + size_z)
    zero = (size_n == 0) & (size_h == 0) & np.isfinite(size_z)
    ball = Ball(rest * n.mid + z.mid * h.mid, np.where(zero, 0.0, spread + rounded + lost))
    return _bounded(arithmetic, ball, 2 * (size_n + size_h))


def mix_back(arithmetic: Arithmetic, grad: Sum, z: Ball, n: Ball, h: Ball) -> tuple[Ball, Ball, Sum]:
    """Return what goes back to z, n and h: g (h - n), g (1 - z) and g z, or as any of the three ways leads to them.

    These are g h - g n and g - g z; and g - g (1 - z), whose terms may be added up with others.
    """
    g = close(arithmetic, grad, goes_on=True)
    size_g, size_z, size_n, size_h = _size(g), _size(z), _size(n), _size(h)
    rest, apart = 1 - z.mid, h.mid - n.mid
    size_rest = np.abs(rest) + z.rad
    three, eta = _gamma(arithmetic, 3.0), arithmetic.format.smallest_normal
    lost = eta * (3 + size_g + size_z + size_n + size_h)
    none = (size_g == 0) & np.isfinite(lost)
    spread = np.abs(g.mid) * (h.rad + n.rad) + g.rad * (np.abs(apart) + h.rad + n.rad)
    to_z = Ball(g.mid * apart, np.where(none, 0.0, spread + three * size_g * (size_n + size_h) + lost))
    spread = np.abs(g.mid) * z.rad + g.rad * size_rest
    to_n = Ball(g.mid * rest, np.where(none, 0.0, spread + three * size_g * (size_rest + size_z) + lost))
    spread = np.abs(g.mid) * z.rad + g.rad * size_z
    size = size_g * (1 + size_rest)
    fits = np.isfinite(lost) & (2 * size <= arithmetic.format.largest)
    to_h = Sum(
        np.where(none, np.inf, 0.0),
        np.where(fits, g.mid * z.mid, 0.0),
        np.where(fits, spread, np.inf),
        np.where(fits, size, np.inf),
        np.where(none, 0.0, 3.0),
        np.where(none, 0.0, lost),
    )
    most = size_g * (1 + size_z + size_n + size_h)
    return _bounded(arithmetic, to_z, most), _bounded(arithmetic, to_n, most), to_h


def slope_of_sigmoid(arithmetic: Arithmetic, z: Ball) -> Ball:
    """Return z (1 - z), z being a sigmoid's result."""
    mid, size = z.mid * (1 - z.mid), _size(z)
    spread = z.rad * (np.abs(1 - 2 * z.mid) + z.rad)
    rounded = _gamma(arithmetic, _SLOPE_ROUNDINGS) * (size * size + np.abs(mid))
    return Ball(mid, spread + rounded + 2 * arithmetic.format.smallest_normal)


@lru_cache(maxsize=64)
def _gamma(arithmetic: Arithmetic, terms: float) -> float:
    return float(arithmetic.gamma(np.array(terms)))


def _is_plain(values: Array) -> npt.NDArray[np.bool_]:
    size = np.abs(values)
    return np.asarray((size == 0.5) | (size == 1.0))


def _size(ball: Ball) -> Array:
    return np.abs(ball.mid) + ball.rad


def _bounded(arithmetic: Arithmetic, ball: Ball, size: Array) -> Ball:
    """Demand nothing where a number of this size may overflow."""
    fits = size * (1 + _gamma(arithmetic, 4.0)) <= arithmetic.format.largest
    return free_where_undefined(Ball(ball.mid, np.where(fits, ball.rad, np.inf)))
