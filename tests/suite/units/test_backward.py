"""Gradients against exact rational numbers, against torch's own check, and where nothing can be said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rnn_parity import DTYPES, NONLINEARITIES, Capabilities, Config, Rounding
from rnn_parity.contract import Build
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.balls import FORMATS, Ball
from rnn_parity.reference.forward import EVERY_OPERATION
from rnn_parity.strategies import Case, cases_with_cotangents
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.suite import duals
from rnn_parity.tests.suite.exact import allows
from rnn_parity.tests.suite.planted import BUGS, Honest, Loop
from rnn_parity.tests.suite.planted.honest import HONEST
from rnn_parity.tests.suite.planted.trying import implementation
from rnn_parity.tests.suite.quick import examples

DOUBLE, SINGLE, HALF, BRAIN = DTYPES
TOP = FORMATS[SINGLE].largest


def expected(case: Case, rounding: Rounding = EVERY_OPERATION) -> dict[str, Ball]:
    return gradients(case, rounding)


def small(nonlinearity: Any, dtype: torch.dtype) -> Capabilities:
    return Capabilities(
        nonlinearities=(nonlinearity,),
        dtypes=(dtype,),
        lengths=("padded",),
        max_batch=2,
        max_steps=3,
        max_input_size=2,
        max_hidden_size=2,
        max_layers=2,
    )


def one_unit(nonlinearity: Any = "relu", *, dtype: torch.dtype = SINGLE, **arrays: Any) -> Case:
    """A network of one unit with both weights one, without biases, that is asked for a gradient of ones."""
    config = Config(np.shape(arrays["x"])[-1], 1, nonlinearity=nonlinearity, bias=False, dtype=dtype)
    weights = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    ones = np.ones((len(arrays["x"]), 1, 1))
    return Case(config, **{"weights": weights, "grad_output": ones, **arrays})


def whole_numbers(seed: int, **changes: Any) -> Case:
    """A ReLU network of small whole numbers, some rows of which are shorter: every sum is exact."""
    random = np.random.default_rng(seed)
    config = Config(2, 3, 2, "relu", bidirectional=True, dtype=DOUBLE)
    weights = {name: random.integers(-1, 2, shape) * 1.0 for name, shape in config.parameter_shapes().items()}
    sizes = {"x": (4, 3, 2), "h_0": (4, 3, 3), "grad_output": (4, 3, 6), "grad_h_n": (4, 3, 3)}
    arrays = {name: random.integers(-2, 3, size) * 1.0 for name, size in sizes.items()}
    return Case(config, weights=weights, **arrays, **changes)


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_true_gradients_lie_in_their_balls(nonlinearity: str, dtype: torch.dtype, lengths: bool) -> None:
    """Where a radius is 0 they are equal; tanh and its derivative are good to fifty digits."""

    @settings(max_examples=examples(25), deadline=None)
    @given(cases_with_cotangents(small(nonlinearity, dtype), lengths=lengths))
    def check(case: Case) -> None:
        found, true = expected(case), duals.gradients(case)
        assert set(found) == set(true)
        for name, values in true.items():
            for index, value in np.ndenumerate(values):
                ball = found[name].mid[index], found[name].rad[index]
                assert allows(*ball, value), f"gradient of {name}{list(index)} is {float(value)!r}, outside {ball}"

    check()


@pytest.mark.parametrize("seed", range(5))
def test_gradients_of_whole_numbers_are_exact(seed: int) -> None:
    """All radii are 0, and torch's autograd gives the same bits."""
    case = whole_numbers(seed)
    weights, x, h_0 = case.tensors()
    module = torch.nn.RNN(2, 3, 2, "relu", bidirectional=True, dtype=DOUBLE)
    module.load_state_dict(weights)
    output, h_n = module(x.requires_grad_(), h_0.requires_grad_())
    torch.autograd.backward([output, h_n], [torch.from_numpy(case.grad_output), torch.from_numpy(case.grad_h_n)])
    leaves = {"x": x, "h_0": h_0, **dict(module.named_parameters())}
    for name, ball in expected(case).items():
        assert not ball.rad.any()
        assert np.array_equal(leaves[name].grad.numpy(), ball.mid), name


@pytest.mark.parametrize("garbage", [7.0, np.nan])
@pytest.mark.parametrize("lengths", [(4, 1, 3), (2, 2, 2), (1, 4, 4)])
def test_rows_are_as_if_alone(lengths: tuple[int, ...], garbage: float) -> None:
    """Each row on its own length gives the same gradients, and those of parameters add up."""
    case = whole_numbers(0, lengths=lengths)
    case = case.with_arrays(x=np.where(case.counts, case.x, garbage), grad_output=case.grad_output)
    together, total = expected(case), dict.fromkeys(case.weights, 0.0)
    for row, length in enumerate(lengths):
        rows = (slice(None), [row])
        short = {name: case.arrays[name][:length][rows] for name in ("x", "grad_output")}
        states = {name: case.arrays[name][rows] for name in ("h_0", "grad_h_n")}
        alone = expected(Case(case.config, weights=case.weights, **short, **states))
        assert np.array_equal(together["x"].mid[:length][rows], alone["x"].mid)
        assert not together["x"].mid[length:][rows].any()
        assert np.array_equal(together["h_0"].mid[rows], alone["h_0"].mid)
        total = {name: total[name] + alone[name].mid for name in total}
    for name, sums in total.items():
        assert np.array_equal(together[name].mid, sums)
    assert not any(ball.rad.any() for ball in together.values())


def test_slope_of_relu_is_uncertain_where_its_argument_may_be_zero() -> None:
    """0 or 1 times what is asked, both inside, and nothing beyond what rounding adds."""
    weights = {"weight_ih_l0": [[0.1, -0.3]]}
    ball = expected(one_unit(x=[[[3, 1]]], weights=weights, grad_output=[[[4]]]))["x"]
    for mid, rad, weight in zip(ball.mid.ravel(), ball.rad.ravel(), (0.1, 0.3), strict=True):
        assert rad == pytest.approx(2 * weight, rel=1e-5)
        assert abs(mid) == pytest.approx(2 * weight, rel=1e-5)


@pytest.mark.parametrize(("a", "slope"), [(1.0, 1.0), (0.0, 0.0), (-0.0, 0.0), (-1.0, 0.0)])
def test_slope_of_relu(a: float, slope: float) -> None:
    """1 above zero, 0 below and at zero, exactly."""
    ball = expected(one_unit(x=[[[a]]]))["x"]
    assert (ball.mid.item(), ball.rad.item()) == (slope, 0)


def test_a_dead_unit_sends_back_exactly_nothing() -> None:
    """Also where what is asked of it is not exact: zero times whatever is finite is zero."""
    case = one_unit(x=[[[-1]], [[-1]]], grad_output=[[[1 / 3]], [[1 / 3]]], weights={"weight_ih_l0": [[1]]})
    assert all(not ball.mid.any() and not ball.rad.any() for ball in expected(case).values())
    weights = {"weight_ih_l0": [[1]], "weight_hh_l0": [[1 / 3]]}
    found = expected(one_unit(x=[[[-1]], [[2]]], grad_output=[[[1 / 3]], [[1 / 3]]], weights=weights))["x"]
    assert (found.rad[0].item(), found.mid[0].item()) == (0, 0)


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_gradients_are_free_where_the_way_forward_is_not_finite(nonlinearity: str) -> None:
    """Of a step that is not finite nothing is said; steps after which nothing goes back to it are as ever."""
    case = one_unit(nonlinearity, x=[[[1]], [[np.nan]]], grad_output=[[[1]], [[0]]])
    found = expected(case)
    assert np.isinf(found["x"].rad[1]).all()
    assert np.isinf(found["weight_ih_l0"].rad).all()
    overflowing = expected(one_unit(x=[[[TOP, TOP]], [[1, 1]]]))
    assert all(np.isinf(ball.rad).all() for ball in overflowing.values())


def test_gradients_that_overflow_going_back_are_free() -> None:
    """From the step on at which a sum may be too large; what is asked of later steps is bounded."""
    case = one_unit(x=[[[1]], [[1]]], weights={"weight_ih_l0": [[1]], "weight_hh_l0": [[4]]}, h_0=[[[1]]])
    found = expected(replace(case, grad_output=np.array([[[0.0]], [[TOP / 2]]])))
    assert np.isfinite(found["x"].rad[1]).all()
    for name in ("h_0", "weight_ih_l0"):
        assert np.isinf(found[name].rad).all(), name
    assert np.isinf(found["x"].rad[0]).all()


def test_what_a_wider_accumulator_takes_back_going_forward_is_not_taken_back_going_back() -> None:
    """Gradients are accumulated over time in the dtype, whatever sums are accumulated in; in a narrower one, worse."""
    case = one_unit(dtype=SINGLE, x=[[[1 / 3]], [[0.1]], [[0.7]]], grad_output=[[[1 / 3]]] * 3)
    plain, wide, narrow = (expected(case, Rounding(accumulate=dtype)) for dtype in (None, DOUBLE, HALF))
    for name in plain:
        assert (wide[name].rad >= 0.4 * plain[name].rad).all()
        assert (narrow[name].rad > 100 * plain[name].rad).all()


def test_what_cancels_may_be_carried_on_unsummed() -> None:
    """0.9 - 0.6 is exact, but W_hh times each, added up then, is not what W_hh times their sum is."""
    weights = {"weight_ih_l0": [[1]], "weight_hh_l0": [[-0.3]]}
    case = Case(Config(1, 1, nonlinearity="relu"), [[[2]], [[2]]], [[[0]]], weights, grad_output=[[[0.9]], [[2]]])  # type: ignore[arg-type]
    for name in ("returns-first", "steps-back"):
        found = next(honest for honest in HONEST if honest.name == name)
        Trial(implementation(found)).agrees_on_gradients(case, calls=2)


def gradcheck(build: Build, case: Case) -> bool:
    """Whether torch's comparison with differences of float64 numbers is content."""
    weights, x, h_0 = case.tensors()
    names, arguments = list(weights), [x, h_0, *weights.values()]

    def run(x: torch.Tensor, h_0: torch.Tensor, *parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return build(case.config, dict(zip(names, parameters, strict=True)))(x, h_0)

    asking = [argument.requires_grad_() for argument in arguments]
    return bool(torch.autograd.gradcheck(run, asking, raise_exception=False))


def tanh_case(seed: int, **options: Any) -> Case:
    random = np.random.default_rng(seed)
    config = Config(2, 2, **options, dtype=DOUBLE)
    weights = {name: random.normal(size=shape) for name, shape in config.parameter_shapes().items()}
    states, width = (len(config.suffixes()), 2, 2), 2 * config.num_directions
    arrays = {"x": (3, 2, 2), "h_0": states, "grad_output": (3, 2, width), "grad_h_n": states}
    return Case(config, weights=weights, **{name: random.normal(size=size) for name, size in arrays.items()})


@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"bias": False}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_gradcheck_agrees(seed: int, options: dict[str, Any]) -> None:
    """What the judge finds right, torch's check finds right, too."""
    case = tanh_case(seed, **options)
    Trial(implementation(Honest("plain-loop", Loop))).agrees_on_gradients(case)
    assert gradcheck(Loop, case)


@pytest.mark.parametrize("name", ["state-detached", "recurrent-reads-new-state", "tanh-slope-linear"])
def test_gradcheck_disagrees_with_bugs_as_the_judge_does(name: str) -> None:
    """Both say no."""
    bug, case = next(bug for bug in BUGS if bug.name == name), tanh_case(0)
    assert not gradcheck(bug.build, case)
    with pytest.raises(Disagreement, match="gradient"):
        Trial(implementation(bug)).agrees_on_gradients(case)
