"""Large networks: what is drawn, that the bounds stay proven, and what becomes of a bug that only they show."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rnn_parity import DTYPES, Capabilities, Config, Implementation, implementation
from rnn_parity.contract import Array, Nonlinearity
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import blanked, forward, forward_large, in_order_of_time, layer_passes
from rnn_parity.reference.large import OutOfReach
from rnn_parity.strategies import Case, cases
from rnn_parity.strategies.drawing.large import DISTRIBUTIONS, Numbers
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.halving import is_large
from rnn_parity.strategies.shrinking.reduce import reduce_case
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.judge.run.explaining import disagreement_in
from rnn_parity.tests.judge.schedule.shards import shard_test
from rnn_parity.tests.suite.planted.honest import HONEST, Honest
from rnn_parity.tests.suite.planted.loop import Cell, Loop
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.planted.trying import implementation as planted
from rnn_parity.tests.suite.quick import examples
from rnn_parity.tests.suite.running import pytest_run

LARGE = Capabilities(sizes="large")
#: What networks of thousands of terms a sum are judged by at all: in the halves these bounds are infinite.
KINDS = [(kind, dtype) for kind in DISTRIBUTIONS for dtype in DTYPES]
SETTINGS = settings(max_examples=examples(10), deadline=None, database=None)


def case_of(kind: str, dtype: torch.dtype, nonlinearity: Nonlinearity, *, layers: int = 2, steps: int = 9) -> Case:
    """Two directions just beyond the edge."""
    config = Config(140, 130, layers, nonlinearity, bidirectional=True, dtype=dtype)
    numbers = Numbers(config, kind, 1)
    weights = {name: numbers.array(name, shape) for name, shape in config.parameter_shapes().items()}
    h_0 = numbers.array("h_0", (2 * layers, 3, 130))
    return Case(config, numbers.array("x", (steps, 3, 140)), h_0, weights)


def step_by_step(case: Case) -> Ball:
    """The outputs as `rnn_parity.reference.forward` bounds them for any size."""
    return blanked(case, in_order_of_time(layer_passes(case)[-1].states))


# Bounds


@pytest.mark.parametrize("lengths", [None, (9, 4, 1)])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_no_bound_is_smaller_than_step_by_step(
    kind: str, dtype: torch.dtype, nonlinearity: Nonlinearity, lengths: tuple[int, ...] | None
) -> None:
    """Nor much larger; midpoints differ by float64's rounding, and what is exact there is exact here."""
    case = replace(case_of(kind, dtype, nonlinearity), lengths=lengths)
    try:
        found = forward_large(case)[0]
    except OutOfReach:
        # A sum of hundreds of terms has no bound there at all, or one that leads past the largest number.
        assert dtype in (torch.float16, torch.bfloat16)
        return
    proven = step_by_step(case)
    assert (found.rad >= proven.rad * (1 - 2.0**-40)).all()
    uncertain = proven.rad > 0
    # What is exact in some rows only is not known to be there.
    partly = kind == "whole" and nonlinearity == "tanh"
    assert found.rad[uncertain].sum() <= (1.2 if partly else 1.05) * proven.rad[uncertain].sum()
    assert kind != "whole" or nonlinearity != "relu" or not found.rad.any()
    np.testing.assert_allclose(found.mid, proven.mid, rtol=0, atol=1e-13 * np.abs(proven.mid).max())


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_the_true_value_is_in_the_ball(kind: str, nonlinearity: Nonlinearity) -> None:
    """Of float64, by 64 bits of significand: 100 steps of one row."""
    config = Config(300, 257, 1, nonlinearity, dtype=torch.float64)
    numbers = Numbers(config, kind, 2)
    weights = {name: numbers.array(name, shape) for name, shape in config.parameter_shapes().items()}
    x = numbers.array("x", (100, 1, 300))
    output, _ = forward(Case(config, x, weights=weights))
    w_ih, w_hh, b_ih, b_hh = (weights[name].astype(np.longdouble) for name in config.parameter_shapes())
    activation: Callable[[Any], Any] = np.tanh if nonlinearity == "tanh" else lambda sums: np.maximum(sums, 0)
    h = np.zeros(257, np.longdouble)
    for t in range(100):
        h = activation(w_ih @ x[t, 0].astype(np.longdouble) + b_ih + w_hh @ h + b_hh)
        assert (np.abs(h - output.mid[t, 0]) <= output.rad[t, 0]).all()


ORDERS: dict[str, Callable[[Array], Any]] = {
    "as they come": lambda products: np.arange(len(products)),
    "smallest first": lambda products: np.argsort(np.abs(products)),
    "largest first": lambda products: np.argsort(-np.abs(products)),
    "all that is positive first": np.argsort,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["whole", "sparse", "dense"])
def test_no_order_of_summation_leaves_the_ball(kind: str, order: str) -> None:
    """float32, each sum added up term by term."""
    config = Config(300, 140, 1, dtype=torch.float32)
    numbers = Numbers(config, kind, 3)
    weights = {name: numbers.array(name, shape) for name, shape in config.parameter_shapes().items()}
    x = numbers.array("x", (5, 1, 300))
    output, _ = forward(Case(config, x, weights=weights))
    w_ih, w_hh, b_ih, b_hh = (weights[name].astype(np.float32) for name in config.parameter_shapes())
    h = np.zeros(140, np.float32)
    for t in range(5):
        terms = np.concatenate([w_ih * x[t, 0].astype(np.float32), w_hh * h, b_ih[:, None], b_hh[:, None]], 1)
        ordered = np.stack([row[ORDERS[order](row)] for row in terms])
        h = np.tanh(np.cumsum(ordered, 1, dtype=np.float32)[:, -1])
        assert (np.abs(h - output.mid[t, 0]) <= output.rad[t, 0]).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_whole_numbers_stay_exact(dtype: torch.dtype) -> None:
    """Over 512 steps of a ReLU, bit for bit."""
    config = Config(256, 256, 1, "relu", dtype=dtype)
    numbers = Numbers(config, "whole", 4)
    weights = {name: numbers.array(name, shape) for name, shape in config.parameter_shapes().items()}
    case = Case(config, numbers.array("x", (512, 2, 256)), None, weights)
    output, h_n = forward(case)
    assert not output.rad.any()
    assert not h_n.rad.any()
    result = Trial(implementation("nn.rnn")).agrees(case)
    assert np.array_equal(result.output.double().numpy(), output.mid)


def test_no_weights_at_all_are_exact() -> None:
    """Nothing is rounded, and nothing divided by how much."""
    output, h_n = forward_large(Case(Config(140, 130, 2, bidirectional=True), np.ones((3, 2, 140))))
    assert not any(part.any() for ball in (output, h_n) for part in ball)


def test_subnormal_weights_may_be_flushed() -> None:
    """In float16, where they are not small."""
    config = Config(140, 130, 1, "relu", bias=False, dtype=torch.float16)
    eta = torch.finfo(torch.float16).smallest_normal
    case = Case(config, np.ones((1, 1, 140)), None, {"weight_ih_l0": np.full((130, 140), eta / 2)})
    output, _ = forward(case)
    assert (output.mid == 70 * eta).all()
    assert (output.rad >= 70 * eta).all()


@pytest.mark.parametrize("special", [np.nan, np.inf, 1e300])
def test_what_may_overflow_is_bounded_step_by_step(special: float) -> None:
    case = case_of("sparse", torch.float64, "relu")
    case = case.with_arrays(x=np.where(np.arange(140) == 7, special, case.x))
    case = case.with_arrays(weight_hh_l0=case.weights["weight_hh_l0"] * 1e200)
    found, expected = forward(case)[0], step_by_step(case)
    assert np.array_equal(found.mid, expected.mid, equal_nan=True)
    assert np.array_equal(found.rad, expected.rad)


def test_layers_are_not_kept() -> None:
    """Six layers take no more memory than two."""

    def peak(layers: int) -> int:
        case = case_of("sparse", torch.float32, "tanh", layers=layers, steps=200)
        tracemalloc.start()
        forward(case)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(6) <= 1.1 * peak(2)


# Cases


@SETTINGS
@given(cases(LARGE))
def test_large_cases_are_large(case: Case) -> None:
    assert is_large(case)


@SETTINGS
@given(cases(replace(LARGE, max_hidden_size=200, max_layers=1, max_batch=4, max_steps=3)))
def test_and_within_the_claims(case: Case) -> None:
    assert case.config.hidden_size <= 200
    assert case.config.num_layers == 1
    assert case.batch_size <= 4
    assert case.steps <= 3


@settings(SETTINGS, max_examples=examples(50))
@given(cases())
def test_the_usual_ones_are_not(case: Case) -> None:
    assert not is_large(case)


def test_bounds_say_something() -> None:
    """Of the elements of float32 and float64, nearly all are judged."""
    shares = []

    @settings(SETTINGS, max_examples=examples(40))
    @given(cases(replace(LARGE, dtypes=(torch.float64, torch.float32))))
    def look(case: Case) -> None:
        output, _ = forward(case)
        shares.append((output.rad > np.abs(output.mid)).mean())

    look()
    assert np.mean(shares) < 0.03


# Bugs


class Unit256Wrong(Loop):
    """Hidden units from number 256 on are too large by one part in a hundred."""

    def activate(self, a: torch.Tensor) -> torch.Tensor:
        return super().activate(torch.cat([a[:, :256], 1.01 * a[:, 256:]], 1))


class Late(Loop):
    """The state is forgotten at step 100."""

    def step(self, cell: Cell, x: torch.Tensor, h: torch.Tensor, t: int) -> torch.Tensor:
        return super().step(cell, x, torch.zeros_like(h) if t == 100 else h, t)


class Input300Ignored(Loop):
    """Products are cut off after 300 terms."""

    def project(self, cell: Cell, x: torch.Tensor) -> torch.Tensor:
        return self.product(x[:, :300], cell.w_ih[:, :300])


def judged_on_large(build: Any, cases: int, property: str = "agreement") -> tuple[Implementation, Trial | Disagreement]:
    """What a run makes of an implementation on so many large cases."""
    found = planted(Honest(build.__name__, build))
    trial = Trial(found, budget=cases)
    try:
        shard_test(PROPERTIES[property], trial, 1, "large", database=None)(trial)
    except Exception as error:
        disagreement = disagreement_in(error)
        assert disagreement is not None
        return found, disagreement
    return found, trial


@pytest.mark.full
@pytest.mark.parametrize(
    ("build", "sizes"), [(Unit256Wrong, (1, 1, 1, 257)), (Late, (101, 1, 1, 1)), (Input300Ignored, (1, 1, 301, 1))]
)
def test_a_bug_of_large_networks_is_reduced_to_its_edge(build: type[Loop], sizes: tuple[int, ...]) -> None:
    """In a few seconds, though the first case has a hundred thousand numbers."""
    found, disagreement = judged_on_large(build, 40)
    assert isinstance(disagreement, Disagreement)
    counterexample = find_minimal(PROPERTIES["agreement"], found, disagreement)
    case = counterexample.case
    assert (case.steps, case.batch_size, case.config.input_size, case.config.hidden_size) == sizes
    assert case.config.num_layers == case.config.num_directions == 1
    assert complexity(case).nonzeros <= 3
    assert counterexample.reduced_fully
    assert not any(is_large(seen) for calls in counterexample.seen for seen in calls)


@pytest.mark.parametrize("build", [Unit256Wrong, Input300Ignored])
def test_the_usual_sizes_do_not_show_it(build: type[Loop]) -> None:
    trial = hunt(PROPERTIES["agreement"], planted(Honest(build.__name__, build)), 1, shrink=False, cases=100)
    assert isinstance(trial, Trial)


@pytest.mark.full
@pytest.mark.parametrize("property", ["agreement", "layouts", "h_n"])
@pytest.mark.parametrize("honest", [v for v in HONEST if v.capabilities == Capabilities()][::8], ids=str)
def test_honest_variants_are_not_accused(honest: Honest, property: str) -> None:
    trial = Trial(planted(honest), budget=6)
    shard_test(PROPERTIES[property], trial, 2, "large", database=None)(trial)
    assert trial.tally.cases == 6


def test_numbers_are_set_to_zero_in_blocks() -> None:
    """A thousand weights of which one matters take less than two hundred calls."""
    config = Config(1024, 1, nonlinearity="relu", bias=False, dtype=torch.float64)
    case = Case(config, np.ones((1, 1, 1024)), None, {"weight_ih_l0": np.ones((1, 1024))})
    reduction = reduce_case(case, lambda tried: tried.config.input_size > 700 and tried.x[0, 0, 700] == 1, limit=200)
    assert reduction.case.config.input_size == 701
    assert complexity(reduction.case).nonzeros == 1


# The option


@pytest.mark.full
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes=large",), "20 cases per property and implementation"),
        (("--sizes=large", "--cases=3"), "3 cases per property and implementation"),
        (("--sizes=huge",), "argument --sizes: invalid choice: 'huge'"),
    ],
)
def test_the_option(arguments: tuple[str, ...], said: str) -> None:
    asked = "-pno:cacheprovider", "--collect-only", "--impl=nn.rnn", *arguments
    ran = pytest_run(*asked, "tests/test_agreement.py")
    assert said in ran.stdout + ran.stderr


def test_sizes_are_large_or_usual() -> None:
    with pytest.raises(
        ValueError, match=r"Capabilities\(sizes=...\): expected one of \('usual', 'large'\), found 'huge'"
    ):
        Capabilities(sizes="huge")
