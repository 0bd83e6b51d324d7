"""The reference against exact rational numbers: whole networks, every order of small sums, and what is not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnn_parity import DTYPES, NONLINEARITIES, Capabilities, Config, Rounding
from rnn_parity.contract import Array
from rnn_parity.contract.case import round_to
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.balls import FORMATS, Ball
from rnn_parity.reference.forward import EVERY_OPERATION, forward
from rnn_parity.strategies import Case, cases
from rnn_parity.tests.suite import exact as true
from rnn_parity.tests.suite.exact import Adversary, Number, Term, allows, every_sum, meaning, number, strays
from rnn_parity.tests.suite.quick import examples
from rnn_parity.tests.suite.units.test_balls import SUMS, Row, numbers, products, worst_sums

nan, inf = math.nan, math.inf
DOUBLE, SINGLE, HALF, BRAIN = DTYPES
TOP, TINY = FORMATS[SINGLE].largest, FORMATS[SINGLE].smallest_normal

SIGMOID = "as far as this test goes, it is made of a sigmoid"
#: Dtypes and the rounding models that networks are judged by.
MODELS = [
    *((dtype, Rounding()) for dtype in DTYPES),
    (SINGLE, Rounding(accumulate=DOUBLE)),
    (HALF, Rounding(accumulate=SINGLE)),
    (BRAIN, Rounding(accumulate=SINGLE, tanh_ulps=1)),
    (HALF, Rounding(accumulate=SINGLE, tanh_absolute=True, reason=SIGMOID)),
    (SINGLE, Rounding(tanh_ulps=5, tanh_absolute=True, reason=SIGMOID)),
    (HALF, Rounding(accumulate=SINGLE, rounded="sum", tanh_ulps=0.5)),
    (BRAIN, Rounding(accumulate=SINGLE, rounded="sum")),
    (SINGLE, Rounding(accumulate=DOUBLE, rounded="sum")),
    (HALF, Rounding(accumulate=SINGLE, rounded="state")),
    (BRAIN, Rounding(accumulate=SINGLE, rounded="state", tanh_ulps=1)),
    (SINGLE, Rounding(accumulate=DOUBLE, rounded="state")),
    (HALF, Rounding(accumulate=SINGLE, rounded="state", tanh_absolute=True, reason=SIGMOID)),
]


class Sum(NamedTuple):
    """A ReLU network of one unit and one step without biases, and whether its sum is exact in every order."""

    x: Sequence[float]
    weights: Sequence[float]
    is_exact: bool


def borders(dtype: torch.dtype) -> dict[str, Sum]:
    """Sums on both sides of each line between exact and not."""
    _, eta, largest, precision = FORMATS[dtype]
    full, large = 2.0**precision, math.ldexp(0.125, math.frexp(largest)[1])
    return {
        "every bit": Sum([full - 2, 1], [1, 1], is_exact=True),
        "one bit more": Sum([full - 1, 2], [1, 1], is_exact=False),
        "a bit more, which float64 loses": Sum([full, 1, 1], [1, 1, 1], is_exact=False),
        "every bit, cancelled": Sum([full / 2 - 1, full / 2], [1, -1], is_exact=True),
        "one bit more, cancelled": Sum([full - 1, full - 1], [1, -1], is_exact=False),
        "every bit of a product": Sum([3, 1], [(full / 4 - 1), 1], is_exact=True),
        "halves": Sum([full / 2 - 1.5, 0.5], [1, 2], is_exact=True),
        "halves and a bit more": Sum([full / 2 - 0.5, 0.5], [1, 2], is_exact=False),
        "large": Sum([large, large], [1, 3], is_exact=True),
        "small": Sum([3 * eta, eta], [1, 5], is_exact=True),
        "a subnormal input": Sum([eta / 2], [2.0], is_exact=False),
        "a subnormal weight": Sum([4.0], [eta / 2], is_exact=False),
        "a subnormal product": Sum([2 * eta], [0.25], is_exact=False),
        "nothing": Sum([0.0, -0.0], [0.0, eta / 2], is_exact=True),
        "no weight": Sum([eta / 2, 1 / 3], [0.0, 0.0], is_exact=True),
    }


def network(
    nonlinearity: str = "relu", *, w: float = 1.0, u: float = 1.0, b: Sequence[float] = (0.0, 0.0), **kwargs: Any
) -> dict[str, Any]:
    """The arguments of a Case of one unit: W_ih is w, W_hh is u, the biases are b."""
    weights = {"weight_ih_l0": [[w]], "weight_hh_l0": [[u]], "bias_ih_l0": [b[0]], "bias_hh_l0": [b[1]]}
    return dict(config=Config(1, 1, nonlinearity=nonlinearity), weights=weights, **kwargs)


def steps(*values: float) -> list[list[list[float]]]:
    return [[[value]] for value in values]


#: A network of one unit in float32, and what its output means step by step.
STORIES = [
    (network(x=steps(1, nan, 1)), ["exact", "NaN", "NaN"]),
    (network("tanh", x=steps(1, nan, 1)), ["bounded", "NaN", "NaN"]),
    (network(x=steps(inf, 0, -inf)), ["inf", "inf", "NaN"]),
    (network(x=steps(inf, 0, -inf), u=0), ["inf", "NaN", "NaN"]),
    (network(x=steps(-inf, 3)), ["exact", "exact"]),
    (network("tanh", x=steps(inf, 0, -inf)), ["bounded", "bounded", "bounded"]),
    (network("tanh", x=steps(inf, 1), w=0), ["NaN", "NaN"]),
    (network("tanh", x=steps(1, 1), b=(inf, -1)), ["bounded", "bounded"]),
    (network("tanh", x=steps(1, 1), b=(inf, -inf)), ["NaN", "NaN"]),
    (network("tanh", x=steps(1, 1), u=inf), ["NaN", "NaN"]),
    (network("tanh", x=steps(1, 1), u=inf, h_0=[[[-1]]]), ["bounded", "bounded"]),
    (network("tanh", x=steps(1, 1), u=inf, h_0=[[[TINY / 2]]]), ["free", "free"]),
    (network(x=steps(1, 1), h_0=[[[-inf]]]), ["exact", "exact"]),
    (network(x=steps(1, 1), h_0=[[[nan]]], u=0), ["NaN", "NaN"]),
    (network(x=steps(TOP, TOP, -1), w=2, u=2, b=(1, 1), h_0=[[[1]]]), ["stored inf", "free", "free"]),
    (network(x=steps(-TOP, 1), w=2, b=(-1, -1), h_0=[[[-1]]]), ["exact", "exact"]),
    (network(x=steps(TOP, 1), b=(TOP, -TOP), u=0), ["free", "free"]),
    (network("tanh", x=steps(TOP, 1), b=(TOP, -TOP), u=0), ["free", "free"]),
    (network("tanh", x=steps(TOP, 1), w=2, b=(1, 1), h_0=[[[1]]]), ["bounded", "bounded"]),
    (network("tanh", x=steps(-TOP, 1), b=(inf, -TOP), h_0=[[[-1]]]), ["free", "free"]),
]


def small(dtype: torch.dtype) -> Capabilities:
    return Capabilities(dtypes=(dtype,), max_batch=2, max_steps=3, max_input_size=3, max_hidden_size=3)


@st.composite
def strange_cases(draw: st.DrawFn, dtype: torch.dtype) -> Case:
    """Tiny networks of a few numbers that are not finite or near the edges of the dtype, scattered over all tensors."""
    palette = np.array([1.0, *draw(st.lists(numbers(dtype, finite=False), min_size=1, max_size=6))])
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    steps, batch, inputs, hidden, layers, *options = random.integers(1, (4, 3, 3, 3, 3, 3, 3, 3))
    bias, bidirectional, given_h_0 = (bool(option == 1) for option in options)
    nonlinearity = draw(st.sampled_from(NONLINEARITIES))
    config = Config(int(inputs), int(hidden), int(layers), nonlinearity, bias, bidirectional=bidirectional, dtype=dtype)
    h_0 = random.choice(palette, (config.num_layers * config.num_directions, batch, hidden)) if given_h_0 else None
    weights = {name: random.choice(palette, shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, random.choice(palette, (steps, batch, inputs)), h_0, weights)


def expected(case: Case, rounding: Rounding = EVERY_OPERATION) -> tuple[Ball, Ball]:
    return forward(case, rounding)


def one_unit(dtype: torch.dtype, x: Sequence[float], weights: Sequence[float]) -> Case:
    """A ReLU network of one unit and one step without biases: it sums up its inputs' products."""
    config = Config(len(x), 1, nonlinearity="relu", bias=False, dtype=dtype)
    return Case(config, np.array([[x]]), weights={"weight_ih_l0": np.array([weights], np.float64)})


def spread_out(dtype: torch.dtype, states: Sequence[float], weights: Sequence[float]) -> Case:
    """The same sum: the first product is the state's, the last two are biases where these have weight 1."""
    biases = states[-2:] if len(states) > 2 and list(weights[-2:]) == [1, 1] else (0.0, 0.0)
    inputs = slice(1, len(states) - 2 if any(biases) else None)
    parameters = {
        "weight_ih_l0": [weights[inputs] or [0.0]],
        "weight_hh_l0": [weights[:1]],
        "bias_ih_l0": biases[:1],
        "bias_hh_l0": biases[1:],
    }
    x, arrays = states[inputs] or [0.0], {name: np.array(value, np.float64) for name, value in parameters.items()}
    return Case(Config(len(x), 1, nonlinearity="relu", dtype=dtype), np.array([[x]]), np.array([[states[:1]]]), arrays)


def said(ball: Ball) -> list[str]:
    """What the balls of one unit mean, step by step."""
    return [meaning(mid, rad) for mid, rad in zip(ball.mid.ravel(), ball.rad.ravel(), strict=True)]


# Whole networks


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=examples(40))
@given(st.data())
def test_the_true_value_is_in_the_ball(dtype: torch.dtype, data: st.DataObject) -> None:
    """Without any rounding, outputs and final states are in their balls: the recurrence is the right one."""
    case = data.draw(cases(small(dtype), special=False))
    assume(case.finite)
    assert not strays(expected(case), true.without_rounding(case))


@pytest.mark.parametrize("dtype", [SINGLE, *DTYPES[2:]], ids=str)
@settings(max_examples=examples(40))
@given(st.data())
def test_the_midpoint_is_the_true_value_but_for_float64_s_rounding(dtype: torch.dtype, data: st.DataObject) -> None:
    """The midpoint is far closer to the true value than the radius: nothing else has taken its place."""
    case = data.draw(cases(small(dtype), special=False))
    for ball, values in zip(expected(case), true.without_rounding(case), strict=True):
        bounded = np.isfinite(ball.rad)
        assert np.allclose(ball.mid[bounded], values[bounded].astype(np.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("dtype", "rounding"), MODELS, ids=str)
@settings(max_examples=examples(80))
@given(st.data(), st.integers(0, 2**32))
def test_no_honest_network_leaves_its_balls(
    dtype: torch.dtype, rounding: Rounding, data: st.DataObject, seed: int
) -> None:
    """Any order, fused or not, flushed, kept wide or rounded, with tanh as wrong as it may be: never accused."""
    case = data.draw(cases(small(dtype)))
    assert not strays(expected(case, rounding), Adversary(dtype, rounding, seed).run(case))


@pytest.mark.parametrize(("dtype", "rounding"), MODELS, ids=str)
@settings(max_examples=examples(60))
@given(st.data(), st.integers(0, 2**32))
def test_nor_does_one_of_strange_numbers(
    dtype: torch.dtype, rounding: Rounding, data: st.DataObject, seed: int
) -> None:
    """Nor where many numbers are infinite or NaN, or near overflow and underflow."""
    case = data.draw(strange_cases(dtype))
    assert not strays(expected(case, rounding), Adversary(dtype, rounding, seed).run(case))


@settings(max_examples=examples(40))
@given(cases(special=False))
def test_radii_stay_small(case: Case) -> None:
    """A network of contracting layers in float64 is bounded to within a millionth."""
    case = replace(case.with_config(dtype=DOUBLE), weights={name: array / 512 for name, array in case.weights.items()})
    for ball in expected(case):
        assert (ball.rad <= 1e-6).all()


def test_sizes_and_layouts() -> None:
    """Time-major outputs, forward beside reverse; final states layer by layer, forward before reverse."""
    config = Config(3, 4, num_layers=2, bidirectional=True)
    output, h_n = expected(Case(config, np.ones((5, 2, 3))))
    assert [part.shape for part in (*output, *h_n)] == [(5, 2, 8)] * 2 + [(4, 2, 4)] * 2


def test_an_empty_batch() -> None:
    output, h_n = expected(Case(Config(3, 4), np.zeros((5, 0, 3))))
    assert [part.shape for part in (*output, *h_n)] == [(5, 0, 4)] * 2 + [(1, 0, 4)] * 2


# One sum, every order


@st.composite
def sums(draw: st.DrawFn, dtype: torch.dtype) -> tuple[Case, list[Term]]:
    """One unit of ReLU that sums up two products and two biases, or four products, and these terms."""
    pairs = draw(products(dtype, finite=False))
    biases = [draw(numbers(dtype)) for _ in range(2)] if len(pairs) < 3 else []
    weights: dict[str, Any] = {"weight_hh_l0": [[pairs[-1][1]]]}
    weights |= {name: [bias] for name, bias in zip(("bias_ih_l0", "bias_hh_l0"), biases, strict=False)}
    config = Config(max(len(pairs) - 1, 1), 1, nonlinearity="relu", bias=bool(biases), dtype=dtype)
    x, weights["weight_ih_l0"] = ([row] for row in zip(*(pairs[:-1] or [(0.0, 0.0)]), strict=True))
    arrays = {name: np.array(values, np.float64) for name, values in weights.items()}
    terms: list[Term] = [(number(a), number(b)) for a, b in [*pairs, *((bias, 1.0) for bias in biases)]]
    return Case(config, np.array([x]), np.array([[[pairs[-1][0]]]]), arrays), terms


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(st.data())
def test_no_order_of_summation_leaves_the_ball(dtype: torch.dtype, data: st.DataObject) -> None:
    """All sums of two products and two biases, or of four products, fused or flushed or not, are in the ball."""
    case, terms = data.draw(sums(dtype))
    mid, rad = (part.item() for part in expected(case)[0])
    wrong = [value for value in every_sum(terms, dtype) if not allows(mid, rad, true.relu(value))]
    assert not wrong, (mid, rad, wrong)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_sum_of_biases_may_be_flushed(dtype: torch.dtype) -> None:
    """Two normal numbers may come to a subnormal one, which counts as zero where subnormals are flushed."""
    eta = torch.finfo(dtype).smallest_normal
    biases: dict[str, Any] = {"bias_ih_l0": [-eta], "bias_hh_l0": [1.5 * eta]}
    case = Case(Config(1, 1, nonlinearity="relu", dtype=dtype), [[[1]]], weights=biases)  # type: ignore[arg-type]
    mid, rad = (part.item() for part in expected(case)[0])
    assert mid == eta / 2
    assert mid <= rad <= 2 * eta


@pytest.mark.parametrize("rounded", ["sum", "state"])
@pytest.mark.parametrize(("dtype", "wide"), [(HALF, SINGLE), (BRAIN, SINGLE), (SINGLE, DOUBLE)], ids=str)
@given(st.data())
def test_nor_does_one_in_a_wide_accumulator_that_is_stored_once(
    dtype: torch.dtype, wide: torch.dtype, rounded: str, data: st.DataObject
) -> None:
    """All of them made in the accumulator and rounded to the dtype at last, flushed or not, are in the tighter ball."""
    case, terms = data.draw(sums(dtype))
    mid, rad = (part.item() for part in expected(case, Rounding(accumulate=wide, rounded=rounded))[0])
    stored = {true.rounded(true.relu(value), dtype) for value in every_sum(terms, wide)}
    wrong = [
        value for value in stored | {true.flushed(value, dtype) for value in stored} if not allows(mid, rad, value)
    ]
    assert not wrong, (mid, rad, wrong)


@pytest.mark.parametrize("name", worst_sums(SINGLE))
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_radii_are_needed(dtype: torch.dtype, name: str) -> None:
    """What is nearly as wrong as the bound of a sum says is so in a network too, with two more additions granted."""
    states, weights, share = worst_sums(dtype)[name]
    terms: list[Term] = [(number(a), number(b)) for a, b in zip(states, weights, strict=True)]
    worst = max(abs(value - true.exact_sum(terms)) for value in every_sum(terms, dtype))
    for case in (one_unit(dtype, states, weights), spread_out(dtype, states, weights)):
        ball = expected(case)[0]
        assert share / 3.5 * ball.rad.item() <= worst <= ball.rad.item()


@pytest.mark.parametrize(
    "row", [row for row in SUMS if not any(isinstance(state, tuple) for state in row.states)], ids=str
)
def test_sums_that_are_not_finite_in_a_network(row: Row) -> None:
    """Every order gives what the network's ball says it is, where inputs, the state and biases make up the sum too."""
    states = [float(state) for state in row.states]
    terms: list[Term] = [(number(a), number(b)) for a, b in zip(states, row.weights, strict=True)]
    for case in (one_unit(SINGLE, states, row.weights), spread_out(SINGLE, states, row.weights)):
        ball = expected(case)[0]
        assert all(allows(ball.mid.item(), ball.rad.item(), true.relu(value)) for value in every_sum(terms, SINGLE))


# Exactness


@pytest.mark.parametrize("name", borders(SINGLE))
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_where_exactness_ends(dtype: torch.dtype, name: str) -> None:
    """The radius is 0 where every order gives the same, and not where one of them is rounded or flushed."""
    x, weights, is_exact = borders(dtype)[name]
    terms: list[Term] = [(number(a), number(b)) for a, b in zip(x, weights, strict=True)]
    results = {true.relu(value) for value in every_sum(terms, dtype)}
    for case in (one_unit(dtype, x, weights), spread_out(dtype, x, weights)):
        ball = expected(case)[0]
        assert (ball.rad.item() == 0) == is_exact
        assert all(allows(ball.mid.item(), ball.rad.item(), value) for value in results)
        assert not is_exact or len(results) == 1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=examples(60))
@given(st.data())
def test_networks_of_small_whole_numbers_are_exact(dtype: torch.dtype, data: st.DataObject) -> None:
    """As long as magnitudes add up to less than 2^p, radii are 0 and midpoints the true values."""
    case = data.draw(cases(replace(small(dtype), nonlinearities=("relu",)), special=False))
    case = case.with_arrays(**{name: np.clip(np.round(array), -2, 2) for name, array in case.arrays.items()})
    largest = 0

    class Measured(true.WithoutRounding):
        def affine(self, *groups: list[Term]) -> Number:
            nonlocal largest
            largest = max(largest, sum(abs(a * b) for a, b in chain(*groups)))
            return super().affine(*groups)

    values = true.recur(case, Measured())
    assume(largest < 2 ** FORMATS[dtype].precision)
    for ball, numbers_ in zip(expected(case), values, strict=True):
        assert not ball.rad.any()
        assert (ball.mid == numbers_.astype(np.float64)).all()


def test_an_inexact_direction_spoils_the_next_layer_s_exactness() -> None:
    """One direction's rounding reaches both directions of the layer above, and later steps of its own."""
    config = Config(1, 1, num_layers=2, nonlinearity="relu", bidirectional=True)
    ones = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    plain = Case(config, np.ones((2, 1, 1)), weights=ones)
    rough = plain.with_arrays(
        weight_ih_l0_reverse=np.array([[1 / 3]], np.float32).astype(np.float64), bias_ih_l0_reverse=np.array([2.0**30])
    )
    assert not any(ball.rad.any() for ball in expected(plain))
    output, h_n = expected(rough)
    assert output.rad.all()
    assert (h_n.rad[1:] > 0).all()


def test_the_finest_grain_of_all_steps_counts() -> None:
    """States may be multiples of a half first and whole numbers later: the layer above is exact in neither."""
    config, full = Config(1, 1, num_layers=2, nonlinearity="relu"), 2.0 ** FORMATS[SINGLE].precision
    weights = {"weight_ih_l0": [[1]], "weight_hh_l0": [[2]], "weight_ih_l1": [[1]], "bias_ih_l1": [2]}
    case = Case(config, x=steps(full / 2 - 1, 0), h_0=[[[0.25]], [[0]]], weights=weights)
    balls = expected(case)
    assert balls[1].rad[0] == 0
    assert balls[0].rad.all()
    for seed in range(10):
        assert not strays(balls, Adversary(SINGLE, Rounding(), seed).run(case))


def test_a_tanh_state_of_zero_is_exact() -> None:
    """tanh(0) is 0 in every implementation, step after step."""
    case = Case(Config(2, 3, num_layers=2), np.ones((4, 1, 2)))
    assert not any(part.any() for ball in expected(case) for part in ball)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_rough_number_makes_nothing_rough_but_what_it_enters(dtype: torch.dtype) -> None:
    """Exactness is known for each row and each unit: over steps, layers and directions, and on the way back."""
    config = Config(2, 2, 2, "relu", bias=False, bidirectional=True, dtype=dtype)
    weights = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    x, asked = np.ones((2, 2, 2)), np.ones((2, 2, 4))
    x[1, 1, 0] = round_to(dtype, 1 / 3)
    output, h_n = expected(rough_row := Case(config, x, None, weights, grad_output=asked))
    assert not output.rad[:, 0].any()
    assert not h_n.rad[:, 0].any()
    assert output.rad[:, 1].all()
    found = gradients(rough_row)["x"]
    assert not found.rad[:, 0].any()
    weights["weight_ih_l1"][1] = round_to(dtype, 1 / 3)
    weights["weight_hh_l1"] = np.eye(2)
    output, _ = expected(Case(config, np.ones((2, 2, 2)), None, weights))
    assert output.rad[..., 1].all()
    assert not output.rad[..., 2:].any()
    assert not output.rad[0, :, 0].any()


# What is not finite


@pytest.mark.parametrize(("arguments", "means"), STORIES)
def test_what_becomes_of_it(arguments: dict[str, Any], means: list[str]) -> None:
    """Each row is what every honest network does, step by step; h_n is the last of it."""
    case = Case(**arguments)
    balls = expected(case)
    assert said(balls[0]) == means
    assert said(balls[1]) == means[-1:]
    for seed in range(30):
        assert not strays(balls, Adversary(SINGLE, Rounding(), seed).run(case))


@pytest.mark.parametrize("special", [nan, inf, -inf, TOP], ids=str)
@settings(max_examples=examples(40))
@given(st.data())
def test_rows_of_a_batch_do_not_contaminate_each_other(special: float, data: st.DataObject) -> None:
    """Whatever is in one row, the others are demanded as tightly as where a subnormal stands in its place."""
    case = data.draw(cases(replace(small(SINGLE), min_batch=2, max_batch=3), special=False))
    step = data.draw(st.integers(0, case.steps - 1))
    plain, soiled = case.x.copy(), case.x.copy()
    plain[step, 0, 0], soiled[step, 0, 0] = TINY / 2, special
    for ball, other in zip(expected(case.with_arrays(x=plain)), expected(case.with_arrays(x=soiled)), strict=True):
        assert np.allclose(other.mid[:, 1:], ball.mid[:, 1:], rtol=1e-12, atol=1e-12)
        assert (other.rad[:, 1:] <= (1 + 1e-6) * ball.rad[:, 1:] + 1e-30).all()


def test_time_runs_forward_and_back() -> None:
    """A NaN is in all later outputs of the forward direction and all earlier ones of the reverse direction."""
    config = Config(1, 1, bidirectional=True)
    ones = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    x: Array = np.array(steps(1, 1, nan, 1))
    output, h_n = expected(Case(config, x, weights=ones))
    assert np.isnan(output.mid[:, 0]).tolist() == [[False, True], [False, True], [True, True], [True, False]]
    assert np.isnan(h_n.mid).all()
