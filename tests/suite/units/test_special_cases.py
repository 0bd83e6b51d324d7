"""Special values: tables hold what they say, every kind turns up in every role, and flushing is told from keeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from rnn_parity import DTYPES, Capabilities, Config
from rnn_parity.contract import Array
from rnn_parity.contract.case import round_to
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case, special_cases
from rnn_parity.strategies.drawing.special import KINDS, ROLES, alone, values, with_values
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.judge.report.results import subnormals as in_a_word
from rnn_parity.tests.judge.trial.verdict import subnormals
from rnn_parity.tests.suite.alike import bits
from rnn_parity.tests.suite.planted import HONEST
from rnn_parity.tests.suite.planted.trying import implementation
from rnn_parity.tests.suite.quick import examples
from rnn_parity.tests.suite.units.test_strategies import CLAIMS, drawn

#: Most look at the same cases.
pytestmark = pytest.mark.xdist_group("special cases")

#: The least number of 3000 cases in which a kind stands in a role, or a feature is there.
LEAST = 4


@cache
def plenty() -> list[Case]:
    """Cases for an implementation of the whole surface."""
    return drawn(special_cases(Capabilities()), examples(3000))


def of_role(case: Case, role: str) -> list[Array]:
    """The arrays of one role."""
    return [array for name, array in case.arrays.items() if name.startswith(role)]


def patterns(array: Array) -> set[bytes]:
    """The bits of every number."""
    return {bits(number) for number in np.unique(array.view(np.uint64)).view(np.float64)}


@cache
def kinds_in_roles() -> Counter[tuple[str, str]]:
    """In how many cases a value of each kind (of zeros: -0) stands in each role."""
    wanted = {dtype: {kind: patterns(table) for kind, table in values(dtype).items()} for dtype in DTYPES}
    count: Counter[tuple[str, str]] = Counter()
    for case in plenty():
        for role in ROLES[:-1]:
            there = set().union(*(patterns(array) for array in of_role(case, role))) - {bits(np.float64(0))}
            count.update((role, kind) for kind, table in wanted[case.config.dtype].items() if there & table)
    return count


# The tables


#: What each kind is, for one number and the limits of its dtype.
MEANS: dict[str, Callable[[Array, torch.finfo], Array]] = {
    "zero": lambda size, info: size == 0,
    "subnormal": lambda size, info: (size > 0) & (size < info.smallest_normal),
    "smallest": lambda size, info: (size >= info.smallest_normal) & (size <= 4 * info.smallest_normal),
    "small": lambda size, info: (size >= info.smallest_normal) & (size < 1),
    "saturation": lambda size, info: (size > 1) & np.isfinite(size),
    "overflow of exp": lambda size, info: (size > 1) & np.isfinite(size),
    "nan": lambda size, info: np.isnan(size),
    "infinite": lambda size, info: np.isposinf(size),
    "largest": lambda size, info: (size >= info.max / 4) & (size <= info.max),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", MEANS)
def test_values_are_of_their_kind(kind: str, dtype: torch.dtype) -> None:
    """Each value is what its kind says, of both signs, and one that the dtype holds."""
    table = values(dtype)[kind]
    assert MEANS[kind](np.abs(table), torch.finfo(dtype)).all()
    assert np.isnan(table).all() or set(np.signbit(table)) == {False, True}
    assert bits(round_to(dtype, table)) == bits(table)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_edges_have_two_sides(dtype: torch.dtype) -> None:
    """There are values at which tanh rounds to one, exp(2a) overflows and exp(a) overflows, and others just before."""
    table, info = values(dtype), torch.finfo(dtype)
    saturated = torch.tanh(torch.tensor(table["saturation"])).to(dtype).abs() == 1
    sizes = np.abs(table["overflow of exp"])
    for sides in (saturated.numpy(), sizes > np.log(info.max) / 2, sizes > np.log(info.max)):
        assert 0 < sides.sum() < sides.size
    assert {info.smallest_normal, 0.5} <= set(table["small"])
    assert {info.smallest_normal * info.eps, info.smallest_normal * (1 - info.eps)} <= set(table["subnormal"])
    assert {info.smallest_normal, info.max} <= set(table["any"])


# The cases


@pytest.mark.parametrize("name", CLAIMS)
def test_cases_lie_inside_the_claims(name: str) -> None:
    """Each case is small and one that the implementation takes; but for sums that may overflow, none is thrown away."""
    claims = CLAIMS[name]
    for case in drawn(special_cases(claims), examples(120), thrown_away=0.0 if claims.nonfinite else 0.1):
        assert claims.objections(case) == []
        assert case.steps <= 4
        assert 1 <= case.batch_size <= max(3, claims.min_batch)
        assert max(case.config.input_size, case.config.hidden_size) <= 4


def test_values_are_numbers_of_the_dtype() -> None:
    """Nothing is rounded on the way to a tensor."""
    for case in plenty():
        for array in case.arrays.values():
            assert bits(round_to(case.config.dtype, array)) == bits(array)


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES[:-1])
def test_kind_turns_up_in_role(role: str, kind: str) -> None:
    """Every kind of value stands in every role often enough."""
    assert kinds_in_roles()[role, kind] >= LEAST


def special_roles(case: Case) -> int:
    """In how many roles something is not finite."""
    return sum(any(not np.isfinite(array).all() for array in of_role(case, role)) for role in ROLES[:-1])


FEATURES: dict[str, Callable[[Case], bool]] = {
    "one frame of several is all zeros": lambda case: 0 < (~case.x.any((1, 2))).sum() < case.steps,
    "all frames are zeros": lambda case: not case.x.any(),
    "NaN in one row, others without": lambda case: 0 < np.isnan(case.x).any((0, 2)).sum() < case.batch_size,
    "NaN after the first step only": lambda case: np.isnan(case.x).any() and not np.isnan(case.x[0]).any(),
    "NaN in a row of h_0": lambda case: (
        case.h_0 is not None and 0 < np.isnan(case.h_0).any((0, 2)).sum() < case.batch_size
    ),
    "not finite in one role": lambda case: special_roles(case) == 1,
    "not finite in several roles": lambda case: special_roles(case) > 1,
    "finite": lambda case: case.finite,
    "layers": lambda case: case.config.num_layers == 2 and not case.finite,
    "directions": lambda case: case.config.bidirectional and not case.finite,
    **{f"{dtype}": lambda case, dtype=dtype: case.config.dtype == dtype for dtype in DTYPES},
    "tanh": lambda case: case.config.nonlinearity == "tanh",
    "relu": lambda case: case.config.nonlinearity == "relu",
}


@pytest.mark.full
@pytest.mark.parametrize("name", FEATURES)
def test_feature_turns_up(name: str) -> None:
    """What a bug may hang on is there often enough."""
    assert sum(bool(FEATURES[name](case)) for case in plenty()) >= LEAST


@pytest.mark.parametrize("role", ROLES)
def test_alone_a_value_is_a_pre_activation(role: str) -> None:
    """With ReLU and one unit the value comes out as it is, or, as a weight of W_hh, once the state has come in."""
    case = Case(Config(1, 1, nonlinearity="relu"), np.full((1, 1, 1), 3.0), np.full((1, 1, 1), 3.0))
    output, _ = forward(with_values(alone(case, role), np.array([0.375]), role, "element", bytes(3)))
    assert output.mid.item() == 0.375
    assert output.rad.item() == 0


@pytest.mark.parametrize(
    ("extent", "changed"),
    [
        ("element", [0, 0, 0, 7, 0, 0]),
        ("first axis", [0, 0, 7, 7, 0, 0]),
        ("second axis", [0, 7, 0, 7, 0, 7]),
        ("array", [7, 7, 7, 7, 7, 7]),
        ("scattered", [7, 9, 7, 7, 9, 7]),
    ],
)
def test_extents(extent: str, changed: list[float]) -> None:
    """A value takes an element, a frame, a row, the whole array; or each element takes one of several."""
    case = Case(Config(1, 1), np.zeros((3, 2, 1)))
    put = {"element": bytes((0, 3, 0))}.get(extent, bytes((0, 1, 0)))
    made = with_values(case, np.array([7.0, 9.0]), "x", extent, put)
    assert made.x.ravel().tolist() == changed
    assert not case.x.any()


# Flushing


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "word"), [("plain-loop", "kept"), ("subnormals-flushed", "flushed")])
def test_flushing_is_told_from_keeping(name: str, word: str, dtype: torch.dtype, nonlinearity: str) -> None:
    """Half of the smallest normal number goes through a network; in float16 nothing is said of it."""
    (variant,) = [variant for variant in HONEST if variant.name == name]
    half = torch.finfo(dtype).smallest_normal / 2
    config = Config(1, 1, nonlinearity=nonlinearity, bias=False, dtype=dtype)  # type: ignore[arg-type]
    trial = Trial(implementation(variant))
    trial.agrees(Case(config, [[[half]]], weights={"weight_ih_l0": [[1]]}))  # type: ignore[arg-type, dict-item]
    margin = trial.tally.margin
    assert in_a_word(margin.kept, margin.flushed) == ("none seen" if dtype == torch.float16 else word)


@pytest.mark.parametrize(
    ("mid", "got", "counts"),
    [
        (2.0**-127, 2.0**-127, (1, 0)),
        (-(2.0**-127), 0.0, (0, 1)),
        (2.0**-127, 2.0**-128, (1, 0)),
        (2.0**-127, 2.0**-100, (0, 0)),
        (2.0**-127 * (1 + 2.0**-40), 0.0, (0, 0)),
        (2.0**-149, 0.0, (0, 0)),
        (2.0**-126, 0.0, (0, 0)),
        (0.0, 0.0, (0, 0)),
        (np.nan, 0.0, (0, 0)),
    ],
)
def test_what_counts_as_a_subnormal(mid: float, got: float, counts: tuple[int, int]) -> None:
    """A midpoint that the dtype holds, subnormal, and not so small that a rounding alone may make it zero."""
    case = Case(Config(1, 1), np.zeros((1, 1, 1)))
    assert subnormals(case, np.array([got]), Ball(np.array([mid]), np.array([1.0]))) == counts


@pytest.mark.parametrize(
    ("kept", "flushed", "word"), [(0, 0, "none seen"), (3, 0, "kept"), (0, 3, "flushed"), (1, 2, "both")]
)
def test_in_a_word(kept: int, flushed: int, word: str) -> None:
    assert in_a_word(kept, flushed) == word
