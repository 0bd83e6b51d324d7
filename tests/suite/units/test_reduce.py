"""Reducing: what comes out is as small as it can be, whatever the bug, and the way there only leads down."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from rnn_parity import Capabilities, Config
from rnn_parity.contract import DTYPES
from rnn_parity.contract.case import round_to
from rnn_parity.strategies import MEMORY, Case, cases, shrink
from rnn_parity.strategies.shrinking.complexity import LADDER, complexity, strangeness
from rnn_parity.strategies.shrinking.numbers import numbers_traded
from rnn_parity.strategies.shrinking.reduce import reduce_case, steps
from rnn_parity.strategies.shrinking.smaller import smaller_cases
from rnn_parity.strategies.shrinking.steps import AXES, extent, fewer_layers, keep, one_direction
from rnn_parity.tests.suite.alike import bits, everything
from rnn_parity.tests.suite.quick import examples

Fails = Callable[[Case], bool]

#: All begin at the same cases.
pytestmark = pytest.mark.xdist_group("reduce")

HALF = (torch.float16, torch.bfloat16)


def somewhere(case: Case, demand: Callable[[np.ndarray[Any, Any]], Any]) -> bool:
    """Whether some number of a case is as demanded."""
    return any(bool(np.any(demand(array))) for array in case.arrays.values())


def parameter(case: Case, name: str) -> np.ndarray[Any, Any]:
    """A parameter, zero where the network does not have it."""
    return case.weights.get(name, np.zeros(1))


def states_differ(case: Case) -> bool:
    """Whether the first and the last layer start differently."""
    return case.h_0 is not None and case.config.num_layers > 1 and bool((case.h_0[0] != case.h_0[-1]).any())


def crosstalk(case: Case) -> bool:
    """Whether the second unit reaches the first one."""
    return case.config.hidden_size > 1 and bool(parameter(case, "weight_hh_l0")[0, 1] != 0)


def reverse_weight(case: Case) -> bool:
    """Whether the reverse direction of some layer above the first reads something."""
    return any(
        bool(array.any()) for name, array in case.weights.items() if name.endswith("reverse") and "ih_l1" in name
    )


def asymmetric(case: Case) -> bool:
    """Whether some W_hh differs from its transpose."""
    matrices = [array for name, array in case.weights.items() if name.startswith("weight_hh")]
    return any(not np.array_equal(array, array.T, equal_nan=True) for array in matrices)


def fifth_row_carried(case: Case) -> bool:
    """Whether the fifth row hands a state on, its first one or that after a step."""
    if case.batch_size < 5 or not parameter(case, "weight_hh_l0").any():
        return False
    stepped = case.steps > 1 and bool(case.x[0, 4].any()) and bool(parameter(case, "weight_ih_l0").any())
    return stepped or (case.h_0 is not None and bool(case.h_0[0, 4].any()))


#: A made-up bug; the kind of case that it comes down to, and the numbers there that are not zero.
BUGS: dict[str, tuple[Fails, str, list[float]]] = {
    "always": (lambda case: True, "relu T1 B1 I1 H1 no-bias float64", []),
    "H >= 9": (lambda case: case.config.hidden_size >= 9, "relu T1 B1 I1 H9 no-bias float64", []),
    "I >= 7": (lambda case: case.config.input_size >= 7, "relu T1 B1 I7 H1 no-bias float64", []),
    "B >= 3": (lambda case: case.batch_size >= 3, "relu T1 B3 I1 H1 no-bias float64", []),
    "T >= 5": (lambda case: case.steps >= 5, "relu T5 B1 I1 H1 no-bias float64", []),
    "odd H": (
        lambda case: case.config.hidden_size % 2 == 1 != case.config.hidden_size,
        "relu T1 B1 I1 H3 no-bias float64",
        [],
    ),
    "I = H": (
        lambda case: case.config.input_size == case.config.hidden_size > 1,
        "relu T1 B1 I2 H2 no-bias float64",
        [],
    ),
    "T = B": (lambda case: case.steps == case.batch_size > 1, "relu T2 B2 I1 H1 no-bias float64", []),
    "all equal": (
        lambda case: len({extent(case, axis) for axis in AXES}) == 1 < case.steps,
        "relu T2 B2 I2 H2 no-bias float64",
        [],
    ),
    "T > B": (lambda case: case.steps > case.batch_size, "relu T2 B1 I1 H1 no-bias float64", []),
    "two directions over time": (
        lambda case: case.config.bidirectional and case.steps > 1,
        "relu T2 B1 I1 H1 bidirectional no-bias float64",
        [],
    ),
    "three layers": (lambda case: case.config.num_layers == 3, "relu T1 B1 I1 H1 L3 no-bias float64", []),
    "two layers": (lambda case: case.config.num_layers > 1, "relu T1 B1 I1 H1 L2 no-bias float64", []),
    "bias": (lambda case: case.config.bias, "relu T1 B1 I1 H1 float64", []),
    "tanh": (lambda case: case.config.nonlinearity == "tanh", "tanh T1 B1 I1 H1 no-bias float64", []),
    "batch_first": (lambda case: case.config.batch_first, "relu T1 B1 I1 H1 no-bias batch_first float64", []),
    "unbatched": (lambda case: case.unbatched, "relu T1 B1 I1 H1 no-bias unbatched float64", []),
    "h_0": (lambda case: case.has_h_0, "relu T1 B1 I1 H1 no-bias h_0 float64", []),
    "float32": (lambda case: case.config.dtype == torch.float32, "relu T1 B1 I1 H1 no-bias", []),
    "half": (lambda case: case.config.dtype in HALF, "relu T1 B1 I1 H1 no-bias float16", []),
    "bfloat16": (lambda case: case.config.dtype == torch.bfloat16, "relu T1 B1 I1 H1 no-bias bfloat16", []),
    **{
        memory: (
            lambda case, memory=memory: case.memory == memory,  # type: ignore[misc]
            f"relu T1 B1 I1 H1 no-bias float64 {memory}",
            [],
        )
        for memory in list(MEMORY)[1:]
    },
    "a number": (lambda case: bool(case.x.any()), "relu T1 B1 I1 H1 no-bias float64", [1]),
    "below zero": (lambda case: somewhere(case, lambda array: array < 0), "relu T1 B1 I1 H1 no-bias float64", [-1]),
    "a fraction": (
        lambda case: somewhere(case, lambda array: array != np.round(array)),
        "relu T1 B1 I1 H1 no-bias float64",
        [0.5],
    ),
    "NaN": (lambda case: somewhere(case, np.isnan), "relu T1 B1 I1 H1 no-bias float64", [np.nan]),
    "infinite": (lambda case: bool(np.isposinf(case.x).any()), "relu T1 B1 I1 H1 no-bias float64", [np.inf]),
    "not finite": (
        lambda case: somewhere(case, lambda array: ~np.isfinite(array)),
        "relu T1 B1 I1 H1 no-bias float64",
        [np.inf],
    ),
    "negative zero": (
        lambda case: bool(((case.x == 0) & np.signbit(case.x)).any()),
        "relu T1 B1 I1 H1 no-bias float64",
        [-0.0],
    ),
    "crosstalk": (crosstalk, "relu T1 B1 I1 H2 no-bias float64", [1]),
    "W_hh asymmetric": (asymmetric, "relu T1 B1 I1 H2 no-bias float64", [1]),
    "biases differ": (
        lambda case: bool((parameter(case, "bias_ih_l0") != parameter(case, "bias_hh_l0")).any()),
        "relu T1 B1 I1 H1 float64",
        [1],
    ),
    "states differ": (states_differ, "relu T1 B1 I1 H1 L2 no-bias h_0 float64", [1]),
    "reverse, above": (reverse_weight, "relu T1 B1 I1 H1 L2 bidirectional no-bias float64", [1]),
    "last frame alone": (
        lambda case: case.steps > 2 and bool(case.x[-1].any()) and not case.x[:-1].any(),
        "relu T3 B1 I1 H1 no-bias float64",
        [1],
    ),
    "a third of x": (
        lambda case: case.x.size > 5 and np.count_nonzero(case.x) >= case.x.size / 3,
        "relu T2 B1 I3 H1 no-bias float64",
        [1, 1],
    ),
    # What no step that only takes away leads to.
    "B * H >= 4": (
        lambda case: case.batch_size * case.config.hidden_size >= 4,
        "relu T1 B4 I1 H1 no-bias float64",
        [],
    ),
    "T + I >= 5": (
        lambda case: case.steps + case.config.input_size >= 5,
        "relu T4 B1 I1 H1 no-bias float64",
        [],
    ),
    "the fifth row is carried": (fifth_row_carried, "relu T1 B5 I1 H1 no-bias h_0 float64", [1, 1]),
    "a sum of nine": (lambda case: case.x.sum() >= 9, "relu T1 B1 I1 H1 no-bias float64", [9]),
    # And what begins to fail far from where it was seen.
    "from 355": (lambda case: bool((case.x >= 355).any()), "relu T1 B1 I1 H1 no-bias float64", [355]),
    "from 1e30": (lambda case: bool((case.x >= 1e30).any()), "relu T1 B1 I1 H1 no-bias float64", [1e30]),
    "below 2^-9": (
        lambda case: bool(((case.x > 0) & (case.x < 2.0**-9)).any()),
        "relu T1 B1 I1 H1 no-bias float64",
        [2.0**-10],
    ),
}
#: Bugs for which several cases are smallest.
TIED = {"a third of x"}


@cache
def starts() -> list[Case]:
    """Cases to start from, some of each kind."""
    found: list[Case] = []

    @seed(0)
    @settings(max_examples=examples(2500), database=None, phases=[Phase.generate], deadline=None)
    @given(cases(Capabilities(min_batch=1, max_input_size=17, max_hidden_size=17), memory=tuple(MEMORY)))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def failing(name: str, count: int = 4) -> list[Case]:
    """Cases that fail; where none were drawn, one made to."""
    found = [case for case in starts() if BUGS[name][0](case)]
    blank = Case(Config(2, 3, dtype=torch.float16), np.zeros((4, 2, 2)), np.ones((1, 2, 3)))
    made = [blank.with_arrays(x=np.where(np.arange(4)[:, None, None] == 3, 2.5, np.zeros((4, 2, 2))))]
    made += [blank.with_arrays(x=np.full((4, 2, 2), number)) for number in (-0.0, np.inf)]
    return (found[:: max(1, len(found) // count)] or [case for case in made if BUGS[name][0](case)])[:count]


def recorded(fails: Fails) -> tuple[Fails, list[tuple[Case, bool]]]:
    """The same bug, and the list of what it is asked."""
    asked: list[tuple[Case, bool]] = []

    def record(case: Case) -> bool:
        asked.append((case, fails(case)))
        return asked[-1][1]

    return record, asked


def numbers(case: Case) -> list[float]:
    """All numbers of a case but its plain zeros."""
    flat = np.concatenate([array.ravel() for array in case.arrays.values()])
    found: list[float] = flat[(flat != 0) | np.signbit(flat)].tolist()
    return found


@pytest.mark.parametrize("name", BUGS)
def test_what_comes_out(name: str) -> None:
    """Wherever it starts from, a bug comes down to the same smallest case, and to the plainest numbers."""
    fails, descriptor, expected = BUGS[name]
    assert failing(name)
    for case in failing(name, examples(4)):
        reduction = reduce_case(case, fails)
        assert fails(reduction.case)
        assert repr(numbers(reduction.case)) == repr([float(number) for number in expected]), reduction.case
        assert reduction.case.descriptor == descriptor or name in TIED
        assert not reduction.exhausted


@pytest.mark.parametrize("name", BUGS)
def test_one_minimal(name: str) -> None:
    """No single step from what comes out leads to a simpler case that fails."""
    fails = BUGS[name][0]
    found = reduce_case(failing(name)[0], fails).case
    assert [case for case in steps(found) if complexity(case) < complexity(found) and fails(case)] == []


@pytest.mark.parametrize("name", BUGS)
def test_the_way_leads_down(name: str) -> None:
    """Every case that is tried is simpler than the simplest that failed before, and none is tried twice."""
    fails, asked = recorded(BUGS[name][0])
    start = failing(name)[-1]
    reduction = reduce_case(start, fails)
    best = start
    for case, failed in asked:
        assert complexity(case) < complexity(best)
        best = case if failed else best
    assert best is reduction.case
    assert len({repr(everything(case)) for case, _ in asked}) == len(asked) == reduction.calls


@pytest.mark.parametrize("limit", [0, 1, 10])
@pytest.mark.parametrize("name", ["H >= 9", "biases differ", "NaN"])
def test_limit(name: str, limit: int) -> None:
    """No more calls are made than allowed; what was found so far fails, and is marked as perhaps not minimal."""
    fails, asked = recorded(BUGS[name][0])
    reduction = reduce_case(failing(name)[0], fails, limit)
    assert len(asked) == reduction.calls == limit
    assert reduction.exhausted
    assert BUGS[name][0](reduction.case)


def test_minimal_already() -> None:
    """What is minimal stays as it is."""
    case = Case(Config(1, 1, bias=False, nonlinearity="relu", dtype=torch.float64), np.zeros((1, 1, 1)))
    reduction = reduce_case(case, lambda case: True)
    assert (reduction.case, reduction.calls, reduction.exhausted) == (case, 0, False)


def test_empty_batch() -> None:
    """A bug of empty batches alone stays with an empty batch."""
    start = Case(Config(3, 4, 2, bidirectional=True), np.zeros((4, 0, 3)), np.zeros((4, 0, 4)))
    found = reduce_case(start, lambda case: case.batch_size == 0).case
    assert found.descriptor == "relu T1 B0 I1 H1 no-bias float64"


def test_what_no_single_step_leads_to() -> None:
    """A bug of a few shapes alone is followed to its smallest one, though steps between them do not fail."""
    shapes = {(3, 2, 3, 1), (1, 1, 1, 2)}

    def shape(case: Case) -> tuple[int, ...]:
        return tuple(extent(case, axis) for axis in AXES)

    def fails(case: Case) -> bool:
        return shape(case) in shapes

    start = Case(Config(3, 1), np.ones((3, 2, 3)))
    assert (1, 1, 1, 2) not in {shape(case) for case in steps(start)}
    assert reduce_case(start, fails).case.descriptor == "relu T1 B1 I1 H2 no-bias float64"


# Steps


def small_cases(**claims: Any) -> st.SearchStrategy[Case]:
    """Cases so small that every step from them can be looked at."""
    return cases(
        Capabilities(max_batch=3, max_steps=3, max_input_size=3, max_hidden_size=3, **claims), memory=tuple(MEMORY)
    )


@settings(max_examples=examples(30), deadline=None, database=None)
@given(small_cases())
def test_steps_lead_to_cases(case: Case) -> None:
    """Every single step leads to a valid case: shapes that fit, numbers of its dtype, and no change to the first."""
    before = everything(case)
    for candidate in steps(case):
        config = candidate.config
        assert {name: array.shape for name, array in candidate.weights.items()} == config.parameter_shapes()
        assert min(config.input_size, config.hidden_size, config.num_layers, candidate.steps) >= 1
        assert (candidate.batch_size == 0) == (case.batch_size == 0)
        for array in candidate.arrays.values():
            assert bits(round_to(config.dtype, array)) == bits(array)
            assert not array.size or np.isfinite(array).all() or not case.finite
    assert everything(case) == before


@settings(max_examples=examples(15), deadline=None, database=None)
@given(small_cases())
def test_smaller_cases_are_cases(case: Case) -> None:
    """So does the search through the smallest cases, and it never tries larger ones."""
    most = complexity(case).numbers
    for candidate in smaller_cases(case, 200):
        assert complexity(candidate).numbers <= most
        for array in candidate.arrays.values():
            assert bits(round_to(candidate.config.dtype, array)) == bits(array)


@settings(max_examples=examples(40), deadline=None, database=None)
@given(small_cases(), st.sampled_from(AXES), st.data())
def test_keep(case: Case, axis: str, data: st.DataObject) -> None:
    """Some steps, rows, features or units of a case are those of its arrays, wherever they stand."""
    size = extent(case, axis)
    index = data.draw(st.lists(st.integers(0, size - 1), min_size=1, unique=True) if size else st.just([]))
    kept = keep(case, axis, index)
    assert extent(kept, axis) == len(index)
    assert {other: extent(kept, other) for other in AXES if other != axis} == {
        other: extent(case, other) for other in AXES if other != axis
    }
    everything_kept = keep(case, axis, range(size))
    assert everything(everything_kept) == everything(case)


def test_keep_the_right_numbers() -> None:
    """A hidden unit takes its row and its column of every matrix with it, in the layer above from both directions."""
    config = Config(2, 3, num_layers=2, bidirectional=True)
    weights = {
        name: np.arange(np.prod(shape)).reshape(shape) * 1.0 for name, shape in config.parameter_shapes().items()
    }
    case = Case(config, np.arange(8.0).reshape(2, 2, 2), np.arange(24.0).reshape(4, 2, 3), weights)
    kept = keep(case, "hidden", [2, 0])
    assert kept.weights["weight_ih_l0_reverse"].tolist() == [[4, 5], [0, 1]]
    assert kept.weights["weight_hh_l1"].tolist() == [[8, 6], [2, 0]]
    assert kept.weights["weight_ih_l1"].tolist() == [[14, 12, 17, 15], [2, 0, 5, 3]]
    assert kept.weights["bias_hh_l1_reverse"].tolist() == [2, 0]
    assert kept.h_0 is not None
    assert kept.h_0[3].tolist() == [[20, 18], [23, 21]]
    assert keep(case, "input", [1]).weights["weight_ih_l0"].tolist() == [[1], [3], [5]]
    assert keep(case, "input", [1]).x.ravel().tolist() == [1, 3, 5, 7]
    assert keep(case, "steps", [1]).x.ravel().tolist() == [4, 5, 6, 7]
    batch = keep(case, "batch", [1])
    assert batch.x.ravel().tolist() == [2, 3, 6, 7]
    assert batch.h_0 is not None
    assert batch.h_0[0].tolist() == [[3, 4, 5]]


def labelled(**options: Any) -> Case:
    """A case whose parameters are all of them their place in the list of names, and so are the rows of h_0."""
    config = Config(1, 1, nonlinearity="relu", dtype=torch.float64, **options)
    weights = {
        name: np.full(shape, index + 1.0) for index, (name, shape) in enumerate(config.parameter_shapes().items())
    }
    rows = np.arange(1.0, len(config.suffixes()) + 1).reshape(-1, 1, 1)
    return Case(config, np.ones((1, 1, 1)), rows, weights)


def test_a_layer_less() -> None:
    """With a layer goes its state; the others keep their parameters, cut to the widths that are left."""
    case = labelled(num_layers=3, bias=False)
    found = {
        tuple(candidate.h_0.ravel().tolist()): [array.item() for array in candidate.weights.values()]
        for candidate in fewer_layers(case)
        if candidate.h_0 is not None
    }
    assert found == {(2, 3): [3, 4, 5, 6], (1, 3): [1, 2, 5, 6], (1, 2): [1, 2, 3, 4]}


def test_a_direction_less() -> None:
    """Either direction is left alone, with its own state and parameters."""
    case = labelled(bidirectional=True)
    found = {
        tuple(candidate.h_0.ravel().tolist()): [array.item() for array in candidate.weights.values()]
        for candidate in one_direction(case)
        if candidate.h_0 is not None
    }
    assert found == {(1,): [1, 2, 3, 4], (2,): [5, 6, 7, 8]}


def test_dtypes_that_hold_the_numbers() -> None:
    """A dtype is exchanged for a plainer one only where that one holds the same numbers."""
    huge = Case(Config(1, 1, dtype=torch.bfloat16), np.full((1, 1, 1), 2.0**120))
    assert {case.config.dtype for case in steps(huge)} == {torch.bfloat16, torch.float32, torch.float64}
    assert {case.config.dtype for case in steps(huge.with_arrays(x=np.ones((1, 1, 1))))} == set(DTYPES)


# For tests of one's own


def test_which_case_comes_out() -> None:
    """The smallest that fails, within what is taken."""
    drawn = Case(Config(3, 4, num_layers=2, nonlinearity="tanh"), np.ones((3, 2, 3)), np.full((2, 2, 4), 0.3))
    found = shrink(drawn, lambda case: case.h_0 is not None and bool(case.h_0.any()))
    assert (found.descriptor, found.x.tolist(), found.h_0.tolist()) == (
        "relu T1 B1 I1 H1 no-bias h_0 float64",
        [[[0.0]]],
        [[[1.0]]],
    )
    narrow = Capabilities(nonlinearities=("tanh",), biases=(True,), dtypes=(torch.float32,))
    assert shrink(drawn, lambda case: case.steps > 1, narrow).descriptor == "tanh T2 B1 I1 H1"


@pytest.mark.parametrize(
    ("fails", "text"),
    [
        (lambda case: False, "expected a case for which fails returns True, but it returned False, on\nCase"),
        (lambda case: case.steps > 2 or 1 / 0, "it raised ZeroDivisionError: division by zero, on\nCase"),
        (lambda case: np.ones(2), "to return True or False, but it raised ValueError: The truth value"),
    ],
    ids=["false", "raises", "no truth value"],
)
def test_what_does_not_say_whether_it_fails(fails: Fails, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        shrink(Case(Config(1, 1), np.ones((3, 1, 1))), fails)


# Complexity

ONE = Case(Config(2, 2, nonlinearity="relu", dtype=torch.float64, bias=False), np.ones((2, 1, 2)))
#: Pairs of cases, the simpler first.
ORDER: dict[str, tuple[Case, Case]] = {
    "fewer numbers": (keep(ONE, "steps", [0]).with_arrays(x=np.full((1, 1, 2), 0.3)), ONE),
    "more zeros": (ONE.with_arrays(x=np.array([[[0.0, 7.7]], [[1, 1]]])), ONE),
    "zero is plainer than negative zero": (ONE.with_arrays(x=ONE.x * 0), ONE.with_arrays(x=ONE.x * -0.0)),
    "negative zero counts as a number": (ONE, replace(ONE.with_arrays(x=ONE.x * -0.0))),
    "relu": (ONE, ONE.with_config(nonlinearity="tanh")),
    "time first": (ONE, ONE.with_config(batch_first=True)),
    "batched": (ONE, replace(ONE, unbatched=True)),
    "one direction": (
        Case(Config(3, 1, bias=False), np.ones((1, 1, 3))),
        Case(Config(1, 1, bidirectional=True, bias=False), np.ones((3, 1, 1))),
    ),
    "float64": (ONE, ONE.with_config(dtype=torch.float32)),
    "float32": (ONE.with_config(dtype=torch.float32), ONE.with_config(dtype=torch.float16)),
    "float16": (ONE.with_config(dtype=torch.float16), ONE.with_config(dtype=torch.bfloat16)),
    **{
        f"{plainer}, not {memory}": (replace(ONE, memory=plainer), replace(ONE, memory=memory))
        for plainer, memory in itertools.pairwise(MEMORY)
    },
    "one": (ONE, ONE.with_arrays(x=ONE.x * 2)),
    "whole": (ONE.with_arrays(x=ONE.x * 2), ONE.with_arrays(x=ONE.x * 0.3)),
    "short": (ONE.with_arrays(x=ONE.x * 0.3), ONE.with_arrays(x=ONE.x / 3)),
    "finite": (ONE.with_arrays(x=ONE.x / 3), ONE.with_arrays(x=ONE.x * np.inf)),
}


@pytest.mark.parametrize("rule", ORDER)
def test_complexity(rule: str) -> None:
    """Fewer numbers are simpler, then more zeros, then plainer options, then plainer numbers."""
    simpler, other = ORDER[rule]
    assert complexity(simpler) < complexity(other)


def test_strangeness() -> None:
    """Numbers are ordered: the ladder, negative zero, others by the length of their digits, what is not finite."""
    ordered = [*LADDER, -0.0, 4.0, -4.0, 0.1, 12.5, 1 / 3, 2.0**70, 1e30, 1e-300 / 3, np.inf, -np.inf, np.nan]
    found = [strangeness(number) for number in ordered]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


def test_out_of_time() -> None:
    """Where the time is over, no other call is begun, and the reduction says that steps may be left."""
    case = Case(Config(2, 3), np.ones((4, 2, 2)))
    reduction = reduce_case(case, lambda case: True, seconds=-1)
    assert (reduction.case, reduction.calls, reduction.exhausted) == (case, 0, True)


def test_numbers_are_traded_inside_the_dtype() -> None:
    """A number is doubled or multiplied by another only where the dtype holds what comes of it."""
    config = Config(1, 1, bias=False, dtype=torch.float16)
    weights = {"weight_ih_l0": np.array([[40_000.0]]), "weight_hh_l0": np.zeros((1, 1))}
    traded = list(numbers_traded(Case(config, np.array([[[3.0]]]), weights=weights)))

    assert [(case.x.item(), case.weights["weight_ih_l0"].item()) for case in traded] == [(6.0, 0.0)]
