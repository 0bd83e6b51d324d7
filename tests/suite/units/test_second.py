"""Second derivatives against exact rational numbers, against hostile rounding, and against torch's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rnn_parity import DTYPES, NONLINEARITIES, Capabilities
from rnn_parity.contract import Array
from rnn_parity.reference.balls import FORMATS, RADIUS_SLACK
from rnn_parity.reference.forward import Mask
from rnn_parity.reference.second import direction, second_derivatives
from rnn_parity.strategies import Case, cases_to_differentiate_twice
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.suite import duals
from rnn_parity.tests.suite.exact import allows
from rnn_parity.tests.suite.planted import Cell, Honest, Loop
from rnn_parity.tests.suite.planted.by_hand import ByHand
from rnn_parity.tests.suite.planted.trying import implementation
from rnn_parity.tests.suite.quick import examples
from rnn_parity.tests.suite.units.test_backward import SINGLE, small, tanh_case
from rnn_parity.toolkit.layers import differentiable

ROLES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def expected(case: Case, calls: int = 1) -> dict[str, Any]:
    return second_derivatives(case).of_calls(calls)


@pytest.mark.parametrize("lengths", [(), ("padded",)], ids=["whole", "lengths"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_true_second_derivatives_lie_in_their_balls(nonlinearity: Any, dtype: torch.dtype, lengths: Any) -> None:
    """Where a radius is 0 they are equal; tanh and its derivatives are good to fifty digits."""

    @settings(max_examples=examples(15), deadline=None)
    @given(cases_to_differentiate_twice(replace(small(nonlinearity, dtype), lengths=lengths)))
    def check(case: Case) -> None:
        found, true = expected(case), duals.second_derivatives(case)
        assert set(found) == set(true)
        for name, values in true.items():
            for index, value in np.ndenumerate(values):
                ball = found[name].mid[index], found[name].rad[index]
                assert allows(*ball, value), f"second derivative by {name}{list(index)} is {float(value)!r}, not {ball}"

    check()


class Hostile:
    """Arithmetic that errs by a whole unit roundoff of float32 wherever it may, most often in one direction."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.push = self.random.choice((-1.0, 0.0, 1.0))

    def rounded(self, value: Array) -> Array:
        """A result, as wrong as it may be; what float32 holds is not rounded."""
        sign = self.random.choice((-1.0, 1.0), np.shape(value)) if self.push == 0 else self.push * np.sign(value)
        return np.where(np.float32(value) == value, value, value * (1 + sign * FORMATS[SINGLE].unit_roundoff))

    def product(self, *factors: Array) -> Array:
        """A product, in any order."""
        first, *others = (factors[place] for place in self.random.permutation(len(factors)))
        for factor in others:
            exact = _only_scales(first) | _only_scales(factor)
            first = np.where(exact, first * factor, self.rounded(first * factor))
        return first

    def sum(self, terms: list[Array]) -> Array:
        """A sum, in any order and with any parentheses."""
        parts = list(terms)
        while len(parts) > 1:
            one, other = (parts.pop(self.random.integers(len(parts))) for _ in range(2))
            parts.append(np.where((one == 0) | (other == 0), one + other, self.rounded(one + other)))
        return parts[0]

    def times(self, w: Array, v: Array) -> list[Array]:
        """The terms of W v: w (H, n), v (B, n)."""
        return [self.product(v[:, [k]], w[:, k]) for k in range(w.shape[1])]

    def outer(self, g: Array, v: Array) -> list[Array]:
        """The terms of a weight's gradient, one for each row: g (B, H), v (B, n)."""
        return [self.product(one[:, None], other) for one, other in zip(g, v, strict=True)]


def _only_scales(factor: Array) -> Mask:
    """Which numbers are zero or a power of two: products with them are not rounded."""
    return np.isin(np.abs(np.frexp(factor)[0]), (0.0, 0.5))


class Evaluation(Hostile):
    """Second derivatives of one direction of any layers, by one formula or another.

    What is drawn beside roundings: how tanh' and tanh'' are written, and whether tanh' stands before or behind sums.
    """

    def __init__(self, case: Case, seed: int) -> None:
        super().__init__(seed)
        self.case, self.tanh = case, case.config.nonlinearity == "tanh"
        self.spread, self.written = self.random.random(2) < 0.5
        self.rows = (case.batch_size, case.config.hidden_size)
        self.towards = direction({name: array for name, array in case.arrays.items() if "grad" not in name})
        self.found: dict[str, Array] = {}

    def slope(self, h: Array) -> Array:
        if not self.tanh:
            return (h > 0) * 1.0
        if self.written:
            return self.product(self.rounded(1 - h), self.rounded(1 + h))
        return self.rounded(1 - self.product(h, h))

    def sloped(self, h: Array, terms: list[Array]) -> Array:
        """tanh' times a sum, which may be of nothing."""
        if not terms:
            return np.zeros(self.rows)
        if self.spread:
            return self.sum([self.product(self.slope(h), term) for term in terms])
        return self.product(self.slope(h), self.sum(terms))

    def curved(self, h: Array, grad_h: Array, moved: Array, terms: list[Array]) -> Array:
        """Rda: the terms of Rdh times tanh', and tanh'' beside them or inside."""
        if not self.tanh:
            return self.sloped(h, terms)
        if self.written:
            curvature = self.rounded(self.product(2 * h, h, h) - 2 * h)
            return self.sum([self.sloped(h, terms), self.product(curvature, grad_h, moved)])
        return self.sloped(h, [*terms, self.product(-2 * h, grad_h, moved)])

    def parameters(self, number: int) -> tuple[list[Array], list[Array]]:
        """Those of a layer, and the direction's."""
        names = [name for role in ROLES if (name := f"{role}_l{number}") in self.case.weights]
        return [self.case.weights[name] for name in names], [self.towards[name] for name in names]

    def run(self) -> dict[str, Array]:
        """Every second derivative by an argument, by name."""
        layers, x, along = [], list(self.case.x), list(self.towards["x"])
        for number in range(self.case.config.num_layers):
            layers.append(self.forward(number, x, along))
            x, along = [step[4] for step in layers[-1]], [step[6] for step in layers[-1]]
        zeros = np.zeros((self.case.steps, *self.rows))
        above: list[list[Array]] = [[part] for part in self.case.arrays.get("grad_output", zeros)]
        r_above: list[list[Array]] = [[] for _ in above]
        starts: list[Array] = []
        for number in reversed(range(self.case.config.num_layers)):
            above, r_above, start = self.back(number, layers[number], above, r_above)
            starts.insert(0, start)
        state = {"h_0": np.stack(starts)} if self.case.has_h_0 else {}
        return self.found | state | {"x": np.stack([self.sum(part) for part in r_above])}

    def forward(self, number: int, x: list[Array], along: list[Array]) -> list[tuple[Array, ...]]:
        """For each step: x, Rx, what it reads and R of that, the state, Ra and Rh."""
        (w_ih, w_hh, *bias), (r_ih, r_hh, *r_bias) = self.parameters(number)
        h, change = np.zeros(self.rows), np.zeros(self.rows)
        if self.case.h_0 is not None:
            h, change = self.case.h_0[number], self.towards["h_0"][number]
        steps = []
        for x_t, rx_t in zip(x, along, strict=True):
            a = self.sum([*self.times(w_ih, x_t), *self.times(w_hh, h), *(np.broadcast_to(b, self.rows) for b in bias)])
            wrong = 3 * self.push * FORMATS[SINGLE].unit_roundoff
            new = np.tanh(a) * (1 + wrong) if self.tanh else np.maximum(a, 0)
            moved = self.times(w_ih, rx_t) + self.times(r_ih, x_t) + self.times(w_hh, change) + self.times(r_hh, h)
            moved += [np.broadcast_to(b, self.rows) for b in r_bias]
            steps.append((x_t, rx_t, h, change, new, self.sum(moved), self.sloped(new, moved)))
            h, change = new, steps[-1][-1]
        return steps

    def back(
        self, number: int, steps: list[tuple[Array, ...]], above: list[list[Array]], r_above: list[list[Array]]
    ) -> tuple[list[list[Array]], list[list[Array]], Array]:
        """The terms that go to the layer below, R of these, and R of the gradient of h_0."""
        (w_ih, w_hh, *_), (r_ih, r_hh, *_) = self.parameters(number)
        carry: list[Array] = [self.case.arrays["grad_h_n"][number]] if "grad_h_n" in self.case.arrays else []
        r_carry: list[Array] = []
        sums: dict[str, list[Array]] = {role: [] for role in ROLES}
        below, r_below = [], []
        for t, (x_t, rx_t, h, change, new, moved, _) in reversed(list(enumerate(steps))):
            grad_h = self.sum([*above[t], *carry])
            grad_a = self.product(self.slope(new), grad_h)
            back = self.curved(new, grad_h, moved, [*r_above[t], *r_carry])
            carry, r_carry = self.times(w_hh.T, grad_a), self.times(w_hh.T, back) + self.times(r_hh.T, grad_a)
            below.insert(0, self.times(w_ih.T, grad_a))
            r_below.insert(0, self.times(w_ih.T, back) + self.times(r_ih.T, grad_a))
            sums["weight_ih"] += self.outer(back, x_t) + self.outer(grad_a, rx_t)
            sums["weight_hh"] += self.outer(back, h) + self.outer(grad_a, change)
            for role in ROLES[2:]:
                sums[role] += list(back)
        self.found |= {name: self.sum(sums[role]) for role in ROLES if (name := f"{role}_l{number}") in self.towards}
        return below, r_below, self.sum(r_carry)


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_no_rounding_leaves_the_balls(nonlinearity: Any) -> None:
    """Not where each operation errs as much as it may, mostly in one direction; and the bound is not idle."""
    worst, seeds = 0.0, iter(range(10**6))
    able = Capabilities(nonlinearities=(nonlinearity,), dtypes=(SINGLE,), bidirectional=False, min_batch=1)

    @settings(max_examples=examples(60), deadline=None)
    @given(cases_to_differentiate_twice(able))
    def check(case: Case) -> None:
        nonlocal worst
        balls = expected(case)
        for _ in range(3):
            for name, values in Evaluation(case, next(seeds)).run().items():
                ball = balls[name]
                error = np.abs(values - ball.mid)
                assert (error <= ball.rad * RADIUS_SLACK).all(), f"{name}: {error} {ball.rad}"
                worst = max(worst, (error[ball.rad > 0] / ball.rad[ball.rad > 0]).max(initial=0.0))

    check()
    assert worst > 0.1


class ForeignTwice(Loop):
    """Each direction is somebody else's, who is differentiated once."""

    def scan(self, cell: Cell, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        def run(*tensors: torch.Tensor) -> torch.Tensor:
            own = [tensor.detach().requires_grad_() for tensor in tensors]
            with torch.enable_grad():
                return super(ForeignTwice, self).scan(Cell(*cell[:2], *own[2:]), *own[:2])

        def vjp(asked: torch.Tensor, *tensors: torch.Tensor) -> Any:
            own = [tensor.detach().requires_grad_() for tensor in tensors]
            with torch.enable_grad():
                states = super(ForeignTwice, self).scan(Cell(*cell[:2], *own[2:]), *own[:2])
            return torch.autograd.grad(states, own, asked)

        found: torch.Tensor = differentiable(lambda *tensors: run(*tensors).detach(), vjp)(x, h, *cell[2:])
        return found


class GradientsDetached(ByHand):
    """Its gradients are right, and connected to nothing."""

    def back(self, *arguments: Any) -> tuple[torch.Tensor, ...]:
        return tuple(gradient.detach() for gradient in super().back(*arguments))


@pytest.mark.parametrize(
    ("build", "says"),
    [(ForeignTwice, "differentiate twice a function"), (GradientsDetached, "is connected to anything")],
)
def test_what_is_differentiated_once_refuses_a_second_time(build: Any, says: str) -> None:
    """It is right once, and raises twice: in one layer, and in several, where only some of the way back may be run."""
    trial = Trial(implementation(Honest("once", build, capabilities=Capabilities(second_derivatives=False))))
    for options in ({}, {"num_layers": 2, "bidirectional": True}):
        case = tanh_case(0, **options)
        trial.agrees_on_gradients(case)
        with pytest.raises(Disagreement, match=says) as caught:
            trial.agrees_on_second_derivatives(replace(case, twice=True))
        assert caught.value.kind == "raises RuntimeError"
