"""Gradients without rounding, by dual numbers: each number goes forward with its derivatives by every argument.

The recurrence is written out here once more, on purpose: a witness that does not read the table of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from rnn_parity.reference.second import direction
from rnn_parity.strategies import Case
from rnn_parity.tests.suite.exact import Numbers, number, relu, tanh

_ACTIVATIONS = {"tanh": tanh, "relu": relu}


@dataclass(frozen=True, eq=False)
class Dual:
    """A number and its derivatives, a vector of Fractions."""

    value: Any
    slope: Numbers

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.slope * other.value + other.slope * self.value)


def gradients(case: Case) -> dict[str, Numbers]:
    """The true gradients of sum(output * grad_output) + sum(h_n * grad_h_n) over what counts, for finite cases."""
    network = _Network(case)
    outputs, finals = network.forward()
    loss = network.zero
    for values, cotangent in ((outputs, case.grad_output), (finals, case.grad_h_n)):
        if cotangent is not None:
            for index, weight in np.ndenumerate(cotangent):
                loss = loss + values[index] * network.constant(weight)
    return {name: loss.slope[places] for name, places in network.places.items()}


class _Network:
    """A case whose arguments are dual numbers, each with a derivative of its own."""

    def __init__(self, case: Case) -> None:
        self.case = case
        x = case.x if case.counts is None else np.where(case.counts, case.x, 0.0)
        given = {"x": x, **({} if case.h_0 is None else {"h_0": case.h_0}), **case.weights}
        size, start = sum(array.size for array in given.values()), 0
        self.zero = Dual(Fraction(0), np.full(size, Fraction(0), object))
        self.places, self.duals = {}, {}
        for name, array in given.items():
            self.places[name] = np.arange(start, start + array.size).reshape(array.shape)
            self.duals[name] = np.empty(array.shape, object)
            for index, place in np.ndenumerate(self.places[name]):
                slope = self.zero.slope.copy()
                slope[place] = Fraction(1)
                self.duals[name][index] = Dual(number(array[index]), slope)
            start += array.size

    def constant(self, value: float) -> Dual:
        return Dual(number(value), self.zero.slope)

    def forward(self) -> tuple[Numbers, Numbers]:
        """Outputs, zero beyond the ends, and final states."""
        config, case = self.case.config, self.case
        sequence, finals = self.duals["x"], []
        for layer in range(config.num_layers):
            halves = []
            for way, suffix in enumerate(config.suffixes()[layer * config.num_directions :][: config.num_directions]):
                states = np.full((case.steps, case.batch_size, config.hidden_size), self.zero, object)
                for row in range(case.batch_size):
                    finals.append(self.run_row(suffix, sequence[:, row], len(finals), row, way, states[:, row]))
                halves.append(states)
            sequence = np.concatenate(halves, -1)
        shape = (len(config.suffixes()), case.batch_size, config.hidden_size)
        return sequence, np.array(finals, object).reshape(shape)

    def run_row(self, suffix: str, x: Numbers, number: int, row: int, way: int, states: Numbers) -> Numbers:
        """One row alone, on its own length; its states are written to `states`."""
        config, length = self.case.config, self.case.steps if self.case.lengths is None else self.case.lengths[row]
        w_ih, w_hh = self.duals[f"weight_ih_{suffix}"], self.duals[f"weight_hh_{suffix}"]
        h = np.full(config.hidden_size, self.zero, object)
        if "h_0" in self.duals:
            h = self.duals["h_0"][number // self.case.batch_size, row]
        for t in range(length)[:: -1 if way else 1]:
            a = w_ih @ x[t] + w_hh @ h
            if config.bias:
                a = a + self.duals[f"bias_ih_{suffix}"] + self.duals[f"bias_hh_{suffix}"]
            h = states[t] = np.array([self.activated(value) for value in a] + [None], object)[:-1]
        return h

    def activated(self, a: Dual) -> Dual:
        """The activation, and the chain rule."""
        nonlinearity = self.case.config.nonlinearity
        h = _ACTIVATIONS[nonlinearity](a.value)
        return Dual(h, a.slope * (1 - h * h if nonlinearity == "tanh" else Fraction(a.value > 0)))


@dataclass(frozen=True, eq=False)
class Moving:
    """A number, and how it changes in a direction."""

    value: Any
    change: Any

    def __add__(self, other: Any) -> Moving:
        other = _moving(other)
        return Moving(self.value + other.value, self.change + other.change)

    def __mul__(self, other: Any) -> Moving:
        other = _moving(other)
        return Moving(self.value * other.value, self.value * other.change + self.change * other.value)

    def __rsub__(self, other: Any) -> Moving:
        return _moving(other) + self * Fraction(-1)

    __radd__, __rmul__ = __add__, __mul__


def _moving(value: Any) -> Moving:
    return value if isinstance(value, Moving) else Moving(value, Fraction(0))


def second_derivatives(case: Case) -> dict[str, Numbers]:
    """How the true gradients change in the direction, and the outputs and final states that are differentiated."""
    network = _MovingNetwork(case)
    outputs, finals = network.forward()
    loss, found = network.zero, {}
    for name, values, cotangent in (
        ("grad_output", outputs, case.grad_output),
        ("grad_h_n", finals, case.grad_h_n),
    ):
        if cotangent is not None:
            found[name] = np.vectorize(lambda dual: _moving(dual.value).change, otypes=[object])(values)
            for index, weight in np.ndenumerate(cotangent):
                loss = loss + values[index] * network.constant(weight)
    changes = np.array([_moving(slope).change for slope in loss.slope] + [None], object)[:-1]
    return found | {name: changes[places] for name, places in network.places.items()}


class _MovingNetwork(_Network):
    """A case whose arguments move in the direction."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        for name, towards in direction({name: case.arrays[name] for name in self.duals}).items():
            for index, change in np.ndenumerate(towards):
                dual = self.duals[name][index]
                self.duals[name][index] = Dual(Moving(dual.value, number(change)), dual.slope)

    def activated(self, a: Dual) -> Dual:
        nonlinearity, a_now = self.case.config.nonlinearity, _moving(a.value)
        h = _ACTIVATIONS[nonlinearity](a_now.value)
        slope = 1 - h * h if nonlinearity == "tanh" else Fraction(a_now.value > 0)
        moving = Moving(h, slope * a_now.change)
        curved = Moving(slope, -2 * h * moving.change if nonlinearity == "tanh" else Fraction(0))
        return Dual(moving, a.slope * curved)
