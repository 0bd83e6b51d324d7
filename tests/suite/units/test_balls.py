"""Ball arithmetic against exact rational numbers: no honest evaluation leaves its ball, none is much too large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rnn_parity import DTYPES, Rounding
from rnn_parity.contract import ROUNDED, Array
from rnn_parity.reference.balls import FORMATS, RADIUS_SLACK, Arithmetic, Ball, exact, grain
from rnn_parity.tests.suite import exact as true
from rnn_parity.tests.suite.exact import Number, Term, allows, ball, every_sum, meaning, number

nan, inf = math.nan, math.inf
DOUBLE, SINGLE, HALF, BRAIN = DTYPES
HALVES = [HALF, BRAIN]

#: Bounds are computed in float64 too.
SLACK = Fraction(RADIUS_SLACK)
OWN = FORMATS[DOUBLE].unit_roundoff

# Whole numbers and fractions -> the largest power of two that divides them.
GRAINS = [
    ([], inf),
    ([0.0, -0.0], inf),
    ([1.0], 1.0),
    ([6.0, -4.0, 0.0], 2.0),
    ([-0.75, 2.0], 0.25),
    ([0.1], 2.0**-55),
    ([1e300, 3.0], 1.0),
    ([5e-324, 1.0], 5e-324),
    ([2.0**-1074 * 12], 2.0**-1072),
    ([2.0**1023], 2.0**1023),
    ([1.0, inf], 0.0),
    ([nan], 0.0),
]

TOP = FORMATS[SINGLE].largest
TINY = FORMATS[SINGLE].smallest_normal
#: What the last bit of TOP is worth.
LAST = 2.0**104
#: What is not a number or a (midpoint, radius): a sum that may have overflowed, and one that has.
FREE, STORED = (0.0, inf), (inf, inf)

Operands = Sequence[float | tuple[float, float]]


class Row(NamedTuple):
    """A sum of products in float32, and what its ball must say."""

    states: Operands
    weights: Sequence[float]
    means: str


#: Every line of the table in the docstring of `rnn_parity.reference.balls`, from all that leads to it.
SUMS = [
    # A NaN goes through everything, and so does what always makes one.
    Row([nan], [1], "NaN"),
    Row([nan], [0], "NaN"),
    Row([0], [nan], "NaN"),
    Row([FREE], [nan], "NaN"),
    Row([nan, 1], [nan, 1], "NaN"),
    Row([0, 5], [inf, 1], "NaN"),
    Row([-0.0], [-inf], "NaN"),
    Row([inf, 5], [0, 1], "NaN"),
    Row([-inf], [-0.0], "NaN"),
    Row([inf, -inf], [1, 1], "NaN"),
    Row([inf, inf], [2, -3], "NaN"),
    Row([inf, 1], [1, -inf], "NaN"),
    Row([(2, 1), (-3, 1)], [inf, inf], "NaN"),
    Row([nan, FREE], [1, 1], "NaN"),
    Row([0, FREE], [inf, 1], "NaN"),
    Row([inf, -inf, FREE], [1, 1, 1], "NaN"),
    Row([nan, TOP, TOP], [1, 1, 1], "NaN"),
    Row([inf, -inf, TOP, TOP], [1, 1, 1, 1], "NaN"),
    # An infinity of a certain sign.
    Row([inf], [1], "inf"),
    Row([inf], [-TINY], "-inf"),
    Row([-inf, -5], [2, 3], "-inf"),
    Row([-inf], [-inf], "inf"),
    Row([inf, 1], [1, inf], "inf"),
    Row([1], [-inf], "-inf"),
    Row([(1, 0.5)], [inf], "inf"),
    Row([(-3 * TINY, TINY)], [inf], "-inf"),
    Row([inf, (0, 3)], [1, 4], "inf"),
    Row([inf, 0], [1, 0], "inf"),
    Row([inf, TOP], [1, -0.5], "inf"),
    # Whether it is one depends on the sign, or on whether subnormals count as zero.
    Row([(0, 0.5)], [inf], "free"),
    Row([(1, 1)], [inf], "free"),
    Row([(-1, 2)], [inf], "free"),
    Row([TINY / 2], [inf], "free"),
    Row([(0, 0.5), inf], [inf, 1], "free"),
    Row([inf], [TINY / 2], "free"),
    Row([-inf], [-TINY / 4], "free"),
    # Whether it overflows depends on the order, on a rounding, or on where in its ball an operand is.
    Row([TOP, TOP, -TOP], [1, 1, 1], "free"),
    Row([TOP, LAST / 4, LAST / 4], [1, 1, 1], "free"),
    Row([TOP - 2 * LAST, 0.75 * LAST, 0.75 * LAST, 0.5 * LAST], [1, 1, 1, 1], "free"),
    Row([TOP, *[LAST * (0.5 - 2.0**-20)] * 5], [1] * 6, "free"),
    Row([TOP, (0, TOP)], [3, 1.5], "free"),
    Row([(TOP, TOP / 2)], [2], "free"),
    Row([(0, TOP)], [2], "free"),
    Row([inf, -TOP, -TOP], [1, 1, 1], "free"),
    Row([-inf, TOP, TOP], [1, 1, 1], "free"),
    Row([TOP, TOP, (0, 0.5)], [1, 1, inf], "free"),
    # Beyond the largest number in every order: an infinity once stored.
    Row([TOP], [2], "stored inf"),
    Row([-TOP], [2], "stored -inf"),
    Row([TOP, TOP], [1, 1], "stored inf"),
    Row([-TOP, TOP], [1, -1], "stored -inf"),
    Row([(TOP, TOP / 8), 1], [2, 1], "stored inf"),
    # Products with a zero take nothing from it.
    Row([TOP, 0], [2, 5], "stored inf"),
    Row([TOP, 1], [2, 0], "stored inf"),
    Row([TOP, (0, 1)], [2, 0], "stored inf"),
    Row([-TOP, -0.0, 0], [2, -3, 0], "stored -inf"),
    # What was free or only once stored stays so, even with a zero weight.
    Row([FREE], [1], "free"),
    Row([FREE], [0], "free"),
    Row([FREE], [inf], "free"),
    Row([FREE, inf], [1, 1], "free"),
    Row([STORED], [0.25], "free"),
    Row([STORED], [0], "free"),
    Row([STORED, inf], [-0.25, 1], "free"),
    # And the plain case.
    Row([1, 2], [3, 4], "bounded"),
    Row([TOP, -TOP], [0.25, 0.5], "bounded"),
    Row([(1, 0.5), 0], [1, 0], "bounded"),
    Row([0], [0], "exact"),
]

#: An activation, what it is given as (midpoint, radius), what it must say, and the midpoint.
ACTIVATED = [
    ("relu", (nan, 0), "NaN", nan),
    ("relu", (inf, 0), "inf", inf),
    ("relu", (inf, inf), "stored inf", inf),
    ("relu", (-inf, 0), "exact", 0),
    ("relu", (-inf, inf), "exact", 0),
    ("relu", (0, inf), "free", 0),
    ("relu", (-3, 1), "exact", 0),
    ("relu", (-3, 0), "exact", 0),
    ("relu", (-1, 1), "bounded", 0),
    ("relu", (-1, 2), "bounded", 0),
    ("relu", (3, 1), "bounded", 3),
    ("relu", (3, 0), "exact", 3),
    ("tanh", (nan, 0), "NaN", nan),
    ("tanh", (inf, 0), "bounded", 1),
    ("tanh", (-inf, 0), "bounded", -1),
    ("tanh", (inf, inf), "bounded", 1),
    ("tanh", (-inf, inf), "bounded", -1),
    ("tanh", (0, inf), "free", 0),
    ("tanh", (0, 0), "exact", 0),
    ("tanh", (0, 0.5), "bounded", 0),
    ("tanh", (1000, 0), "bounded", 1),
    ("tanh", (-1000, 999), "bounded", -1),
]


class Worst(NamedTuple):
    """A sum that a legitimate evaluation gets as wrong as the bound says, or nearly so."""

    states: Sequence[float]
    weights: Sequence[float]
    #: The error that some order makes, as a share of the radius.
    share: float


def worst_sums(dtype: torch.dtype) -> dict[str, Worst]:
    """Sums that show each part of the radius to be needed; in float64 half of it is for the reference's own error."""
    unit, eta, _, precision = FORMATS[dtype]
    below_unit, below_eta = unit * (1 - unit), eta * (1 - 2 * unit)
    root = 2.0 ** (math.log2(eta) // 2)
    own = 0.5 if dtype == DOUBLE else 1.0
    return {
        "every addition loses half a unit": Worst([1 - unit, *[below_unit] * 3], [1 + 2 * unit, 1, 1, 1], 0.75 * own),
        "a subnormal state is flushed": Worst([below_eta], [2.0**8], 0.95),
        "a subnormal weight is flushed": Worst([2.0**8], [below_eta], 0.95),
        "a subnormal product is flushed": Worst([root * (1 - 2 * unit)], [eta / root], 0.95),
        "subnormal biases are flushed": Worst([1, 1], [below_eta] * 2, 0.49),
        "a tie is broken downwards": Worst([2.0**precision, 1], [1, 1], 0.4 * own),
    }


@st.composite
def numbers(draw: st.DrawFn, dtype: torch.dtype, *, finite: bool = True) -> float:
    """Numbers of a dtype that are near something: one, the next number, underflow, overflow and the roots of those."""
    unit, eta, largest, precision = FORMATS[dtype]
    bottom, top = int(math.log2(eta)), math.frexp(largest)[1] - 1
    kinds = ["normal"] * 7 + ["integer"] * 4 + ["special"] * (0 if finite else 3)
    kind = draw(st.sampled_from(kinds))
    if kind == "special":
        return draw(st.sampled_from((inf, -inf, nan)))
    if kind == "integer":
        return float(draw(st.integers(-4, 4)))
    significand = draw(st.sampled_from((1, 1 + 2 * unit, 1.5, 2 - 2 * unit, 4 / 3, 1 - unit)))
    spread = (0, 0, 1, -1, -precision, 1 - precision, bottom, bottom - 1, bottom // 2, -bottom // 2)
    power = draw(st.sampled_from(spread if finite else (*spread, top, top // 2)))
    value = true.rounded(Fraction(significand) * Fraction(2) ** power, dtype)
    return draw(st.sampled_from((-1, 1))) * float(value)


@st.composite
def products(draw: st.DrawFn, dtype: torch.dtype, *, finite: bool = True) -> list[tuple[float, float]]:
    """Up to four (state, weight)."""
    one = numbers(dtype, finite=finite)
    return draw(st.lists(st.tuples(one, one), min_size=1, max_size=4))


def terms_of(pairs: Sequence[tuple[float, float]]) -> list[Term]:
    return [(number(a), number(b)) for a, b in pairs]


def sum_ball(dtype: torch.dtype, states: Operands, weights: Sequence[float], rounding: Rounding | None = None) -> Ball:
    """The ball of one sum of products."""
    arithmetic = Arithmetic(dtype, rounding or Rounding())
    with np.errstate(all="ignore"):
        gamma = arithmetic.gamma(np.array([float(len(weights))]))
        return arithmetic.sum_of_products(ball(*states), np.array([weights], np.float64), gamma)


def activated(
    dtype: torch.dtype, name: str, mid: float, rad: float, rounding: Rounding | None = None
) -> tuple[float, float]:
    """The ball of one activation."""
    with np.errstate(all="ignore"):
        result = getattr(Arithmetic(dtype, rounding or Rounding()), name)(ball((mid, rad)))
    return float(result.mid.item()), float(result.rad.item())


def samples(mid: float, rad: float) -> list[Number]:
    """Numbers that a ball may stand for."""
    if rad == 0:
        return [number(mid)]
    if math.isfinite(mid) and math.isfinite(rad):
        return [number(mid) - number(rad), number(mid), number(mid) + number(rad)]
    return [nan, inf, -inf, Fraction(0)] if math.isfinite(mid) else [mid, true.sign(mid) * Fraction(TOP) * 2]


def outcomes(row: Row) -> set[Number]:
    """Every result, of every order, from every corner of the balls."""
    corners: list[list[Term]] = [[]]
    for state, weight in zip(row.states, row.weights, strict=True):
        mid, rad = state if isinstance(state, tuple) else (state, 0.0)
        corners = [[*terms, (value, number(weight))] for terms in corners for value in samples(mid, rad)]
    return {value for terms in corners for value in every_sum(terms, SINGLE)}


def kind(value: Number) -> str:
    return "finite" if isinstance(value, Fraction) else "NaN" if math.isnan(value) else str(value)


# The means: what the other tests are held against


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(st.data())
def test_simulated_rounding_is_the_hardware_s(dtype: torch.dtype, data: st.DataObject) -> None:
    """A product and a sum, rounded from the exact one, are bit for bit those of torch."""
    a, b = data.draw(numbers(dtype, finite=False)), data.draw(numbers(dtype, finite=False))
    left, right = torch.tensor(a, dtype=dtype), torch.tensor(b, dtype=dtype)
    for exactly, got in ((true.plus, left + right), (true.times, left * right)):
        expected = true.rounded(exactly(number(a), number(b)), dtype)
        assert float(expected) == got.item() or (math.isnan(expected) and got.isnan())


@pytest.mark.parametrize(("count", "orders"), [(1, 1), (2, 1), (3, 3), (4, 15)])
def test_every_order_is_tried(monkeypatch: pytest.MonkeyPatch, count: int, orders: int) -> None:
    """n terms have (2n - 3)!! trees of sums; written down instead of added up, each one is another string."""
    monkeypatch.setattr(true, "rounded", lambda value, dtype: value)
    monkeypatch.setattr(true, "times", lambda a, b: a)
    monkeypatch.setattr(true, "plus", lambda a, b: f"({a} {b})")
    assert len(every_sum([(letter, 1) for letter in "abcd"[:count]], SINGLE, flush=False)) == orders  # type: ignore[misc]


@given(st.floats(-60, 60))
@example(0.0)
@example(1e-300)
@example(5e-13)
def test_tanh_to_fifty_digits(x: float) -> None:
    """tanh(2x) (1 + tanh(x)^2) is 2 tanh(x), and tanh is odd."""
    half, whole = true.tanh(Fraction(x)), true.tanh(2 * Fraction(x))
    assert abs(whole * (1 + half**2) - 2 * half) <= abs(half) * Fraction(1, 10**48)
    assert true.tanh(-Fraction(x)) == -half


def test_numpy_s_tanh_is_as_accurate_as_assumed() -> None:
    """The reference's own tanh is within 2 units in the last place, from subnormals to saturation."""
    random = np.random.default_rng(0)
    points = np.concatenate(
        [random.uniform(-1, 1, 800), random.uniform(0, 22, 800), 10 ** random.uniform(-310, 0, 400)]
    )
    for x, y in zip(points.tolist(), np.tanh(points).tolist(), strict=True):
        exactly = true.tanh(Fraction(x))
        assert abs(Fraction(y) - exactly) <= 2 * true.ulp(exactly, DOUBLE), x


# grain and gamma


@pytest.mark.parametrize(("values", "expected"), GRAINS)
def test_grain(values: list[float], expected: float) -> None:
    assert grain(np.array(values)) == expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1).filter(any))
def test_grain_divides_all_and_no_larger_one_does(values: list[float]) -> None:
    """Every element is a whole number of grains, and one of them an odd number."""
    quotients = [Fraction(value) / Fraction(grain(np.array(values))) for value in values]
    assert {quotient.denominator for quotient in quotients} == {1}
    assert any(quotient.numerator % 2 for quotient in quotients)


@pytest.mark.parametrize("accumulate", [None, *DTYPES], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(terms=st.integers(0, 300))
def test_gamma_covers_the_dtype_s_and_the_reference_s_own_rounding(
    dtype: torch.dtype, accumulate: torch.dtype | None, terms: int
) -> None:
    """gamma >= (1 - n a)^-1 (1 - m u)^-1 - 1 + n v / (1 - n v), a the accumulator's unit, m the stores, v float64's."""
    sums, dtype_unit = FORMATS[accumulate or dtype].unit_roundoff, FORMATS[dtype].unit_roundoff
    stores = min(terms, 4) if sums < dtype_unit else 0
    left = (1 - terms * Fraction(sums + OWN)) * (1 - stores * Fraction(dtype_unit + OWN))
    gamma = Arithmetic(dtype, Rounding(accumulate=accumulate)).gamma(np.array(float(terms))).item()
    if left <= 0:
        assert gamma == inf
        return
    least = 1 / ((1 - terms * Fraction(sums)) * (1 - stores * Fraction(dtype_unit))) - 1 + terms * Fraction(OWN)
    assert least <= Fraction(gamma) * SLACK
    assert Fraction(gamma) <= (1 / left - 1) * SLACK


@pytest.mark.parametrize(("dtype", "terms"), [(BRAIN, 256), (HALF, 2048), (BRAIN, 10**9)], ids=str)
def test_so_many_terms_are_not_bounded(dtype: torch.dtype, terms: int) -> None:
    """From n u = 1 on gamma is infinite, and a sum free."""
    gamma = Arithmetic(dtype, Rounding()).gamma(np.array([terms - 2.0, terms]))
    assert math.isfinite(gamma[0]) == (terms <= 2048)
    assert gamma[1] == inf
    with np.errstate(all="ignore"):
        free = Arithmetic(dtype, Rounding()).sum_of_products(ball(1), np.ones((1, 1)), gamma[1:])
    assert meaning(free.mid.item(), free.rad.item()) == "free"


# Sums


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(st.data())
def test_no_order_of_summation_leaves_the_ball(dtype: torch.dtype, data: st.DataObject) -> None:
    """Every order of summation, rounded after every operation, fused or flushed or not, is what the ball says it is."""
    pairs = data.draw(products(dtype, finite=False))
    result = sum_ball(dtype, *zip(*pairs, strict=True))
    wrong = [
        value for value in every_sum(terms_of(pairs), dtype) if not allows(result.mid.item(), result.rad.item(), value)
    ]
    assert not wrong, (result, wrong)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@given(st.data())
def test_no_order_of_wide_sums_leaves_the_ball(dtype: torch.dtype, data: st.DataObject) -> None:
    """With float32 accumulation, two matrices' sums in any order are stored in the dtype, and so is their sum."""
    first, second = data.draw(products(dtype)), data.draw(products(dtype))
    rounding = Rounding(accumulate=SINGLE)
    result = sum_ball(dtype, *zip(*first, *second, strict=True), rounding)
    stored = [[true.rounded(value, dtype) for value in every_sum(terms_of(pairs), SINGLE)] for pairs in (first, second)]
    for one in stored[0]:
        for other in stored[1]:
            value = true.rounded(true.plus(one, other), dtype)
            assert allows(result.mid.item(), result.rad.item(), value), (result, value)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(st.data())
def test_operands_anywhere_in_their_balls(dtype: torch.dtype, data: st.DataObject) -> None:
    """A sum of products of balls holds the sums of whatever is in them."""
    pairs, rad = data.draw(products(dtype)), data.draw(numbers(dtype).map(abs))
    states = [(mid, rad) for mid, _ in pairs]
    result = sum_ball(dtype, states, [weight for _, weight in pairs])
    for shift in (-1, 1):
        terms = [(number(mid) + shift * true.sign(w) * number(rad), number(w)) for mid, w in pairs]
        assert allows(result.mid.item(), result.rad.item(), true.rounded(true.exact_sum(terms), dtype))


@pytest.mark.parametrize("name", worst_sums(SINGLE))
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_radii_are_needed(dtype: torch.dtype, name: str) -> None:
    """For every part of the radius there is a sum that some evaluation gets almost as wrong as the radius says."""
    states, weights, share = worst_sums(dtype)[name]
    result = sum_ball(dtype, states, weights)
    terms = terms_of(list(zip(states, weights, strict=True)))
    worst = max(abs(value - true.exact_sum(terms)) for value in every_sum(terms, dtype))
    assert share * result.rad.item() <= worst <= result.rad.item()


@pytest.mark.parametrize("row", SUMS, ids=str)
def test_what_a_sum_means(row: Row) -> None:
    """Each row is what every order of evaluation gives, and free where two differ."""
    result = sum_ball(SINGLE, row.states, row.weights)
    assert meaning(result.mid.item(), result.rad.item()) == row.means
    values = outcomes(row)
    assert all(allows(result.mid.item(), result.rad.item(), value) for value in values if "stored" not in row.means)
    assert (len({kind(value) for value in values}) > 1) == (row.means == "free")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("weights", [[2], [1e308, 1], [-2]], ids=str)
def test_float64_s_own_overflow_is_free(weights: list[float], sign: int) -> None:
    """Where the reference itself overflows it demands nothing."""
    top = FORMATS[DOUBLE].largest
    result = sum_ball(DOUBLE, [sign * top] * len(weights), weights)
    assert (result.mid.item(), result.rad.item()) == FREE


def test_rows_and_columns_do_not_contaminate_each_other() -> None:
    """What is not finite in one row of a batch, or for one unit, is no matter to the others."""
    states = Ball(
        *map(np.concatenate, zip(ball(nan, 1), ball(inf, 1), ball(FREE, 1), ball(TOP, TOP), ball(1, 1), strict=True))
    )
    weights = np.array([[1.0, 2.0], [inf, 1.0], [TOP, -TOP], [3.0, 4.0]])
    arithmetic = Arithmetic(SINGLE, Rounding())
    with np.errstate(all="ignore"):
        gamma = arithmetic.gamma(np.full(4, 2.0))
        together = arithmetic.sum_of_products(states, weights, gamma)
    for b, j in np.ndindex(5, 4):
        alone = sum_ball(SINGLE, [(states.mid[b, k], states.rad[b, k]) for k in range(2)], weights[j])
        assert np.array_equal([alone.mid.item(), alone.rad.item()], [part[b, j] for part in together], equal_nan=True)
    assert meaning(together.mid[4, 3], together.rad[4, 3]) == "bounded"


# Activations


@pytest.mark.parametrize(("name", "given_ball", "means", "mid"), ACTIVATED)
def test_what_an_activation_means(name: str, given_ball: tuple[float, float], means: str, mid: float) -> None:
    result = activated(SINGLE, name, *given_ball)
    assert meaning(*result) == means
    assert np.array_equal(result[0], mid, equal_nan=True)


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(-1, 1))
@example(-1.0, 1.0, 1.0)
def test_relu_of_anything_in_a_ball(mid: float, rad: float, place: float) -> None:
    """relu of a point of a ball is in relu of the ball."""
    point = Fraction(mid) + Fraction(place) * Fraction(rad)
    assert allows(*activated(SINGLE, "relu", mid, rad), true.relu(point))


MIDPOINTS = st.one_of(st.floats(-3, 3), st.floats(-25, 25), st.sampled_from((0.0, 1e-40, 2.0**-126, 1e-5, 1e6)))
RADII = st.one_of(st.just(0.0), st.floats(0, 3), st.floats(-50, 3).map(lambda power: 2.0**power))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(MIDPOINTS, RADII, st.floats(-1, 1), st.sampled_from((-2, 0, 2)), st.booleans())
def test_tanh_of_anything_in_a_ball(
    dtype: torch.dtype, mid: float, rad: float, place: float, ulps: int, flush: bool
) -> None:
    """tanh of a point of a ball, two units off or flushed to zero, is in tanh of the ball."""
    exactly = true.tanh(Fraction(mid) + Fraction(place) * Fraction(rad))
    value = exactly + ulps * true.ulp(exactly, dtype) if exactly else exactly
    assert allows(*activated(dtype, "tanh", mid, rad), true.flushed(value, dtype) if flush else value)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(MIDPOINTS, RADII)
def test_tanh_s_radius_is_the_furthest_point_s(dtype: torch.dtype, mid: float, rad: float) -> None:
    """The radius is no larger than the furthest point's distance, two units for the library and two for NumPy's."""
    middle = true.tanh(Fraction(mid))
    edge = true.tanh(Fraction(abs(mid)) - Fraction(rad))
    spread = abs(abs(middle) - edge)
    unit, eta, _, _ = FORMATS[dtype]
    most = spread + 4 * Fraction(unit + OWN) * (abs(middle) + spread) + Fraction(eta)
    assert Fraction(activated(dtype, "tanh", mid, rad)[1]) <= most * SLACK + 8 * Fraction(OWN) * (rad > 0)


def test_the_reference_s_tanh_and_another_err_by_two_units_each() -> None:
    """In float64 the radius of tanh is as large as the library's error and NumPy's together."""
    _, rad = activated(DOUBLE, "tanh", 0.6, 0.0)
    assert rad >= 4 * float(true.ulp(true.tanh(Fraction(0.6)), DOUBLE))


# Rounding models


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_wide_accumulation_is_tighter(dtype: torch.dtype) -> None:
    """The wider the accumulator, the smaller the radius of a long sum; a few stores in the dtype remain."""
    states, weights = [1.0] * 40, [0.75] * 40
    radii = [
        sum_ball(dtype, states, weights, Rounding(accumulate=accumulate)).rad.item()
        for accumulate in (None, SINGLE, DOUBLE)
    ]
    assert radii[0] > 4 * radii[1] > 4 * radii[2] > 4 * 30 * 4 * FORMATS[dtype].unit_roundoff


def test_an_accumulator_of_the_same_dtype_changes_nothing() -> None:
    """Said or not, sums are accumulated in the dtype of the case."""
    said, unsaid = (sum_ball(HALF, [1, 2], [3, 4], Rounding(accumulate=dtype)) for dtype in (HALF, None))
    assert said == unsaid


@pytest.mark.parametrize("rounded", ["sum", "state"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@given(st.data())
def test_one_rounding_is_at_most_half_a_unit(dtype: torch.dtype, rounded: str, data: st.DataObject) -> None:
    """Every number in a ball, stored in the dtype, flushed or not, is in the stored ball: and no radius is wider."""
    mid, rad = data.draw(numbers(SINGLE)), abs(data.draw(numbers(SINGLE))) + 1e-30
    assume(abs(mid) + rad < FORMATS[dtype].largest)
    stored = Arithmetic(dtype, Rounding(accumulate=SINGLE, rounded=rounded)).store(ball((mid, rad)))
    for value in (Fraction(mid) + share * Fraction(rad) for share in (-1, Fraction(data.draw(st.floats(-1, 1))), 1)):
        nearest = true.rounded(value, dtype)
        assert allows(stored.mid.item(), stored.rad.item(), nearest)
        assert allows(stored.mid.item(), stored.rad.item(), true.flushed(nearest, dtype))
    granted = true.ulp(Fraction(abs(mid) + rad), dtype) / 2 + Fraction(FORMATS[dtype].smallest_normal)
    assert stored.rad.item() - rad <= float(granted) * (1 + 1e-9) + 1e-12 * rad


@pytest.mark.parametrize("special", [0.0, 1.5, inf, -inf, nan])
def test_what_is_exact_or_not_finite_is_stored_as_it_is(special: float) -> None:
    """No rounding moves a number of the dtype, an infinity or a NaN; what is free stays free."""
    arithmetic = Arithmetic(HALF, Rounding(accumulate=SINGLE, rounded="state"))
    for rad in (0.0, inf)[: 1 if special != special else 2]:
        with np.errstate(invalid="ignore"):
            stored = arithmetic.store(ball((special, rad)))
        assert np.array_equal(stored, ball((special, rad)), equal_nan=True)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_fewer_roundings_are_tighter(dtype: torch.dtype, nonlinearity: str) -> None:
    """A state that is rounded once is bounded more tightly than a sum and its tanh are, these than every operation."""
    radii = []
    for rounded in ROUNDED:
        arithmetic = Arithmetic(dtype, Rounding(accumulate=SINGLE, rounded=rounded))
        gamma = arithmetic.gamma(np.array([3.0]))
        total = arithmetic.sum_of_products(ball(0.3, 0.7, 0.1), np.array([[0.3, 0.6, 1.0]]), gamma)
        radii.append(arithmetic.activation(nonlinearity)(total).rad.item())
    assert radii[0] > 1.3 * radii[1]
    assert radii[1] >= radii[2]
    assert radii[2] < 1.01 * FORMATS[dtype].unit_roundoff / 2, "half a unit of numbers from 1/2 to 1, and little else"


@pytest.mark.parametrize("rounded", ROUNDED)
def test_an_accumulator_that_is_no_wider_leaves_every_rounding(rounded: str) -> None:
    """Beside an accumulator of the dtype itself, or a narrower one, what else is rounded makes no difference."""
    for accumulate in (SINGLE, HALF):
        plain, said = (Rounding(accumulate=accumulate, rounded=name) for name in ("operations", rounded))
        assert activated(SINGLE, "tanh", 0.3, 1e-5, plain) == activated(SINGLE, "tanh", 0.3, 1e-5, said)
        assert sum_ball(SINGLE, [1, 0.1], [3, 4], plain) == sum_ball(SINGLE, [1, 0.1], [3, 4], said)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("ulps", [0.5, 1.0, 2.0, 7.0])
def test_tanh_ulps_scale_its_error(dtype: torch.dtype, ulps: float) -> None:
    """One unit in the last place more is 2 u |tanh| more."""
    rounding = Rounding(tanh_ulps=ulps, reason="as far as this test goes")
    unit, eta, _, _ = FORMATS[dtype]
    mid, rad = activated(dtype, "tanh", 0.75, 0.0, rounding)
    assert rad - eta == pytest.approx(2 * (ulps * unit + 2 * OWN) * mid, rel=1e-9)


@pytest.mark.parametrize(("dtype", "accumulate"), [(HALF, None), (HALF, SINGLE), (SINGLE, DOUBLE)], ids=str)
@pytest.mark.parametrize("x", [1e-4, 0.3, -0.3, 2.0, -(2.0**-77)])
def test_absolute_accuracy_is_of_the_accumulator_s_size(
    dtype: torch.dtype, accumulate: torch.dtype | None, x: float
) -> None:
    """2 sigmoid(2x) - 1, two units of sigmoid off and stored in the dtype, is in the ball."""
    rounding = Rounding(accumulate=accumulate, tanh_absolute=True, reason="it is made of a sigmoid")
    exactly, error = true.tanh(Fraction(x)), 4 * true.ulp(Fraction(1, 2), accumulate or dtype)
    result = activated(dtype, "tanh", x, 0.0, rounding)
    assert allows(*result, true.rounded(exactly + error, dtype))
    unit, eta, _, _ = FORMATS[dtype]
    assert result[1] <= (2 * unit + 4 * OWN) * abs(float(exactly)) + float(error) * (1 + 2 * unit) + eta


def test_absolute_accuracy_is_not_granted_unsaid() -> None:
    """Near 0 an error relative to 1 is outside the ball, unless the rounding model says so."""
    wrong = true.tanh(Fraction(1e-3)) + 4 * true.ulp(Fraction(1, 2), HALF)
    assert not allows(*activated(HALF, "tanh", 1e-3, 0.0), wrong)


def test_exact_numbers_have_no_radius() -> None:
    values: Array = np.array([[1.0, -2.0], [nan, inf]])
    mid, rad = exact(values)
    assert mid is values
    assert not rad.any()
