"""The strategies: cases lie inside the claims, every feature turns up, and a case is what it says it is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.statistics import collector

from rnn_parity import DTYPES, LENGTHS, Capabilities, Config
from rnn_parity.contract.case import round_to
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import MEMORY, Case, InvalidCase, Sizes, cases, cases_beyond, configs, sizes
from rnn_parity.strategies.drawing.beyond import claims_everything, one_step_wider
from rnn_parity.strategies.drawing.values import codebook, special_values
from rnn_parity.strategies.shrinking.reduce import reduce_case
from rnn_parity.tests.suite.alike import bits, everything
from rnn_parity.tests.suite.quick import examples

#: Most look at the same cases.
pytestmark = pytest.mark.xdist_group("strategies")

T = TypeVar("T")
Predicate = Callable[[Case], bool]

#: Implementations of every kind: each field taken back, alone and together.
CLAIMS: dict[str, Capabilities] = {
    "everything": Capabilities(),
    "relu": Capabilities(nonlinearities=("relu",)),
    "tanh": Capabilities(nonlinearities=("tanh",)),
    "bias": Capabilities(biases=(True,)),
    "no bias": Capabilities(biases=(False,)),
    "time first": Capabilities(batch_first=(False,)),
    "batch first": Capabilities(batch_first=(True,)),
    "one direction": Capabilities(bidirectional=False),
    "batched": Capabilities(unbatched=False),
    "no h_0": Capabilities(h_0=False),
    "finite": Capabilities(nonfinite=False),
    "finite float16": Capabilities(nonfinite=False, dtypes=(torch.float16,)),
    "one thread": Capabilities(threads=False),
    "float32": Capabilities(dtypes=(torch.float32,)),
    "half": Capabilities(dtypes=(torch.float16, torch.bfloat16)),
    "a batch": Capabilities(min_batch=1),
    "a batch of 2": Capabilities(min_batch=2, max_batch=2),
    "a batch of 7 or more": Capabilities(min_batch=7),
    "one row": Capabilities(max_batch=1),
    "one step": Capabilities(max_steps=1),
    "one input": Capabilities(max_input_size=1),
    "one unit": Capabilities(max_hidden_size=1),
    "one layer": Capabilities(max_layers=1),
    "two layers": Capabilities(max_layers=2),
    "small": Capabilities(max_batch=3, max_steps=2, max_input_size=5, max_hidden_size=4),
    "notebook": Capabilities(
        nonlinearities=("relu",),
        biases=(True,),
        batch_first=(False,),
        bidirectional=False,
        unbatched=False,
        h_0=False,
        nonfinite=False,
        threads=False,
        dtypes=(torch.float32,),
        min_batch=1,
        max_batch=1,
        max_steps=9,
        max_input_size=1,
        max_hidden_size=1,
        max_layers=1,
    ),
}


def weights(case: Case, role: str) -> list[np.ndarray[Any, Any]]:
    """The parameters of one role, over layers and directions."""
    return [array for name, array in case.weights.items() if name.startswith(role)]


def anywhere(case: Case, demand: Callable[[np.ndarray[Any, Any]], Any]) -> bool:
    """Whether some number of a case is as demanded."""
    return any(bool(np.any(demand(array))) for array in case.arrays.values())


def pairs(case: Case) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """b_ih and b_hh of every layer and direction."""
    return list(zip(weights(case, "bias_ih"), weights(case, "bias_hh"), strict=True))


def size_of(case: Case) -> Sizes:
    """The four sizes."""
    return Sizes(case.steps, case.batch_size, case.config.input_size, case.config.hidden_size)


def rows_differ(case: Case) -> bool:
    """Whether h_0 is another for every layer and direction, of which there are several."""
    return case.h_0 is not None and len({row.tobytes() for row in case.h_0}) == len(case.h_0) > 1


def has_blank_frames(case: Case) -> bool:
    """Whether some steps of several are all zero, and some are not."""
    blank = ~case.x.reshape(case.steps, -1).any(axis=1)
    return case.batch_size > 0 and bool(blank.any()) and not blank.all()


def subnormal(case: Case) -> bool:
    """Whether a number lies below the smallest normal one of the dtype."""
    smallest = torch.finfo(case.config.dtype).smallest_normal
    return anywhere(case, lambda array: (array != 0) & (np.abs(array) < smallest))


#: What turns up among the cases that an implementation of the whole surface is fed.
FEATURES: dict[str, Predicate] = {
    "all sizes different": lambda case: len(set(size_of(case))) == 4,
    "I = H, not 1": lambda case: case.config.input_size == case.config.hidden_size > 1,
    "B = H, not 1": lambda case: case.batch_size == case.config.hidden_size > 1,
    "T = B, not 1": lambda case: case.steps == case.batch_size > 1,
    "B = I, not 1": lambda case: case.batch_size == case.config.input_size > 1,
    "T = H, not 1": lambda case: case.steps == case.config.hidden_size > 1,
    "all sizes equal, not 1": lambda case: len(set(size_of(case))) == 1 < case.steps,
    "all sizes 1": lambda case: set(size_of(case)) == {1},
    "T = 1 alone": lambda case: case.steps == 1 < min(size_of(case)[1:]),
    "B = 1 alone": lambda case: case.batch_size == 1 < min(case.steps, case.config.input_size, case.config.hidden_size),
    "I = 1 alone": lambda case: case.config.input_size == 1 < min(case.steps, case.batch_size, case.config.hidden_size),
    "H = 1 alone": lambda case: case.config.hidden_size == 1 < min(size_of(case)[:3]),
    "batch 0": lambda case: case.batch_size == 0,
    "batch 0 with h_0": lambda case: case.batch_size == 0 and case.has_h_0,
    **{f"H = {edge}": lambda case, edge=edge: case.config.hidden_size == edge for edge in (7, 8, 9, 31, 32, 33, 65)},
    **{f"I = {edge}": lambda case, edge=edge: case.config.input_size == edge for edge in (7, 8, 9, 31, 32, 33, 65)},
    **{f"B > {width}": lambda case, width=width: case.batch_size > width for width in (8, 16, 32)},
    **{f"T > {width}": lambda case, width=width: case.steps > width for width in (8, 16, 32)},
    "I and H past 64": lambda case: min(case.config.input_size, case.config.hidden_size) > 64,
    "three layers, two directions": lambda case: case.config.num_layers == 3 and case.config.bidirectional,
    "several layers, one direction": lambda case: case.config.num_layers > 1 and not case.config.bidirectional,
    "no bias": lambda case: not case.config.bias,
    "batch_first": lambda case: case.config.batch_first and not case.unbatched,
    "unbatched": lambda case: case.unbatched,
    "unbatched with h_0, batch_first": lambda case: case.unbatched and case.has_h_0 and case.config.batch_first,
    **{str(dtype): lambda case, dtype=dtype: case.config.dtype == dtype for dtype in DTYPES},
    "tanh": lambda case: case.config.nonlinearity == "tanh",
    "relu": lambda case: case.config.nonlinearity == "relu",
    "no h_0": lambda case: not case.has_h_0,
    "h_0 zero": lambda case: case.h_0 is not None and case.h_0.size > 0 and not case.h_0.any(),
    "h_0 another for every layer and direction": rows_differ,
    "b_ih and b_hh different": lambda case: any((one != two).any() for one, two in pairs(case)),
    "W_hh asymmetric": lambda case: any((array != array.T).any() for array in weights(case, "weight_hh")),
    "layers different": lambda case: len({array.tobytes() for array in weights(case, "weight_hh")}) > 1,
    "blank frames": has_blank_frames,
    "mostly zero weights": lambda case: any(
        (array == 0).mean() > 0.6 for array in weights(case, "weight_ih") if array.size > 9
    ),
    "full weights": lambda case: all(array.all() for array in weights(case, "weight_hh") if array.size > 3),
    "whole numbers": lambda case: not anywhere(case, lambda array: array != np.round(array)),
    "thirds": lambda case: anywhere(case, lambda array: array == round_to(case.config.dtype, 1 / 3)),
    "the whole significand": lambda case: anywhere(case, lambda array: array == 1 + torch.finfo(case.config.dtype).eps),
    "past saturation": lambda case: anywhere(case, lambda array: np.abs(array) == 120),
    "negative zero": lambda case: anywhere(case, lambda array: (array == 0) & np.signbit(array)),
    "NaN": lambda case: anywhere(case, np.isnan),
    "infinity": lambda case: anywhere(case, np.isposinf),
    "negative infinity": lambda case: anywhere(case, np.isneginf),
    "largest finite": lambda case: anywhere(case, lambda array: np.abs(array) == torch.finfo(case.config.dtype).max),
    "subnormal": subnormal,
    "plain": lambda case: case.finite,
}

#: What Hypothesis makes of a demand: kind of case and numbers that are not 1.
MINIMAL: dict[str, tuple[Predicate, str, list[float]]] = {
    "anything": (lambda case: True, "relu T1 B1 I1 H1 float64", []),
    "wide": (lambda case: case.config.hidden_size > 8, "relu T1 B1 I9 H9 float64", []),
    "batch 0": (FEATURES["batch 0"], "relu T1 B0 I1 H1 float64", []),
    "layers": (FEATURES["three layers, two directions"], "relu T1 B1 I1 H1 L3 bidirectional float64", []),
    "tanh": (FEATURES["tanh"], "tanh T1 B1 I1 H1 float64", []),
    "no bias": (FEATURES["no bias"], "relu T1 B1 I1 H1 no-bias float64", []),
    "batch_first": (FEATURES["batch_first"], "relu T1 B1 I1 H1 batch_first float64", []),
    "unbatched": (FEATURES["unbatched"], "relu T1 B1 I1 H1 unbatched float64", []),
    "h_0": (lambda case: case.has_h_0, "relu T1 B1 I1 H1 h_0 float64", []),
    "h_0 zero": (FEATURES["h_0 zero"], "relu T1 B1 I1 H1 h_0 float64", [0]),
    "h_0 not zero": (lambda case: case.h_0 is not None and bool(case.h_0.any()), "relu T1 B1 I1 H1 h_0 float64", []),
    "biases": (FEATURES["b_ih and b_hh different"], "relu T1 B1 I1 H1 float64", [0]),
    "a number": (lambda case: bool(case.x.any()), "relu T1 B1 I1 H1 float64", []),
}


def drawn(strategy: st.SearchStrategy[T], count: int, thrown_away: float = 0.0) -> list[T]:
    """So many draws, the same ones every time, no more than this share of them thrown away."""
    found: list[T] = []
    phases: list[dict[str, Any]] = []

    @seed(0)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None)
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    with collector.with_value(phases.append):
        collect()
    statuses = Counter(tried["status"] for phase in phases for tried in phase["generate-phase"]["test-cases"])
    assert statuses["valid"] == count
    assert statuses.total() - count <= thrown_away * count, statuses
    return found


@cache
def plenty() -> list[Case]:
    """Cases for an implementation of the whole surface."""
    return drawn(cases(), examples(3000))


@cache
def laid_out() -> list[Case]:
    """Cases that lie in memory in every way."""
    return drawn(cases(memory=tuple(MEMORY)), 600)


# Inside the claims


@pytest.mark.parametrize("name", CLAIMS)
def test_cases_lie_inside_the_claims(name: str) -> None:
    """Each case is one that the implementation takes; but for sums that may overflow, none is thrown away."""
    claims = CLAIMS[name]
    found = drawn(cases(claims, memory=tuple(MEMORY)), examples(120), thrown_away=0.0 if claims.nonfinite else 0.1)
    assert [case for case in found if claims.objections(case)] == []


@pytest.mark.parametrize("name", CLAIMS)
def test_sizes_and_configs_lie_inside_the_claims(name: str) -> None:
    """So are sizes and networks drawn on their own."""
    claims = CLAIMS[name]
    for size in drawn(sizes(claims), examples(60)):
        case = Case(
            Config(
                size.input_size, size.hidden_size, 1, claims.nonlinearities[0], claims.biases[0], dtype=claims.dtypes[0]
            ),
            np.zeros((size.steps, size.batch, size.input_size)),
        )
        assert set(claims.objections(case)) <= {"batch_first"}
    for config in drawn(configs(claims), examples(60)):
        case = Case(config, np.zeros((1, max(1, claims.min_batch), config.input_size)))
        assert claims.objections(case) == []


def test_values_are_numbers_of_the_dtype() -> None:
    """Every number of a case is one that its dtype holds: nothing is rounded on the way to a tensor."""
    for case in (*plenty(), *laid_out(), *drawn(cases(CLAIMS["finite float16"]), 500, thrown_away=0.1)):
        for name, array in case.arrays.items():
            assert bits(round_to(case.config.dtype, array)) == bits(array), (name, case)


def test_nothing_special() -> None:
    """Asked for none, no case has a number that is not plain."""
    assert all(np.isfinite(array).all() for case in drawn(cases(special=False), 500) for array in case.arrays.values())


@pytest.mark.parametrize("floor", [Sizes(1, 0, 1, 1), Sizes(3, 2, 4, 6), Sizes(1, 9, 1, 1)])
def test_at_least(floor: Sizes) -> None:
    """No size lies below those that are demanded."""
    assert all(
        all(size >= least for size, least in zip(size_of(case), floor, strict=True))
        for case in drawn(cases(at_least=floor), 100)
    )


# Features


@pytest.mark.full
@pytest.mark.parametrize("name", FEATURES)
def test_feature_turns_up(name: str) -> None:
    """Every feature that a bug may hang on is there among the cases of one run, more than once."""
    assert sum(FEATURES[name](case) for case in plenty()) >= 3


@pytest.mark.full
def test_special_values_turn_up() -> None:
    """Every special value of every dtype is there."""
    for dtype in DTYPES:
        found = [case for case in plenty() if case.config.dtype == dtype]
        held = np.concatenate([array.ravel() for case in found for array in case.arrays.values()])
        assert set(np.array(special_values(dtype)).view(np.int64)) <= set(held.view(np.int64))


@pytest.mark.parametrize("dtype", DTYPES)
def test_codebook(dtype: torch.dtype) -> None:
    """Each of the 256 bytes is a number of the dtype; the first ones are 1 and 0."""
    book = codebook(dtype)
    assert book.shape == (256,)
    assert np.isfinite(book).all()
    assert book[:2].tolist() == [1, 0]
    assert bits(round_to(dtype, book)) == bits(book)


def shrunk(demand: Predicate, begin: int) -> Case:
    """What Hypothesis makes of a demand."""
    options = settings(max_examples=5000, database=None, deadline=None)
    return find(cases(), demand, settings=options, random=random.Random(begin))


@pytest.mark.parametrize("begin", range(6))
def test_minimal_of_a_zero(begin: int) -> None:
    """Here Hypothesis ends in one local minimum or another, by where it begins; our own reduction in none."""

    def demand(case: Case) -> bool:
        return not case.x.all()

    assert reduce_case(shrunk(demand, begin), demand).case.descriptor == "relu T1 B1 I1 H1 no-bias float64"


@pytest.mark.parametrize("name", MINIMAL)
def test_minimal(name: str) -> None:
    """Hypothesis shrinks to the smallest sizes, plain options, and ones; our own reduction goes on from there."""
    demand, descriptor, other = MINIMAL[name]
    found = shrunk(demand, 0)
    numbers = np.concatenate([array.ravel() for array in found.arrays.values()])
    assert (found.descriptor, numbers[numbers != 1].tolist()) == (descriptor, other)


# Memory


def backwards(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.permute(tuple(reversed(range(tensor.dim()))))


def has_gaps(tensor: torch.Tensor) -> bool:
    """Whether every second element in each direction is the tensor's, and all between them are NaN."""
    room = [2 * size for size in tensor.shape]
    strides = torch.empty(room).stride()
    storage = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
    between = storage.numel() - tensor.numel()
    return tensor.stride() == tuple(2 * stride for stride in strides) and int(storage.isnan().sum()) >= between


def is_sliced(tensor: torch.Tensor) -> bool:
    """Whether it is the last part of a tensor of NaN that is larger by one in each direction."""
    whole = torch.empty([size + 1 for size in tensor.shape])
    part = whole[tuple(slice(1, None) for _ in tensor.shape)]
    return (tensor.stride(), tensor.storage_offset()) == (part.stride(), part.storage_offset())


def is_expanded(tensor: torch.Tensor) -> bool:
    """Whether the stride is 0 along every axis on which all elements are equal, and along no other."""
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if size > 1 and tensor.numel() and bool((tensor == tensor.narrow(axis, 0, 1)).all()) != (stride == 0):
            return False
    return True


#: What is promised of a tensor that lies in memory so.
PROMISES: dict[str, Callable[[torch.Tensor], bool]] = {
    "contiguous": lambda tensor: tensor.is_contiguous() and tensor.storage_offset() == 0,
    "transposed": lambda tensor: backwards(tensor).is_contiguous(),
    "strided": has_gaps,
    "offset": lambda tensor: tensor.is_contiguous() and tensor.storage_offset() == 1,
    "sliced": is_sliced,
    "expanded": is_expanded,
}


def all_tensors(case: Case) -> dict[str, torch.Tensor]:
    """Every tensor of a case by name."""
    found, x, h_0 = case.tensors()
    return {**found, "x": x} | ({} if h_0 is None else {"h_0": h_0})


def test_every_layout_is_promised_something() -> None:
    """The table of promises has every way to lie in memory."""
    assert set(PROMISES) == set(MEMORY)


@pytest.mark.parametrize("memory", MEMORY)
def test_memory(memory: str) -> None:
    """Each tensor lies in memory as the case says, holds the same values, and is its own."""
    found = [case for case in laid_out() if case.memory == memory]
    assert len(found) > 50
    for case in found:
        plain, again = all_tensors(replace(case, memory="contiguous")), all_tensors(case)
        for name, tensor in all_tensors(case).items():
            assert PROMISES[memory](tensor), (name, tensor.stride(), case)
            assert torch.equal(tensor.nan_to_num(7.0), plain[name].nan_to_num(7.0))
            assert not tensor.numel() or tensor.data_ptr() != again[name].data_ptr()


@pytest.mark.parametrize("memory", ["transposed", "strided", "expanded"])
def test_memory_matters(memory: str) -> None:
    """Tensors that are not contiguous really turn up, parameters, inputs and states among them."""
    found = [all_tensors(case) for case in laid_out() if case.memory == memory]
    for name in ("x", "h_0", "weight_ih_l0", "weight_hh_l0"):
        assert sum(not tensors[name].is_contiguous() for tensors in found if name in tensors) > 3


#: batch_first, unbatched; the shapes of x and h_0 of two layers, two directions, T2 I3 H4.
LAYOUTS: list[tuple[bool, bool, tuple[int, ...], tuple[int, ...]]] = [
    (False, False, (2, 1, 3), (4, 1, 4)),
    (True, False, (1, 2, 3), (4, 1, 4)),
    (False, True, (2, 3), (4, 4)),
    (True, True, (2, 3), (4, 4)),
]


@pytest.mark.parametrize(("batch_first", "unbatched", "x_shape", "state_shape"), LAYOUTS)
def test_layouts(batch_first: bool, unbatched: bool, x_shape: tuple[int, ...], state_shape: tuple[int, ...]) -> None:
    """Tensors are in nn.RNN's layouts, which nn.RNN takes."""
    config = Config(3, 4, num_layers=2, bidirectional=True, batch_first=batch_first, dtype=torch.float64)
    x, h_0 = np.arange(6.0).reshape(2, 1, 3), np.arange(16.0).reshape(4, 1, 4)
    given_weights, given_x, given_h_0 = Case(config, x, h_0, unbatched=unbatched).tensors()
    assert given_h_0 is not None
    assert (tuple(given_x.shape), tuple(given_h_0.shape)) == (x_shape, state_shape)
    assert (given_x.flatten().tolist(), given_h_0.flatten().tolist()) == (list(range(6)), list(range(16)))
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    network.load_state_dict(given_weights)
    output, h_n = network(given_x, given_h_0)
    assert output.shape[:-1] == given_x.shape[:-1]
    assert h_n.shape == given_h_0.shape


def test_batch_first_is_a_matter_of_layout() -> None:
    """Under batch_first the same sequence is handed over with its first two axes exchanged."""
    case = Case(Config(2, 1), np.arange(12.0).reshape(3, 2, 2))
    other = case.with_config(batch_first=True)
    assert torch.equal(case.tensors()[1], other.tensors()[1].transpose(0, 1))


def test_tensors_are_fresh() -> None:
    """What is done to a tensor is not done to the case, nor to the next tensors."""
    case = Case(Config(1, 1), [[[3.0]]], weights={"weight_ih_l0": [[2.0]]})  # type: ignore[arg-type, dict-item]
    given_weights, x, _ = case.tensors()
    x.zero_()
    given_weights["weight_ih_l0"].zero_()
    assert (case.x.item(), case.tensors()[1].item(), case.tensors()[0]["weight_ih_l0"].item()) == (3, 3, 2)


# Beyond the claims

WIDE = Capabilities(lengths=LENGTHS, dropout=True)

#: What is taken back, and what the cases one step beyond it have in common with no case inside.
BEYOND: dict[str, tuple[dict[str, Any], Predicate]] = {
    "nonlinearities": ({"nonlinearities": ("relu",)}, lambda case: case.config.nonlinearity == "tanh"),
    "biases": ({"biases": (True,)}, lambda case: not case.config.bias),
    "batch_first": ({"batch_first": (False,)}, lambda case: case.config.batch_first),
    "dtypes": ({"dtypes": (torch.float32,)}, lambda case: case.config.dtype != torch.float32),
    "bidirectional": ({"bidirectional": False}, lambda case: case.config.bidirectional),
    "unbatched": ({"unbatched": False}, lambda case: case.unbatched),
    "h_0": ({"h_0": False}, lambda case: case.has_h_0),
    "min_batch": ({"min_batch": 2}, lambda case: case.batch_size < 2),
    "max_batch": ({"max_batch": 2}, lambda case: case.batch_size > 2),
    "max_steps": ({"max_steps": 2}, lambda case: case.steps > 2),
    "max_input_size": ({"max_input_size": 2}, lambda case: case.config.input_size > 2),
    "max_hidden_size": ({"max_hidden_size": 2}, lambda case: case.config.hidden_size > 2),
    "max_layers": ({"max_layers": 1}, lambda case: case.config.num_layers > 1),
    "gradients": ({"gradients": False}, lambda case: case.has_cotangents),
    "second_derivatives": ({"second_derivatives": False}, lambda case: case.twice),
    "lengths": ({"lengths": ("packed",)}, lambda case: case.lengths is not None),
}
#: Those beyond which there is no single wider claim: what is beyond them has a strategy of its own.
APART = {"gradients", "second_derivatives", "lengths"}
#: Refusals that cannot be tested from outside.
UNTESTED = {"threads", "nonfinite", "dropout", "cells"}
#: What is promised of results, and what `refusals` asks for.
ELSEWHERE = {
    "padding",
    "accepts",
    "autocast",
    "module",
    "devices",
    "per_shape",
    "sizes",
    "several_shapes",
    "pool",
    "shapes",
    "own_process",
}


def test_every_field_is_stepped_beyond() -> None:
    """The table has every field of Capabilities but those of which nothing can be demanded."""
    assert set(BEYOND) | UNTESTED | ELSEWHERE == {field.name for field in fields(Capabilities)}


@pytest.mark.full
@pytest.mark.parametrize("field", BEYOND)
def test_one_step_beyond(field: str) -> None:
    """What is taken back is asked for: cases outside of that field, and of no other."""
    taken_back, outside = BEYOND[field]
    claims = replace(WIDE, **taken_back)
    wider = [capabilities for capabilities, _floor in one_step_wider(claims)]
    differing = {
        each.name for each in fields(claims) for one in wider if getattr(one, each.name) != getattr(claims, each.name)
    }
    assert differing == {field} - APART
    found = drawn(cases_beyond(claims), 200)
    objections = [claims.objections(case) for case in found]
    assert set(map(tuple, objections)) <= {(field,), ()}
    assert [bool(objection) for objection in objections] == [
        outside(case) and not (field == "batch_first" and case.unbatched) for case in found
    ]
    assert sum(map(bool, objections)) >= 5


def test_one_thing_at_a_time() -> None:
    """Where many things are not claimed, a case steps beyond one of them, and each has its turn."""
    claims = replace(CLAIMS["notebook"], gradients=False)
    found = [claims.objections(case) for case in drawn(cases_beyond(claims), 1500, thrown_away=0.01)]
    assert max(map(len, found)) == 1
    # Who claims no gradients is asked for no second derivatives.
    assert {name for objections in found for name in objections} == set(BEYOND) - {"second_derivatives"}


def test_nothing_beyond_everything() -> None:
    """There is nothing beyond the whole surface: cases are as ever."""
    assert one_step_wider(WIDE) == []
    assert claims_everything(WIDE)
    assert len(drawn(cases_beyond(WIDE), 20)) == 20


@pytest.mark.parametrize("field", sorted(UNTESTED - {"cells"}))
def test_nothing_beyond_what_cannot_be_refused(field: str) -> None:
    """Of calls from threads and of non-finite numbers nothing is demanded where they are not claimed."""
    assert claims_everything(replace(WIDE, **{field: False}))


# A case

NETWORK = Config(2, 3, num_layers=2, bidirectional=True)
X = np.zeros((4, 1, 2))
#: Arguments of Case beside the network, and words that the refusal must hold.
INVALID: dict[str, tuple[dict[str, Any], list[str]]] = {
    "x of two axes": ({"x": np.zeros((4, 2))}, ["x: expected shape (None, None, 2)", "found (4, 2)"]),
    "x too wide": ({"x": np.zeros((4, 1, 3))}, ["x: expected shape (None, None, 2)", "found (4, 1, 3)"]),
    "no steps": ({"x": np.zeros((0, 1, 2))}, ["x: expected at least one step", "found shape (0, 1, 2)"]),
    "x ragged": ({"x": [[[1, 2]], [[1]]]}, ["x: expected numbers in shape (None, None, 2)", "inhomogeneous"]),
    "x of words": ({"x": "words"}, ["x: expected numbers", "'words'"]),
    "x missing": ({"x": None}, ["x: expected", "found ()"]),
    "h_0 of one direction": ({"h_0": np.zeros((2, 1, 3))}, ["h_0: expected shape (4, 1, 3)", "found (2, 1, 3)"]),
    "h_0 of another batch": ({"h_0": np.zeros((4, 2, 3))}, ["h_0: expected shape (4, 1, 3)", "found (4, 2, 3)"]),
    "h_0 of two axes": ({"h_0": np.zeros((4, 3))}, ["h_0: expected shape (4, 1, 3)", "found (4, 3)"]),
    "an unknown parameter": (
        {"weights": {"weight_hr_l0": X}},
        ["weights: this network has no ['weight_hr_l0']", "weight_hh_l1"],
    ),
    "a wrong parameter": (
        {"weights": {"weight_ih_l1": np.zeros((3, 3))}},
        ["weight_ih_l1: expected shape (3, 6)", "found (3, 3)"],
    ),
    "unbatched twice": ({"x": np.zeros((4, 2, 2)), "unbatched": True}, ["unbatched: expected a batch of 1, found 2"]),
    "unknown memory": ({"memory": "scattered"}, ["memory: expected one of contiguous, ", "found 'scattered'"]),
}


@pytest.mark.parametrize("rule", INVALID)
def test_invalid_case(rule: str) -> None:
    """Parts that do not fit are refused: the text names the part, what was expected and what was found."""
    arguments, words = INVALID[rule]
    with pytest.raises(InvalidCase) as refusal:
        Case(NETWORK, **{"x": X, **arguments})
    assert [word for word in words if word not in str(refusal.value)] == []


def test_lists_are_rounded() -> None:
    """Lists are taken, and rounded to the dtype; parameters that are not named are zero."""
    case = Case(Config(1, 2, dtype=torch.bfloat16), [[[0.1]]], weights={"bias_ih_l0": [1, 2]})  # type: ignore[arg-type, dict-item]
    assert case.x.tolist() == [[[torch.tensor(0.1, dtype=torch.bfloat16).item()]]]
    assert case.weights["bias_ih_l0"].tolist() == [1, 2]
    assert {name: array.any() for name, array in case.weights.items() if name != "bias_ih_l0"} == {
        "weight_ih_l0": False,
        "weight_hh_l0": False,
        "bias_hh_l0": False,
    }


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.bool_])
def test_arrays_of_other_types(kind: type) -> None:
    """Arrays of other types are taken as numbers, too."""
    case = Case(Config(1, 1), np.ones((1, 1, 1), kind))
    assert case.x.dtype == np.float64
    assert case.tensors()[1].tolist() == [[[1]]]


def test_case_properties() -> None:
    """A case knows its sizes, its arrays by name, and whether all is plain."""
    case = Case(NETWORK, X, np.zeros((4, 1, 3)))
    assert (case.steps, case.batch_size, case.has_h_0, case.finite) == (4, 1, True, True)
    assert list(case.arrays) == ["x", "h_0", *NETWORK.parameter_shapes()]
    assert list(replace(case, h_0=None).arrays) == ["x", *NETWORK.parameter_shapes()]


#: x, the one weight of W_ih, that of W_hh, steps, dtype, and whether all sums stay finite.
FINITE: list[tuple[float, float, float, int, torch.dtype, bool]] = [
    (1.0, 1.0, 1.0, 1, torch.float16, True),
    (250.0, 250.0, 0.0, 3, torch.float16, True),
    (260.0, 260.0, 0.0, 3, torch.float16, False),
    (260.0, 260.0, 0.0, 3, torch.bfloat16, True),
    (2.0, 1.0, 2.0, 14, torch.float16, True),
    (2.0, 1.0, 2.0, 16, torch.float16, False),
    (2.0, 1.0, 2.0, 200, torch.float32, False),
    (1e20, 1e20, 0.0, 1, torch.float32, False),
    (1e20, 1e20, 0.0, 1, torch.float64, True),
    (np.inf, 0.0, 0.0, 1, torch.float64, False),
    (-np.inf, 0.0, 0.0, 1, torch.float64, False),
    (np.nan, 0.0, 0.0, 1, torch.float64, False),
]


@pytest.mark.parametrize(("x", "w_ih", "w_hh", "length", "dtype", "expected"), FINITE)
def test_finite(x: float, w_ih: float, w_hh: float, length: int, dtype: torch.dtype, expected: bool) -> None:
    """A case is finite where nothing in it is not, and no sum can come near the largest number of the dtype."""
    weights = {"weight_ih_l0": np.array([[w_ih]]), "weight_hh_l0": np.array([[w_hh]])}
    case = Case(Config(1, 1, nonlinearity="relu", dtype=dtype), np.full((length, 1, 1), x), weights=weights)
    assert case.finite is expected


def test_finite_cases_stay_finite() -> None:
    """What the reference gives for a finite case is finite, with a finite bound; most cases are finite."""
    found = [case for case in plenty() if case.finite]
    assert len(found) > len(plenty()) / 2
    for case in found[::4]:
        for ball in forward(case):
            assert np.isfinite(ball.mid).all()
            assert np.isfinite(ball.rad).all()


def test_with_arrays() -> None:
    """Arrays are replaced by name, the rest stays."""
    case = Case(NETWORK, X, np.zeros((4, 1, 3)))
    changed = case.with_arrays(x=X + 1, h_0=np.ones((4, 1, 3)), weight_hh_l1=np.ones((3, 3)))
    assert {name for name, array in changed.arrays.items() if array.any()} == {"x", "h_0", "weight_hh_l1"}
    assert not any(array.any() for array in case.arrays.values())


def test_with_config() -> None:
    """Options are changed under the same arrays."""
    case = Case(NETWORK, X)
    assert case.with_config(nonlinearity="relu").config == replace(NETWORK, nonlinearity="relu")
    with pytest.raises(InvalidCase):
        case.with_config(input_size=3)


#: A case, and the line that says what kind it is.
DESCRIPTORS: list[tuple[Case, str]] = [
    (Case(Config(2, 3), X), "tanh T4 B1 I2 H3"),
    (Case(Config(2, 3, nonlinearity="relu"), X), "relu T4 B1 I2 H3"),
    (Case(Config(2, 3, num_layers=2), X), "tanh T4 B1 I2 H3 L2"),
    (Case(Config(2, 3, bidirectional=True), X), "tanh T4 B1 I2 H3 bidirectional"),
    (Case(Config(2, 3, bias=False), X), "tanh T4 B1 I2 H3 no-bias"),
    (Case(Config(2, 3, batch_first=True), X), "tanh T4 B1 I2 H3 batch_first"),
    (Case(Config(2, 3), X, unbatched=True), "tanh T4 B1 I2 H3 unbatched"),
    (Case(Config(2, 3), X, np.zeros((1, 1, 3))), "tanh T4 B1 I2 H3 h_0"),
    (Case(Config(2, 3, dtype=torch.bfloat16), X), "tanh T4 B1 I2 H3 bfloat16"),
    (Case(Config(2, 3), X, memory="strided"), "tanh T4 B1 I2 H3 strided"),
    (Case(Config(2, 3), np.zeros((1, 0, 2))), "tanh T1 B0 I2 H3"),
    (
        Case(Config(2, 3, 2, "relu", False, True, 0, True, torch.float64), X, np.zeros((4, 1, 3)), {}, True, "offset"),
        "relu T4 B1 I2 H3 L2 bidirectional no-bias batch_first unbatched h_0 float64 offset",
    ),
]


@pytest.mark.parametrize(("case", "expected"), DESCRIPTORS, ids=[expected for _, expected in DESCRIPTORS])
def test_descriptor(case: Case, expected: str) -> None:
    """One line says what differs from nn.RNN's defaults, in one order."""
    assert case.descriptor == expected


# Printed and pasted


def pasted(case: Case) -> Case:
    """A case as it is printed, evaluated."""
    scope = {"Case": Case, "Config": Config, "torch": torch, "np": np, "inf": np.inf, "nan": np.nan}
    evaluated: Case = eval(repr(case), scope)  # noqa: S307
    return evaluated


@settings(max_examples=examples(200), deadline=None, database=None)
@given(cases(memory=tuple(MEMORY)))
def test_repr_can_be_pasted(case: Case) -> None:
    """What is printed is the case, to the last bit."""
    assert everything(pasted(case)) == everything(case)


@pytest.mark.parametrize("number", [-0.0, 0.0, np.nan, np.inf, -np.inf, 1e300, 5e-324, -10.0, 100.5, 1 / 3])
def test_repr_of_strange_numbers(number: float) -> None:
    """So it is with numbers that have no usual spelling, in parameters as well as in inputs."""
    case = Case(
        Config(1, 1, dtype=torch.float64),
        np.array([[[number]], [[1.0]], [[number]]]),
        weights={"weight_ih_l0": np.array([[number]])},
    )
    assert everything(pasted(case)) == everything(case)


#: A case, and all that is printed of it: whole numbers without a point, zero parameters left out.
PRINTED: list[tuple[Case, str]] = [
    (
        Case(Config(1, 1), np.ones((1, 1, 1))),
        "Case(Config(input_size=1, hidden_size=1, dtype=torch.float32), x=[[[1]]], weights={})",
    ),
    (
        Case(
            Config(1, 1, nonlinearity="relu", dtype=torch.float64),
            np.array([[[-0.0]], [[10.0]]]),
            np.full((1, 1, 1), 0.5),
            {"bias_hh_l0": np.array([-2.0]), "bias_ih_l0": np.array([-0.0])},
            True,
            "offset",
        ),
        (
            "Case(Config(input_size=1, hidden_size=1, nonlinearity='relu', dtype=torch.float64), x=[[[-0.0]], [[10]]], "
            "h_0=[[[0.5]]], weights={'bias_ih_l0': [-0.0], 'bias_hh_l0': [-2]}, unbatched=True, memory='offset')"
        ),
    ),
    (
        Case(Config(2, 1, dtype=torch.float64), np.zeros((3, 0, 2)), np.zeros((1, 0, 1))),
        (
            "Case(Config(input_size=2, hidden_size=1, dtype=torch.float64), x=np.zeros((3, 0, 2)), "
            "h_0=np.zeros((1, 0, 1)), weights={})"
        ),
    ),
]


@pytest.mark.parametrize(("case", "expected"), PRINTED)
def test_repr(case: Case, expected: str) -> None:
    """A printed case is short."""
    assert repr(case) == expected
