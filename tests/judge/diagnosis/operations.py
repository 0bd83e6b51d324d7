"""Sums of products and activations on balls, for one case: what bug models are written in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from rnn_parity import Config, Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball, concatenated, exact
from rnn_parity.reference.forward import arithmetic_for
from rnn_parity.reference.sums import Products, Sum, grains, products_with, radius

#: So many matrices and biases are kept as factors: those of a network, and of some that a model edits.
_KEPT = 64


class Operations:
    """Sums of products and activations on balls, for one case and one rounding."""

    def __init__(self, config: Config, rounding: Rounding) -> None:
        self.config, self.arithmetic = config, arithmetic_for(config, rounding)
        #: With what they were made of, so that no other array has its identity.
        self._products: dict[int, tuple[Array, Products]] = {}
        self._rows: dict[tuple[str, int], tuple[Array, Array]] = {}

    def affine(self, products: Sequence[tuple[Ball, Array]], biases: Sequence[Array] = ()) -> Ball:
        """Return the sum of v W^T for each (v, W), v: (B, n) and W: (H, n), and of biases (H,)."""
        with np.errstate(all="ignore"):
            total = reduce(Sum.plus, [self._with(w)(v, grains(v)) for v, w in products])
            if biases:
                total = total.plus(reduce(Sum.plus, [self._with(bias).rows() for bias in biases]))
            gamma = self.arithmetic.gamma(total.terms)
            if (total.size * (1 + gamma)).max(initial=0.0) <= self.arithmetic.format.largest:
                return Ball(total.mid, radius(self.arithmetic, total, gamma))
            ones = exact(np.ones((len(total.mid), len(biases))))
            matrix = np.concatenate([*(w for _, w in products), *(bias[:, None] for bias in biases)], -1)
            return self.arithmetic.sum_of_products(
                concatenated([*(v for v, _ in products), ones], -1), matrix, gamma[0]
            )

    def rows(self, gate: str, parameter: Array) -> Array:
        """Return the rows of a gate in a parameter: the same array each time."""
        if len(self.config.kind.gates) == 1:
            return parameter
        key = gate, id(parameter)
        if key not in self._rows:
            if len(self._rows) >= _KEPT:
                self._rows.clear()
            self._rows[key] = parameter, parameter[self.config.rows_of_gates()[gate]]
        return self._rows[key][1]

    def _with(self, weight: Array) -> Products:
        if id(weight) not in self._products:
            if len(self._products) >= _KEPT:
                self._products.clear()
            matrix = weight.T if weight.ndim == 2 else weight[None]
            self._products[id(weight)] = weight, products_with(self.arithmetic, matrix)[0]
        return self._products[id(weight)][1]

    def add(self, *balls: Ball) -> Ball:
        """Add balls, rounded after each; sums of multiples of 1/64 below 2, and of zeros, are exact in every dtype."""
        broadcast = zip(*(np.broadcast_arrays(*parts) for parts in zip(*balls, strict=True)), strict=True)
        balls = tuple(Ball(*parts) for parts in broadcast)
        mid, rad = sum(ball.mid for ball in balls), sum(ball.rad for ball in balls)
        size = sum(np.abs(ball.mid) + ball.rad for ball in balls)
        nonzero = sum((ball.mid != 0) | (ball.rad > 0) for ball in balls)
        whole = np.all([np.rint(ball.mid * 64) == ball.mid * 64 for ball in balls], axis=0) & (rad == 0) & (size < 2)
        rounded = np.where(whole | (nonzero <= 1), 0.0, 2 * len(balls) * self.arithmetic.format.unit_roundoff * size)
        return Ball(np.asarray(mid), np.asarray(rad + rounded))

    def activate(self, a: Ball) -> Ball:
        """Return the activation of the case."""
        return self.activated(self.config.nonlinearity, a)

    def activated(self, nonlinearity: str, a: Ball) -> Ball:
        """Any activation."""
        with np.errstate(all="ignore"):
            return self.arithmetic.activation(nonlinearity)(a)
