"""The verdict on a result: what is no result, and which number is told where several are wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config, implementation
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.judge.base.groups import ARCHIVED, GROUPS
from rnn_parity.tests.judge.demands.property import in_groups, load_properties, under_titles
from rnn_parity.tests.judge.trial.budget import Budget
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result, as_result, judge, judge_values, place

PART = torch.zeros(1, 1, 1)
INFINITY = math.inf


def case(options: dict[str, Any] | None = None, **changes: Any) -> Case:
    """Two steps of one row, through one unit."""
    config = Config(1, 1, **{"nonlinearity": "relu", "dtype": torch.float32} | (options or {}))
    return Case(config, np.ones((2, 1, 1)), **changes)


def test_a_pair_of_tensors_is_a_result() -> None:
    assert as_result((PART, PART)) == Result(PART, PART)


@pytest.mark.parametrize(
    ("returned", "kind", "says"),
    [
        (PART, "type", "returned torch.Tensor, expected"),
        ((PART,), "type", "returned (torch.Tensor,), expected"),
        ([PART, PART], "type", "returned [torch.Tensor, torch.Tensor], expected"),
        ((PART, None), "type", "returned (torch.Tensor, NoneType), expected"),
        ((PART.to("meta"), PART), "output device", "output is a torch.strided tensor on meta, expected a dense one"),
        ((PART, PART.to_sparse()), "h_n device", "h_n is a torch.sparse_coo tensor on cpu, expected a dense one"),
    ],
)
def test_what_is_no_result(returned: object, kind: str, says: str) -> None:
    """It says what came, and what was expected."""
    with pytest.raises(Disagreement) as caught:
        as_result(returned)
    assert caught.value.kind == kind
    assert says in caught.value.text


EXPECTED = Ball(np.ones((2, 1, 1)), np.zeros((2, 1, 1))), Ball(np.ones((1, 1, 1)), np.zeros((1, 1, 1)))


def test_what_is_right_is_counted() -> None:
    margin = judge(case(), Result(torch.ones(2, 1, 1), torch.ones(1, 1, 1)), EXPECTED)
    assert (margin.elements, margin.worst) == (3, 0.0)


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (Result(torch.ones(2, 1), torch.ones(1, 1, 1)), "output shape"),
        (Result(torch.ones(2, 1, 1), torch.ones(1, 1, 1).double()), "h_n dtype"),
        (Result(torch.ones(2, 1, 1), torch.zeros(1, 1, 1)), "value"),
    ],
)
def test_shape_dtype_and_numbers(got: Result, kind: str) -> None:
    """In that order, outputs before final states."""
    with pytest.raises(Disagreement) as caught:
        judge(case(), got, EXPECTED)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("got", "mid", "rad", "ratio"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (1.5, 1.0, 1.0, 0.5),
        (math.nan, math.nan, 0.0, 0.0),
        (INFINITY, INFINITY, 0.0, 0.0),
        (7.0, 1.0, INFINITY, 0.0),
        (math.nan, 1.0, 1.0, None),
        (-INFINITY, INFINITY, 1.0, None),
        (1.0, 1.5, 0.0, None),
    ],
)
def test_a_number_beside_its_ball(got: float, mid: float, rad: float, ratio: float | None) -> None:
    """What is met exactly, or free, counts as 0; NaN where a number was due is outside of any bound."""
    arrays = [np.full((2, 1, 1), value) for value in (got, mid, rad)]
    if ratio is None:
        with pytest.raises(Disagreement, match=r"^output\[t=0, b=0, j=0\] \(layer 0\)$"):
            judge_values(case(), "output", arrays[0], Ball(*arrays[1:]))
    else:
        assert judge_values(case(), "output", arrays[0], Ball(*arrays[1:])).worst == ratio


@pytest.mark.parametrize(
    ("dtype", "got", "counted"),
    [
        (torch.float32, 2.0**-127, (2, 0)),
        (torch.float32, 0.0, (0, 2)),
        (torch.float32, 2.0**-126, (0, 0)),
        (torch.float16, 0.0, (0, 0)),
    ],
)
def test_subnormal_results_are_counted(dtype: torch.dtype, got: float, counted: tuple[int, int]) -> None:
    """Kept or flushed to zero, of the dtypes in which no rounding alone makes a zero of them."""
    mid = np.full((2, 1, 1), float(torch.finfo(dtype).smallest_normal / 2))
    found = judge_values(case({"dtype": dtype}), "output", np.full((2, 1, 1), got), Ball(mid, np.full((2, 1, 1), 1.0)))
    assert (found.kept, found.flushed) == counted


#: Options, what is wrong, by its indices, and the first of them in the order of computation.
FIRST: list[tuple[dict[str, Any], str, list[tuple[int, ...]], str]] = [
    ({}, "output", [(1, 0, 0)], "[t=1, b=0, j=0] (layer 0)"),
    ({"bidirectional": True}, "output", [(0, 0, 0), (1, 0, 1)], "[t=0, b=0, j=0] (layer 0, forward)"),
    ({"bidirectional": True}, "output", [(1, 0, 0), (1, 0, 1)], "[t=1, b=0, j=1] (layer 0, reverse)"),
    ({"bidirectional": True, "batch_first": True}, "output", [(0, 1, 1)], "[b=0, t=1, j=1] (layer 0, reverse)"),
    ({"bidirectional": True, "num_layers": 2}, "h_n", [(3, 0, 0)], "[row=3, b=0, j=0] (layer 1, reverse)"),
    ({"bidirectional": True}, "gradient of x", [(1, 0, 0)], "[1, 0, 0]"),
]


@pytest.mark.parametrize(("options", "name", "wrong", "said"), FIRST)
def test_the_first_wrong_number_is_told(
    options: dict[str, Any], name: str, wrong: list[tuple[int, ...]], said: str
) -> None:
    """By its place in words: the reverse direction computes the last step first."""
    judged = case(options)
    shape = (1, 2, 2) if options.get("batch_first") else (4, 1, 1) if name == "h_n" else (2, 1, 2)
    found = np.zeros(shape)
    for index in wrong:
        found[index] = 1.0
    with pytest.raises(Disagreement) as caught:
        judge_values(judged, name, found, Ball(np.zeros(shape), np.zeros(shape)))
    assert caught.value.text == f"{name}{said}"
    assert caught.value.details["wrong"] == len(wrong)


@pytest.mark.parametrize(("name", "index", "said"), [("output", (1, 0), "[t=1, j=0]"), ("h_n", (0, 0), "[row=0, j=0]")])
def test_without_a_batch(name: str, index: tuple[int, ...], said: str) -> None:
    """There is no row to tell."""
    assert place(case(unbatched=True), name, index) == f"{said} (layer 0)"


# Properties


def test_properties_stand_in_the_order_of_their_groups() -> None:
    """Under the titles of these; the archive, whose cases are of any, comes last."""
    names = in_groups(["archive", *load_properties()])
    titles = [title for title, _ in under_titles(names)]
    assert titles == [*(group.title for group in GROUPS.values()), ARCHIVED]


@pytest.mark.parametrize(
    ("name", "claims", "why"),
    [
        ("gradients", {}, ""),
        ("gradients", {"gradients": False}, "claims no gradients"),
        ("second_derivatives", {"own_process": True}, "runs in a separate process, which differentiates once only"),
        ("second_derivatives", {"second_derivatives": False}, "claims no second derivatives"),
        ("lengths", {"lengths": ()}, "claims no lengths"),
        (
            "memory",
            {"own_process": True},
            "runs in a separate process, where memory and concurrent calls cannot be observed",
        ),
        (
            "laws",
            {"several_shapes": False},
            "builds slowly for each shape, and a case of this property has several shapes",
        ),
    ],
)
def test_who_takes_no_part_is_told_why(name: str, claims: dict[str, Any], why: str) -> None:
    assert load_properties()[name].exempts(Capabilities(**claims)) == why


def test_after_its_budget_nothing_is_judged() -> None:
    """But the first case; that there were more is kept."""
    trial = Trial(implementation("nn.rnn"), limits=Budget(seconds=0.0))
    for _ in range(3):
        load_properties()["agreement"]._body()(trial, case())
    assert (trial.tally.cases, trial.tally.cut) == (1, True)
