"""One layer of a large network: the recurrence over balls with two matrix products a step, results written in place.

    mid a_t = W_ih x_t + b + W_hh h_(t-1)
    rad a_t = |W_ih| (r_x + eta + g s_x) + |W_hh| (r_h + eta + g s_h) + g |b| + lost,    s = |mid| + rad

where g is the largest gamma of all units, and eta is granted to every operand, as if each might be flushed to zero: so
propagation, rounding and underflow are one product with |W| beside that of the midpoints, and no radius is smaller than
that of `rnn_parity.reference.forward`, whose terms these are. While sums may still be exact, as those of small whole
numbers are, the second product is that of the magnitudes, and a sum is exact where it is there.

The second product is made in float32, upwards: see `_Magnitudes`. What may overflow is left to
`rnn_parity.reference.forward`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball, exact, grain

if TYPE_CHECKING:
    from rnn_parity.reference.forward import Layer

#: A network is large where one of its sizes is beyond this, which none is that is drawn usually.
LARGE: Final = 128
#: How many rows of the input, steps times batch, are multiplied at once.
_ROWS: Final = 512
#: Radii are no smaller than the first, nor weights other than zero than the second, so that no product of them
#: underflows in float32; nothing is beyond the third, so that no sum overflows there.
_LEAST_RADIUS: Final = 2.0**-80
_LEAST_WEIGHT: Final = 2.0**-46
_MOST: Final = 2.0**100


class OutOfReach(ArithmeticError):
    """Something may overflow: `rnn_parity.reference.forward` knows what becomes of it."""


def run_layer(
    layer: Layer, read: Ball, read_grain: float, h_0: Array, counts: npt.NDArray[np.bool_] | None
) -> tuple[Ball, Ball, float]:
    """Return all states of a layer, (T, B, directions * H) in the order of time, the last ones, and the grain of all.

    Args:
        layer: its parameters.
        read: what it reads, (T, B, features), zeros beyond the sequences' ends.
        read_grain: the grain of that; 0 where it is not exact.
        h_0: (directions, B, H).
        counts: which steps count, (T, B, 1); None where all do.

    Raises:
        OutOfReach: it has to be computed by `rnn_parity.reference.forward`.
    """
    directions, hidden = len(h_0), h_0.shape[-1]
    made = Ball(*(np.empty((*read.mid.shape[:2], directions * hidden)) for _ in Ball._fields))
    last, least_grain = [], np.inf
    for number, start in enumerate(h_0):
        places = np.s_[:: -1 if number else 1, :, number * hidden : (number + 1) * hidden]
        turned = Ball(*(part[:: -1 if number else 1] for part in read))
        valid = None if counts is None else counts[:: -1 if number else 1]
        direction = _Direction(layer, number, read_grain, exact(start))
        direction.run(turned, valid, Ball(*(part[places] for part in made)))
        last.append(direction.h)
        least_grain = min(least_grain, direction.least_grain)
    return made, Ball(*(np.stack(parts) for parts in zip(*last, strict=True))), least_grain


class _Magnitudes:
    """|W| as a factor of radii, in float32: no product with it is smaller than the exact one with |W|.

    A sum of n products is within gamma(n) of the exact one, with n u < 2^-12 for all sizes here, and both factors are
    rounded before: all of it is less than the slack. What flushing a subnormal weight takes from a sum is eta s at most
    and so, as radii hold g s, eta / g times the radius.
    """

    def __init__(self, weight: Array, eta: float, gamma: float) -> None:
        size = np.abs(weight)
        lifted = np.maximum(size, _LEAST_WEIGHT)
        lifted[size < eta] += eta / gamma
        lifted[size == 0] = 0.0
        self._size = (lifted * (1 + (len(weight) + 8) * 2.0**-22)).astype(np.float32)
        #: The largest sum of magnitudes.
        self.reach = float(self._size.sum(0, dtype=np.float64).max())

    def times(self, radii: Array) -> Array:
        """Multiply (rows, n) by |W|: (rows, H)."""
        product: Array = ((radii + _LEAST_RADIUS).astype(np.float32) @ self._size).astype(np.float64)
        return product


class _Direction:
    """One direction of a layer, its state, and the grain of that."""

    def __init__(self, layer: Layer, number: int, read_grain: float, h: Ball) -> None:
        self.layer, self.read_grain = layer, read_grain
        self.h, self.h_grain, self.least_grain = h, grain(h.mid), np.inf
        self.w_ih, self.w_hh = layer.w_ih[number].T, layer.w_hh[number].T
        self.bias = layer.b_ih[number] + layer.b_hh[number]
        self.bias_size = np.abs(layer.b_ih[number]) + np.abs(layer.b_hh[number])
        self.gamma, self.lost = layer.gamma[number, 0], layer.lost[number, 0]
        # Where nothing is rounded, as where all weights are zero, a weight is still divided by it.
        self.most = max(float(self.gamma.max()), layer.arithmetic.format.unit_roundoff)
        self.eta = layer.arithmetic.format.smallest_normal
        self.size_ih, self.size_hh = (_Magnitudes(w, self.eta, self.most) for w in (self.w_ih, self.w_hh))
        self.largest = min(layer.arithmetic.format.largest, _MOST)
        #: Whether what is read is exact, and sums of it may be.
        self.grains = [grain(part) for part in (self.w_ih, self.w_hh, layer.b_ih[number], layer.b_hh[number])]
        self.may_be_exact = self._quantum(np.inf) > 0

    def run(self, read: Ball, valid: npt.NDArray[np.bool_] | None, made: Ball) -> None:
        """Write all states, in the order of processing as what is read, into `made`."""
        steps, batch, features = read.mid.shape
        block = max(1, _ROWS // max(1, batch))
        for first in range(0, steps, block):
            part = Ball(*(array[first : first + block].reshape(-1, features) for array in read))
            mid, rad, size = (array.reshape(-1, batch, self.bias.size) for array in self._products(part))
            for t in range(first, min(first + block, steps)):
                step = t - first
                self._step(mid[step], rad[step], size[step], None if valid is None else valid[t])
                made.mid[t], made.rad[t] = self.h

    def _products(self, x: Ball) -> tuple[Array, Array, Array]:
        """Return the products of the input, their part of the radii, and their magnitudes, where those are needed."""
        size = np.abs(x.mid) + x.rad
        largest = float(size.max(initial=0.0))
        self.reach_x = largest * self.size_ih.reach + float(self.bias_size.max())
        self._check(largest, self.reach_x)
        mid = x.mid @ self.w_ih + self.bias
        if self.may_be_exact:
            size = self.size_ih.times(size) + self.bias_size
            return mid, self.gamma * size + self.lost, size
        radii = x.rad + self.eta + self.most * size
        rad = self.size_ih.times(radii) + (self.gamma * self.bias_size + self.lost)
        return mid, rad, rad

    def _step(self, mid: Array, rad: Array, size: Array, valid: npt.NDArray[np.bool_] | None) -> None:
        before, h_size = self.h, np.abs(self.h.mid) + self.h.rad
        largest = float(h_size.max(initial=0.0))
        self._check(largest, self.reach_x + largest * self.size_hh.reach)
        quantum = self._quantum(self.h_grain) if self.may_be_exact and self.h_grain else 0.0
        if quantum:
            added = self.size_hh.times(h_size)
            is_exact = size + added <= self.layer.arithmetic.largest_whole * quantum
            rad = np.where(is_exact, 0.0, rad + self.gamma * added)
        else:
            rad = rad + self.size_hh.times(self.h.rad + self.eta + self.most * h_size)
        h = self.layer.activation(Ball(mid + before.mid @ self.w_hh, rad))
        h_grain = quantum if quantum and not h.rad.any() else 0.0
        if valid is not None:
            h = Ball(*(np.where(valid, new, old) for new, old in zip(h, before, strict=True)))
            h_grain = min(h_grain, self.h_grain)
        self.h, self.h_grain = h, h_grain
        self.least_grain = min(self.least_grain, h_grain)

    def _quantum(self, h_grain: float) -> float:
        """Return a power of two that divides every term of the sums; 0 if there is none or something underflows."""
        w_ih, w_hh, b_ih, b_hh = self.grains
        quantum = min(self.read_grain * w_ih, h_grain * w_hh, b_ih, b_hh)
        return quantum if min(quantum, self.read_grain, h_grain, w_ih, w_hh) >= self.eta else 0.0

    def _check(self, operand: float, total: float) -> None:
        """Check that no operand and no sum may overflow; NaN is not bounded either."""
        if not (operand <= self.largest and total * (1 + self.most) <= self.largest):
            raise OutOfReach
