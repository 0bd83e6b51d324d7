"""Numbers without rounding, and every honest way to round a sum: what the ball arithmetic is held against.

A number is a `Fraction` where it is finite and a float where it is not, so that nothing is lost on the way.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import chain
from random import Random
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch

from rnn_parity import Rounding
from rnn_parity.contract import Activation, Array
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.strategies import Case

Number: TypeAlias = Fraction | float
#: Factors: a product, or a bias and one.
Term: TypeAlias = tuple[Number, Number]
Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.object_]]

DIGITS = 60
DECIMAL = decimal.Context(prec=DIGITS, Emin=-(10**6), Emax=10**6)


def number(value: float) -> Number:
    """A float without rounding."""
    return Fraction(float(value)) if math.isfinite(value) else float(value)


def plus(a: Number, b: Number) -> Number:
    """a + b, exactly."""
    if isinstance(a, Fraction) == isinstance(b, Fraction):
        return a + b
    return b if isinstance(a, Fraction) else a


def times(a: Number, b: Number) -> Number:
    """a b, exactly."""
    return a * b if isinstance(a, Fraction) and isinstance(b, Fraction) else sign(a) * sign(b) * math.inf


def sign(value: Number) -> int:
    """-1, 0 or 1; 0 of NaN."""
    return (value > 0) - (value < 0)


def ulp(value: Fraction, dtype: torch.dtype) -> Fraction:
    """The distance of neighbours of a dtype at a value, that of subnormals below the smallest normal number."""
    info = torch.finfo(dtype)
    size = max(abs(value), Fraction(info.smallest_normal))
    power = Fraction(2) ** (size.numerator.bit_length() - size.denominator.bit_length())
    return (power if power <= size else power / 2) * Fraction(info.eps)


def rounded(value: Number, dtype: torch.dtype) -> Number:
    """The nearest number of a dtype, the even one of two; an infinity beyond the largest."""
    if not isinstance(value, Fraction):
        return math.nan if math.isnan(value) else value
    unit = ulp(value, dtype)
    nearest = round(value / unit) * unit
    return nearest if abs(nearest) <= torch.finfo(dtype).max else sign(nearest) * math.inf


def flushed(value: Number, dtype: torch.dtype) -> Number:
    """Zero in place of a subnormal."""
    return Fraction(0) if abs(value) < torch.finfo(dtype).smallest_normal else value


def tanh(value: Number) -> Number:
    """tanh to some fifty digits."""
    if not isinstance(value, Fraction):
        return Fraction(sign(value)) if math.isinf(value) else value
    size = abs(value)
    if size < Fraction(1, 10**9):
        return value - value**3 / 3 + 2 * value**5 / 15
    if size > DIGITS * 2:
        return Fraction(sign(value))
    power = DECIMAL.exp(DECIMAL.divide(Decimal(2 * size.numerator), Decimal(size.denominator)))
    return sign(value) * Fraction(DECIMAL.divide(DECIMAL.subtract(power, 1), DECIMAL.add(power, 1)))


def sigmoid(value: Number) -> Number:
    """The sigmoid of a finite number to some fifty digits."""
    assert isinstance(value, Fraction)
    power = DECIMAL.exp(DECIMAL.divide(Decimal(-value.numerator), Decimal(value.denominator)))
    return Fraction(DECIMAL.divide(Decimal(1), DECIMAL.add(Decimal(1), power)))


def relu(value: Number) -> Number:
    """max(0, value), and NaN of NaN."""
    return Fraction(0) if value <= 0 else value


def exact_sum(terms: Sequence[Term]) -> Number:
    """The sum of products without rounding."""
    total: Number = Fraction(0)
    for a, b in terms:
        total = plus(total, times(a, b))
    return total


def every_sum(terms: Sequence[Term], dtype: torch.dtype, *, flush: bool = True) -> set[Number]:
    """Every value a sum of products can have, over all orders and parentheses.

    Every operation is rounded, a product that is added at once may go without (a fused multiply-add), and with `flush`
    subnormal operands and results may each count as zero.
    """

    def outcomes(value: Number) -> set[Number]:
        stored = rounded(value, dtype)
        return {stored, flushed(stored, dtype)} if flush else {stored}

    def loads(value: Number) -> set[Number]:
        return {value, flushed(value, dtype)} if flush else {value}

    products = [{times(a, b) for a in loads(first) for b in loads(second)} for first, second in terms]

    @cache
    def sums(chosen: int) -> set[Number]:
        if chosen.bit_count() == 1:
            return {stored for product in products[chosen.bit_length() - 1] for stored in outcomes(product)}
        return {
            stored
            for part in parts(chosen)
            for one in operands(part)
            for other in operands(chosen ^ part)
            for stored in outcomes(plus(one, other))
        }

    def operands(chosen: int) -> set[Number]:
        fused = products[chosen.bit_length() - 1] if chosen.bit_count() == 1 else set()
        return sums(chosen) | fused

    def parts(chosen: int) -> Iterator[int]:
        """The ways to cut a set in two, each once: the part that holds the first element."""
        first = chosen & -chosen
        part = chosen
        while part := (part - 1) & chosen:
            if part & first:
                yield part

    return sums(2 ** len(terms) - 1)


class Evaluation(Protocol):
    """How a unit's numbers are made: every honest way, or the one without rounding."""

    def affine(self, x: list[Term], h: list[Term], biases: list[Term]) -> Number:
        """The sum of the products of W_ih, those of W_hh, and the biases."""

    def activated(self, activation: Activation, a: Number) -> Number:
        """The activation of a sum."""

    def tanh(self, value: Number) -> Number:
        """The tanh of a sum."""

    def sigmoid(self, value: Number) -> Number:
        """The sigmoid of a sum."""

    def mix(self, z: Number, n: Number, h: Number) -> Number:
        """(1 - z) n + z h."""

    def times(self, a: Number, b: Number) -> Number:
        """a b."""

    def two_products(self, a: Number, b: Number, c: Number, d: Number) -> Number:
        """a b + c d."""


class _Unit(NamedTuple):
    """The algebra of fractions, as a unit has it at one step; what it reads of the state is all units'."""

    evaluation: Evaluation
    case: Case
    suffix: str
    j: int
    x: list[Number]

    def affine(self, gate: str, h: list[Number]) -> Number:
        return self.evaluation.affine(
            self.products(gate, "ih", self.x),
            self.products(gate, "hh", h),
            self.bias(gate, "ih") + self.bias(gate, "hh"),
        )

    def reset_affine(self, gate: str, h: list[Number], reset: Number) -> Number:
        state = self.evaluation.affine([], self.products(gate, "hh", h), self.bias(gate, "hh"))
        return self.evaluation.affine(self.products(gate, "ih", self.x), [(reset, state)], self.bias(gate, "ih"))

    def products(self, gate: str, side: str, values: list[Number]) -> list[Term]:
        weights = self.case.weights[f"weight_{side}_{self.suffix}"][self.row(gate)]
        return [(number(weight), value) for weight, value in zip(weights, values, strict=True)]

    def bias(self, gate: str, side: str) -> list[Term]:
        name = f"bias_{side}_{self.suffix}"
        return [(number(self.case.weights[name][self.row(gate)]), Fraction(1))] if self.case.config.bias else []

    def row(self, gate: str) -> int:
        return self.case.config.rows_of_gates()[gate].start + self.j

    def activated(self, a: Number) -> Number:
        return self.evaluation.activated(self.case.config.activation, a)

    def gate(self, name: str, value: Number) -> Number:
        return value

    def tanh(self, a: Number) -> Number:
        return self.evaluation.tanh(a)

    def sigmoid(self, a: Number) -> Number:
        return self.evaluation.sigmoid(a)

    def mix(self, z: Number, n: Number, h: list[Number]) -> Number:
        return self.evaluation.mix(z, n, h[self.j])

    def times(self, a: Number, b: Number) -> Number:
        return self.evaluation.times(a, b)

    def two_products(self, a: Number, b: Number, c: Number, d: Number) -> Number:
        return self.evaluation.two_products(a, b, c, d)

    def parts(self, state: list[Number]) -> tuple[list[Number], Number]:
        """h of all units, and c of this one."""
        hidden = self.case.config.hidden_size
        return state[:hidden], state[hidden + self.j]

    def joined(self, *parts: Number) -> tuple[Number, ...]:
        return parts


def recur(case: Case, evaluation: Evaluation) -> tuple[Numbers, Numbers]:
    """Outputs and final states of a network, element by element, time-major."""
    config, last = case.config, []
    hidden = config.hidden_size
    sequence = [[[number(value) for value in row] for row in frame] for frame in case.x]
    start = np.zeros(1) if case.h_0 is None else case.h_0
    start = np.broadcast_to(start, config.state_shape(case.batch_size))
    for layer in range(config.num_layers):
        ways = []
        for way in range(config.num_directions):
            index = layer * config.num_directions + way
            state = [[number(value) for value in row] for row in start[index]]
            states = []
            for frame in sequence[:: -1 if way else 1]:
                state = [
                    _next([_Unit(evaluation, case, config.suffixes()[index], j, row) for j in range(hidden)], h)
                    for row, h in zip(frame, state, strict=True)
                ]
                states.append([row[:hidden] for row in state])
            last.append(state)
            ways.append(states[:: -1 if way else 1])
        sequence = [[list(chain(*rows)) for rows in zip(*frames, strict=True)] for frames in zip(*ways, strict=True)]
    shape = (case.steps, case.batch_size, config.num_directions * config.hidden_size)
    return _objects(sequence, shape), _objects(last, start.shape)


def _next(units: list[_Unit], state: list[Number]) -> list[Number]:
    """The next state of a row, its parts one behind the other."""
    made = [unit.case.config.kind.step(unit, state) for unit in units]
    return list(chain(*zip(*made, strict=True))) if isinstance(made[0], tuple) else made


def _objects(values: Any, shape: tuple[int, ...]) -> Numbers:
    array = np.empty(shape, object)
    array[...] = np.array(values, object).reshape(shape)
    return array


class WithoutRounding:
    """The evaluation that rounds nothing, and tanh at fifty digits alone."""

    def affine(self, x: list[Term], h: list[Term], biases: list[Term]) -> Number:
        return exact_sum(x + h + biases)

    def activated(self, activation: Activation, a: Number) -> Number:
        state: Number = activation.of(self, a)
        return state

    def tanh(self, value: Number) -> Number:
        return tanh(value)

    def relu(self, value: Number) -> Number:
        return relu(value)

    def sigmoid(self, value: Number) -> Number:
        return sigmoid(value)

    def mix(self, z: Number, n: Number, h: Number) -> Number:
        return exact_sum([(1 - z, n), (z, h)])

    def times(self, a: Number, b: Number) -> Number:
        return times(a, b)

    def two_products(self, a: Number, b: Number, c: Number, d: Number) -> Number:
        return exact_sum([(a, b), (c, d)])


def without_rounding(case: Case) -> tuple[Numbers, Numbers]:
    """The true outputs and final states."""
    return recur(case, WithoutRounding())


class Adversary:
    """One honest evaluation out of many: of a few ways to go on it takes the one that errs most in one direction.

    Sums are made in any order, fused or not; results may be flushed, kept wider than the dtype, or rounded to it, and
    tanh is as wrong as `rounding` lets it be. With an accumulator, products of one matrix are added up in it, with or
    without a bias, and stored before they meet; or all of the sum is, and stored before the activation or after it.
    """

    def __init__(self, dtype: torch.dtype, rounding: Rounding, seed: int) -> None:
        self.dtype, self.rounding, self.random = dtype, rounding, Random(seed)
        self.push = self.random.choice((-1, 0, 1))
        #: In which way a candidate is mixed with the state; any, where it is empty.
        self.way = ""
        self.flushes, self.widens = self.random.random() < 0.5, self.random.random() < 0.25

    def run(self, case: Case) -> tuple[Numbers, Numbers]:
        """What this evaluation returns for a case, rounded to the dtype at last."""
        store = np.frompyfunc(lambda value: rounded(value, self.dtype), 1, 1)
        output, h_n = recur(case, self)
        return store(output), store(h_n)

    def activated(self, activation: Activation, a: Number) -> Number:
        """The next state of a pre-activation."""
        state: Number = activation.of(self, a)
        return self.store(state, self.dtype) if self.rounding.rounded == "state" else state

    def affine(self, x: list[Term], h: list[Term], biases: list[Term]) -> Number:
        """A pre-activation."""
        accumulate = self.rounding.accumulate
        if accumulate is None:
            return self.sum(x + h + biases, self.dtype)
        if self.rounding.rounded != "operations":
            total = self.sum(x + h + biases, accumulate)
            return total if self.rounding.rounded == "state" else self.store(total, self.dtype)
        groups = [x, h, *([bias] for bias in biases)]
        while len(groups) > 1 and self.random.random() < 0.4:
            groups.append(groups.pop(0) + groups.pop(self.random.randrange(len(groups))))
        stored = [self.store(self.sum(group, accumulate), self.dtype) for group in groups]
        return self.sum([(value, Fraction(1)) for value in stored], self.dtype)

    def sum(self, terms: list[Term], dtype: torch.dtype) -> Number:
        """A sum of products in one of its orders."""
        parts = [self.load(a, b) for a, b in terms]
        if len(parts) < 2:
            return self.store(parts[0], dtype) if parts else Fraction(0)
        while len(parts) > 1:
            pairs = [self.random.sample(range(len(parts)), 2) for _ in range(3)]
            chosen = {(i, j): self.store(plus(self.maybe_stored(parts[i], dtype), parts[j]), dtype) for i, j in pairs}
            i, j = max(chosen, key=lambda pair: self.gain(chosen[pair], plus(parts[pair[0]], parts[pair[1]])))
            parts = [part for k, part in enumerate(parts) if k not in (i, j)] + [chosen[i, j]]
        return parts[0]

    def load(self, a: Number, b: Number) -> Number:
        """A product of operands that may be flushed; not rounded before it is added or stored."""
        if self.flushes and self.random.random() < 0.5:
            a, b = flushed(a, self.dtype), flushed(b, self.dtype)
        return times(a, b)

    def maybe_stored(self, value: Number, dtype: torch.dtype) -> Number:
        """A product that is rounded before it is added, or fused with the addition."""
        return self.store(value, dtype) if self.random.random() < 0.5 else value

    def store(self, value: Number, dtype: torch.dtype) -> Number:
        """A result as it is kept."""
        outcomes = [rounded(value, dtype)]
        outcomes += [flushed(outcomes[0], dtype)] * self.flushes + [value] * self.widens
        return max(outcomes, key=lambda outcome: self.gain(outcome, value))

    def tanh(self, value: Number) -> Number:
        """Tanh with the largest error that is granted: stored, so many units away."""
        true, ulps = tanh(value), Fraction(self.rounding.tanh_ulps)
        if isinstance(true, float) or not true:
            return true
        if self.rounding.tanh_absolute:
            return true + self.push * ulps * Fraction(torch.finfo(self.rounding.accumulate or self.dtype).eps)
        dtype = (self.rounding.accumulate if self.rounding.rounded == "state" else None) or self.dtype
        wrong = true + self.push * ulps * ulp(true, dtype)
        unit = ulp(wrong, dtype)
        wrong = self.push * math.floor(self.push * wrong / unit) * unit if self.push else true
        return flushed(wrong, dtype) if self.flushes else wrong

    def relu(self, value: Number) -> Number:
        """ReLU is never wrong."""
        return relu(value)

    def sigmoid(self, value: Number) -> Number:
        """A sigmoid with the largest error that is granted, and right at 0."""
        return self.off(sigmoid(value), Fraction(2)) if value else Fraction(1, 2)

    def mix(self, z: Number, n: Number, h: Number) -> Number:
        """(1 - z) n + z h in one of the ways in which it is written, each operation rounded."""
        rest, apart = self.added(Fraction(1), -z), self.added(h, -n)
        way = self.way or self.random.choice("ABC")
        if way == "A":
            return self.added(self.times(rest, n), self.times(z, h))
        if way == "B":
            return self.added(n, self.times(z, apart))
        return self.added(h, self.times(rest, -apart))

    def two_products(self, a: Number, b: Number, c: Number, d: Number) -> Number:
        """A sum of two products, either of which may be fused with the addition."""
        return self.sum([(a, b), (c, d)], self.dtype)

    def added(self, a: Number, b: Number) -> Number:
        """A rounded sum of two."""
        return self.store(plus(a, b), self.dtype)

    def times(self, a: Number, b: Number) -> Number:
        """A rounded product."""
        return self.store(self.load(a, b), self.dtype)

    def off(self, true: Number, ulps: Fraction) -> Number:
        """A number of the dtype, so many units away."""
        assert isinstance(true, Fraction)
        wrong = true + self.push * ulps * ulp(true, self.dtype)
        unit = ulp(wrong, self.dtype)
        wrong = self.push * math.floor(self.push * wrong / unit) * unit if self.push else true
        return flushed(wrong, self.dtype) if self.flushes else wrong

    def gain(self, value: Number, true: Number) -> Number:
        """How far a value errs in the direction of this evaluation; at random where it has none."""
        if self.push and isinstance(value, Fraction) and isinstance(true, Fraction):
            return self.push * (value - true)
        return self.random.random()


def meaning(mid: float, rad: float) -> str:
    """What a ball says, in a word or two; see the table in `rnn_parity.reference.balls`."""
    if math.isnan(mid):
        return "NaN" if rad == 0 else f"NaN with radius {rad}"
    if math.isinf(mid):
        return {0.0: f"{mid}", math.inf: f"stored {mid}"}.get(rad, f"{mid} with radius {rad}")
    return "free" if rad == math.inf else "exact" if rad == 0 else "bounded"


def allows(mid: float, rad: float, value: Number) -> bool:
    """Whether a value stored in the dtype is what a ball says it is."""
    if math.isinf(rad) and math.isfinite(mid):
        return True
    if not math.isfinite(mid):
        return bool(value == mid or (value != value and math.isnan(mid)))
    if not isinstance(value, Fraction):
        return False
    return abs(value - Fraction(mid)) <= Fraction(rad) * Fraction(RADIUS_SLACK)


def strays(balls: tuple[Ball, Ball], values: tuple[Numbers, Numbers]) -> list[str]:
    """The elements outside their balls, in words."""
    return [
        f"{name}{list(index)} is {float(value)!r}, outside {ball.mid[index]!r} +- {ball.rad[index]!r}"
        for name, ball, array in zip(("output", "h_n"), balls, values, strict=True)
        for index, value in np.ndenumerate(array)
        if not allows(ball.mid[index], ball.rad[index], value)
    ]


def ball(*numbers: float | tuple[float, float]) -> Ball:
    """One row of balls, each written as a number or as (midpoint, radius)."""
    pairs: Array = np.array([pair if isinstance(pair, tuple) else (pair, 0.0) for pair in numbers]).reshape(-1, 2)
    return Ball(pairs[None, :, 0], pairs[None, :, 1])
