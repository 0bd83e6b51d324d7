"""Sums of products of balls: how far any order of evaluation can be from the exact sum. It stands here once.

Of a sum over k of v[k] w[k], v being a ball and w exact, or both balls:

    rad  = sum |w| (r_v + flushed(v)) + (|m_v| + r_v) flushed(w)     what operands carry with them
    size = sum (|m_v| + r_v) |w|                                     its magnitudes
    all    rad + gamma(n) size + n eta                               n terms other than zero, each may underflow

A number that is given, as a bias is, does not underflow; but a sum of two of them may, and then is lost once.

Where all n terms are multiples of a power of two q, and their magnitudes add up to less than 2^p q (p the bits of the
significand), no partial sum is rounded, whatever the order: the radius is 0. The quantum q is known for each element:
it is the product of the power of two that divides a row of the operand and the one that divides a column of the matrix.
So one rough number makes nothing rough but what it enters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Arithmetic, Ball, lowest_bits

#: That of rows of which none is exact.
_NO_GRAIN: Final = np.zeros((1, 1))


def grains(ball: Ball, axis: int = -1, dividing: Array | None = None) -> Array:
    """Return the largest power of two that divides all numbers along an axis, kept as 1; 0 where one is not exact.

    Args:
        ball: the numbers.
        axis: the axis.
        dividing: powers of two that are known to divide the numbers, which saves looking at their bits.
    """
    rough = ball.rad.any(axis, keepdims=True)
    if rough.all():
        return _NO_GRAIN
    lowest = lowest_bits(ball.mid) if dividing is None else np.where(ball.mid == 0, np.inf, dividing)
    return np.where(rough, 0.0, lowest.min(axis, keepdims=True, initial=np.inf))


def quantum_of_products(one: Array, other: Array, eta: float) -> Array:
    """Return a power of two that divides products of numbers with these grains; 0 where one may be flushed to zero."""
    product = one * other  # Not a number for a zero and what has no grain: none is known.
    return np.where((np.minimum(one, other) >= eta) & (product >= eta), product, 0.0)


class Sum(NamedTuple):
    """A sum of ball products that goes on; arrays that broadcast to one shape."""

    #: A power of two that divides every term, a normal number; 0 where none is known.
    quantum: Array
    mid: Array
    #: What operands carry with them.
    rad: Array
    #: The sum of magnitudes.
    size: Array
    #: How many terms, and what underflow may add.
    terms: Array
    lost: Array

    def plus(self, other: Sum) -> Sum:
        """Add two sums."""
        added = (one + two for one, two in zip(self[1:], other[1:], strict=True))
        return Sum(np.minimum(self.quantum, other.quantum), *added)

    def where(self, mask: npt.NDArray[np.bool_], other: Sum) -> Sum:
        """Take this sum where the mask is true, the other elsewhere."""
        return Sum(*(np.where(mask, one, two) for one, two in zip(self, other, strict=True)))

    def repeated(self, times: int) -> Sum:
        """Repeat the terms `times` times."""
        return Sum(self.quantum, *(times * part for part in self[1:]))

    def each(self, change: Callable[[Array], Array]) -> Sum:
        """Apply a function to each array."""
        return Sum(*map(change, self))

    def whole(self) -> Sum:
        """Broadcast all arrays to the full shape."""
        return self.each(lambda part: np.broadcast_to(part, self.mid.shape))


def given(arithmetic: Arithmetic, mid: Array) -> Sum:
    """Return exact numbers as the start of sums; adding zeros is exact."""
    zeros, lowest = np.zeros(mid.shape), lowest_bits(mid)
    quantum = np.where(lowest >= arithmetic.format.smallest_normal, lowest, 0.0)
    return Sum(quantum, mid, zeros, np.abs(mid), (mid != 0) * 1.0, zeros)


def is_exact(arithmetic: Arithmetic, total: Sum) -> npt.NDArray[np.bool_]:
    """Return where no partial sum can be rounded."""
    exact: npt.NDArray[np.bool_] = total.size <= arithmetic.largest_whole * total.quantum
    return exact


def radius(arithmetic: Arithmetic, total: Sum, gamma: Array) -> Array:
    """Return the radius of a finished sum in which nothing overflows: 0 where no partial sum can be rounded."""
    return np.where(is_exact(arithmetic, total), 0.0, total.rad + gamma * total.size + total.lost)


def close(arithmetic: Arithmetic, total: Sum, *, goes_on: bool = False) -> Ball:
    """Finish a sum: exact where no partial sum can be rounded, unbounded where one may overflow.

    A sum that goes on through linear operations may be carried on term by term: it has the radius of what is rounded,
    as later operations round terms that cancel here.
    """
    gamma = arithmetic.gamma(total.terms)
    bounded = total.size * (1 + gamma) + total.rad <= arithmetic.format.largest
    rad = total.rad + gamma * total.size + total.lost if goes_on else radius(arithmetic, total, gamma)
    return Ball(np.where(bounded, total.mid, 0.0), np.where(bounded, rad, np.inf))


class Products:
    """Sums of products with a matrix, v W: v is (..., n) and W (..., n, m)."""

    def __init__(
        self, arithmetic: Arithmetic, weight: Array, terms: Array, grains: Array, flushed: Array | None
    ) -> None:
        self.arithmetic, self.weight, self.size = arithmetic, weight, np.abs(weight)
        # Products with a zero are exact, and so is adding them.
        self.terms, self.grains, self._flushed = terms, grains, flushed
        # What is flushed to zero takes no further part: a sum loses at most as many results as it has terms.
        self.lost = terms * arithmetic.underflow
        self._least = float(grains.min(initial=np.inf))

    def __call__(self, v: Ball, v_grains: Array) -> Sum:
        """Multiply numbers; their rows, (..., 1), have these grains."""
        eta, size = self.arithmetic.format.smallest_normal, np.abs(v.mid) + v.rad
        mid, quantum, rad = v.mid @ self.weight, _NO_GRAIN, None
        least = 0.0 if v_grains is _NO_GRAIN else float(v_grains.min(initial=np.inf))
        if not least >= eta or v.rad.any():
            rad = (v.rad + self.arithmetic.flushed(v)) @ self.size
        if self._flushed is not None:
            rad = (0.0 if rad is None else rad) + size @ self._flushed
        if min(least, self._least, least * self._least) >= eta:
            quantum = v_grains * self.grains
        elif v_grains is not _NO_GRAIN:
            quantum = quantum_of_products(v_grains, self.grains, eta)
        return Sum(quantum, mid, np.zeros(mid.shape) if rad is None else rad, size @ self.size, self.terms, self.lost)

    def rows(self) -> Sum:
        """Return the sum of the matrix's rows, which are biases."""
        quantum = np.where(self.grains >= self.arithmetic.format.smallest_normal, self.grains, 0.0)
        mid = self.weight.sum(-2, keepdims=True)
        # It takes two of them to make a sum that is flushed to zero.
        lost = self.arithmetic.underflow * (self.terms // 2)
        if self._flushed is not None:
            lost = lost + self._flushed.sum(-2, keepdims=True)
        return Sum(quantum, mid, np.zeros(mid.shape), self.size.sum(-2, keepdims=True), self.terms, lost)

    def at_every_step(self) -> Products:
        """Insert an axis of time behind that of the directions."""
        flushed = None if self._flushed is None else self._flushed[:, None]
        return Products(self.arithmetic, self.weight[:, None], self.terms[:, None], self.grains[:, None], flushed)


def products_with(arithmetic: Arithmetic, *weights: Array) -> list[Products]:
    """Return the sums of products with each of these matrices, (..., n, m) for one m: looked through at once."""
    rows = [weight.shape[-2] for weight in weights]
    joined = np.concatenate(weights, -2) if len(weights) > 1 else weights[0]
    flushed = arithmetic.flushed_exact(joined)
    loses, starts = flushed.any(), np.cumsum([0, *rows])
    lowest, nonzero = lowest_bits(joined), joined != 0
    found = []
    for number, weight in enumerate(weights):
        own = np.s_[..., starts[number] : starts[number + 1], :]
        found.append(
            Products(
                arithmetic,
                weight,
                nonzero[own].sum(-2, keepdims=True) * 1.0,
                lowest[own].min(-2, keepdims=True, initial=np.inf),
                flushed[own] if loses else None,
            )
        )
    return found
