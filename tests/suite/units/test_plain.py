"""Cases as plain data: nothing is lost on the way to JSON and back, and nothing bad gets in."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_parity import DTYPES, Capabilities, Config
from rnn_parity.contract.case import round_to
from rnn_parity.strategies import MEMORY, Case, InvalidCase, cases
from rnn_parity.strategies.drawing.values import special_values
from rnn_parity.strategies.plain import MOST_ELEMENTS, from_plain, to_plain
from rnn_parity.tests.suite.alike import everything
from rnn_parity.tests.suite.quick import examples

Plain = dict[str, Any]

quick = settings(max_examples=examples(60), deadline=None, database=None)

SMALL = Case(Config(1, 2), np.ones((3, 1, 1)), np.zeros((1, 1, 2)), {"weight_ih_l0": np.array([[1.0], [2.0]])})


def there_and_back(case: Case) -> Case:
    """A case after a journey through JSON, without the words that JSON does not have."""
    return from_plain(json.loads(json.dumps(to_plain(case), allow_nan=False)))


def sequence(dtype: torch.dtype, numbers: list[float]) -> Case:
    """A case whose input is these numbers."""
    return Case(Config(1, 1, dtype=dtype), round_to(dtype, numbers).reshape(-1, 1, 1))


# Nothing is lost


@pytest.mark.parametrize("dtype", DTYPES)
@quick
@given(data=st.data())
def test_round_trip(dtype: torch.dtype, data: st.DataObject) -> None:
    """Cases as they are drawn come back the same, to the last bit."""
    case = data.draw(cases(Capabilities(dtypes=(dtype,)), memory=tuple(MEMORY)))
    assert everything(there_and_back(case)) == everything(case)


@pytest.mark.parametrize("dtype", DTYPES)
@quick
@given(numbers=st.lists(st.floats(), min_size=1, max_size=130))
def test_round_trip_of_any_numbers(dtype: torch.dtype, numbers: list[float]) -> None:
    """So do any numbers that the dtype holds."""
    case = sequence(dtype, numbers)
    assert everything(there_and_back(case)) == everything(case)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [*special_values(torch.float32), 2.0**53, 2.0**53 + 2, 1e300, 5e-324])
@pytest.mark.parametrize("others", [0, 1, 63, 64, 65, 200])
def test_round_trip_of_special_numbers(dtype: torch.dtype, number: float, others: int) -> None:
    """So does each special number, alone, in a dense array and in a sparse one."""
    case = sequence(dtype, [0.0] * others + [number])
    assert everything(there_and_back(case)) == everything(case)


#: How many zeros and how many others, and how they are written.
SPELLING = [
    (1, 0, "values"),
    (64, 0, "values"),
    (64, 1, "nonzero"),
    (65, 0, "nonzero"),
    (40, 40, "values"),
    (41, 40, "nonzero"),
    (0, 80, "values"),
]


@pytest.mark.parametrize(("zeros", "others", "spelling"), SPELLING)
def test_sparse_where_mostly_zero(zeros: int, others: int, spelling: str) -> None:
    """Long arrays that are mostly zero are written by place, all others number by number."""
    written = to_plain(sequence(torch.float64, [0.0] * zeros + [3.0] * others))["arrays"]["x"]
    assert set(written) == {"shape", spelling}
    assert len(written[spelling]) == (others if spelling == "nonzero" else zeros + others)


def test_negative_zero_is_not_zero() -> None:
    """A negative zero is written also where zeros are not."""
    written = to_plain(sequence(torch.float64, [0.0] * 100 + [-0.0]))["arrays"]["x"]
    assert json.dumps(written["nonzero"]) == '{"100": -0.0}'


def test_how_it_reads() -> None:
    """Plain data is nn.RNN's own words, whole numbers without a point, and non-finite ones in quotes."""
    x = np.array([[[1.0]], [[-0.5]], [[np.nan]], [[-np.inf]]])
    case = Case(Config(1, 1, bias=False, dtype=torch.float16), x, unbatched=True, memory="offset")
    assert to_plain(case) == {
        "config": {
            "input_size": 1,
            "hidden_size": 1,
            "num_layers": 1,
            "nonlinearity": "tanh",
            "bias": False,
            "batch_first": False,
            "bidirectional": False,
            "dtype": "float16",
        },
        "unbatched": True,
        "memory": "offset",
        "arrays": {
            "x": {"shape": [4, 1, 1], "values": [1, -0.5, "nan", "-inf"]},
            "weight_ih_l0": {"shape": [1, 1], "values": [0]},
            "weight_hh_l0": {"shape": [1, 1], "values": [0]},
        },
    }


def test_no_h_0_is_none() -> None:
    """An initial state that was not given is not given afterwards, one of zeros is."""
    assert there_and_back(SMALL).h_0 is not None
    assert there_and_back(sequence(torch.float32, [1.0])).h_0 is None


# Nothing bad gets in


def damaged(*path: str, by: Any = None, without: bool = False) -> Any:
    """A small case as plain data, with something else at this place, or nothing."""
    data: Any = to_plain(SMALL)
    place = data
    for key in path[:-1]:
        place = place[key]
    if without:
        del place[path[-1]]
    else:
        place[path[-1]] = by
    return data


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


CONFIG = to_plain(SMALL)["config"]
ONE = {"shape": [1, 1, 1], "values": [1]}
LONG = 10**5000

#: What is damaged, how, and words that the refusal must hold.
DAMAGED: dict[str, tuple[Any, list[str]]] = {
    "nothing": (None, ["expected an object with the key 'config'", "found None"]),
    "a list": ([1], ["expected an object with the key 'config'", "found [1]"]),
    "empty": ({}, ["expected an object with the key 'config'", "found []"]),
    "other keys": ({"b": 1, "a": 2}, ["expected an object with the key 'config'", "found ['a', 'b']"]),
    **{f"no {key}": (damaged(key, without=True), [f"the key '{key}'"]) for key in ("unbatched", "memory", "arrays")},
    **{f"no {key}": (damaged("config", key, without=True), [f"the key '{key}'"]) for key in CONFIG},
    "config a list": (damaged("config", by=[]), ["config: expected dict", "found []"]),
    "config with more": (damaged("config", "zoneout", by=0), ["config: unknown keys ['zoneout']"]),
    "dropout above 1": (damaged("config", "dropout", by=2), ["config: dropout should lie between 0 and 1", "found 2"]),
    "dropout of text": (damaged("config", "dropout", by="much"), ["config: dropout: expected a number", "'much'"]),
    "no size": (damaged("config", "input_size", by=0), ["input_size should lie between 1 and", "found 0"]),
    "size below 0": (damaged("config", "hidden_size", by=-1), ["hidden_size should lie between 1 and", "found -1"]),
    "size of text": (damaged("config", "input_size", by="1"), ["input_size: expected int", "found '1'"]),
    "size of truth": (damaged("config", "num_layers", by=True), ["num_layers: expected int", "found True"]),
    "size with a point": (damaged("config", "num_layers", by=1.0), ["num_layers: expected int", "found 1.0"]),
    "size too large": (
        damaged("config", "hidden_size", by=10**9),
        ["hidden_size should lie between 1 and", "found 10"],
    ),
    "too many layers": (damaged("config", "num_layers", by=10**6), ["num_layers", "more than 1000 layers"]),
    "too wide": (
        damaged("config", "hidden_size", by=2000),
        ["'hidden_size': 2000", f"more than {MOST_ELEMENTS} numbers"],
    ),
    "too wide in all": (
        damaged("config", by={**CONFIG, "hidden_size": 500, "num_layers": 9, "bidirectional": True}),
        ["'num_layers': 9", f"more than {MOST_ELEMENTS} numbers"],
    ),
    "flag of a number": (damaged("config", "bias", by=1), ["bias: expected bool", "found 1"]),
    "flag of nothing": (damaged("unbatched", by=None), ["unbatched: expected bool", "found None"]),
    "unknown activation": (
        damaged("config", "nonlinearity", by="gelu"),
        ["nonlinearity should be one of tanh, relu", "'gelu'"],
    ),
    "unknown dtype": (damaged("config", "dtype", by="float8"), ["dtype should be one of float64", "found 'float8'"]),
    "dtype of a number": (damaged("config", "dtype", by=32), ["dtype: expected str", "found 32"]),
    "memory of a number": (damaged("memory", by=3), ["memory: expected str", "found 3"]),
    "unknown memory": (damaged("memory", by="scattered"), ["memory: expected one of contiguous", "found 'scattered'"]),
    "arrays a list": (damaged("arrays", by=[]), ["arrays: expected dict", "found []"]),
    "no arrays": (damaged("arrays", by={}), ["arrays: ['bias_hh_l0', 'bias_ih_l0'", "missing"]),
    "no x": (damaged("arrays", "x", without=True), ["arrays: ['x'] missing"]),
    "no parameter": (damaged("arrays", "bias_hh_l0", without=True), ["arrays: ['bias_hh_l0'] missing"]),
    "one parameter more": (damaged("arrays", "bias_hh_l1", by=ONE), ["arrays: this network has no ['bias_hh_l1']"]),
    "many arrays more": (
        {
            **to_plain(SMALL),
            "arrays": {
                **to_plain(SMALL)["arrays"],
                **{f"a{i}": {"shape": [10**6], "nonzero": {}} for i in range(10**4)},
            },
        },
        ["arrays: this network has no ['a0', 'a1'", "..."],
    ),
    "array a number": (damaged("arrays", "x", by=3), ["expected an object with the key 'shape'", "found 3"]),
    "no shape": (damaged("arrays", "x", "shape", without=True), ["the key 'shape'", "found ['values']"]),
    "no values": (damaged("arrays", "x", "values", without=True), ["the key 'values'", "found ['shape']"]),
    "shape of text": (damaged("arrays", "x", "shape", by="3"), ["shape: expected list", "found '3'"]),
    "shape with text": (
        damaged("arrays", "x", "shape", by=["3", 1, 1]),
        ["x: expected a shape of up to 3 integers", "'3'"],
    ),
    "shape of truth": (
        damaged("arrays", "x", "shape", by=[True, 3, 1]),
        ["x: expected a shape of up to 3 integers", "True"],
    ),
    "shape below 0": (
        damaged("arrays", "x", "shape", by=[-3, 1, 1]),
        ["x: expected a shape of up to 3 integers", "-3"],
    ),
    "shape of 4": (
        damaged("arrays", "x", "shape", by=[3, 1, 1, 1]),
        ["x: expected a shape of up to 3 integers", "1, 1, 1]"],
    ),
    "shape of 2": (damaged("arrays", "x", "shape", by=[3, 1]), ["x: expected shape (None, None, 1)", "found (3, 1)"]),
    "shape of others": (
        damaged("arrays", "x", "shape", by=[1, 1, 3]),
        ["x: expected shape (None, None, 1)", "(1, 1, 3)"],
    ),
    "huge size": (
        damaged("arrays", "x", "shape", by=[10**30, 0, 1]),
        ["x: expected a shape of up to 3", str(MOST_ELEMENTS)],
    ),
    "endless size": (
        damaged("arrays", "x", "shape", by=[10**4000]),
        ["x: expected a shape of up to 3 integers", "..."],
    ),
    "huge product": (
        damaged("arrays", "x", by={"shape": [1000, 1000, 1000], "nonzero": {}}),
        ["x: shape [1000, 1000, 1000] asks for 1000000000 numbers", str(MOST_ELEMENTS)],
    ),
    "no steps": (damaged("arrays", "x", by={"shape": [0, 1, 1], "values": []}), ["x: expected at least one step"]),
    "too few values": (damaged("arrays", "x", "values", by=[1, 2]), ["x: shape [3, 1, 1] asks for 3 values, found 2"]),
    "too many values": (
        damaged("arrays", "x", "values", by=[1] * 4),
        ["x: shape [3, 1, 1] asks for 3 values, found 4"],
    ),
    "values of text": (damaged("arrays", "x", "values", by="123"), ["values: expected list", "found '123'"]),
    "a word": (
        damaged("arrays", "x", "values", by=[1, 2, "many"]),
        ["x: expected a number or one of nan, inf, -inf", "'many'"],
    ),
    "a truth": (damaged("arrays", "x", "values", by=[1, 2, True]), ["x: expected a number", "found True"]),
    "nothing in a list": (damaged("arrays", "x", "values", by=[1, 2, None]), ["x: expected a number", "found None"]),
    "a list in a list": (damaged("arrays", "x", "values", by=[1, 2, [3]]), ["x: expected a number", "found [3]"]),
    "an endless number": (
        damaged("arrays", "x", "values", by=[1, 2, 10**400]),
        ["x: expected a number that float64 can hold"],
    ),
    "a long value": (damaged("arrays", "x", "values", by=[1, 2, "a" * 10**6]), ["x: expected a number", "aaa..."]),
    "more than float32": (
        damaged("arrays", "x", "values", by=[1, 2, 0.1]),
        ["x: holds numbers that torch.float32 cannot"],
    ),
    "beyond float32": (
        damaged("arrays", "x", "values", by=[1, 2, 1e300]),
        ["x: holds numbers that torch.float32 cannot"],
    ),
    "places a list": (
        damaged("arrays", "x", by={"shape": [3, 1, 1], "nonzero": [1]}),
        ["nonzero: expected dict", "found [1]"],
    ),
    **{
        f"place {place[:4]}": (
            damaged("arrays", "x", by={"shape": [3, 1, 1], "nonzero": {place: 1}}),
            ["x: place '", "is outside of shape [3, 1, 1]"],
        )
        for place in ("3", "-1", "one", "", "1.0", "²", "9" * 5000)
    },
    "a word at a place": (
        damaged("arrays", "x", by={"shape": [3, 1, 1], "nonzero": {"0": "many"}}),
        ["x: expected a number or one of nan", "found 'many'"],
    ),
    "h_0 of another network": (damaged("arrays", "h_0", by=ONE), ["h_0: expected shape (1, 1, 2)", "found (1, 1, 1)"]),
    "a wrong parameter": (damaged("arrays", "weight_ih_l0", by=ONE), ["weight_ih_l0: expected shape (2, 1)"]),
    "unbatched of two": (
        {
            **damaged("unbatched", by=True),
            "arrays": {
                **to_plain(SMALL)["arrays"],
                "x": {"shape": [1, 2, 1], "values": [1, 2]},
                "h_0": {"shape": [1, 2, 2], "values": [0] * 4},
            },
        },
        ["unbatched: expected a batch of 1, found 2"],
    ),
    "too much work": (
        {
            **to_plain(Case(Config(1, 900), np.zeros((1, 1, 1)))),
            "arrays": {
                **to_plain(Case(Config(1, 900), np.zeros((1, 1, 1))))["arrays"],
                "x": {"shape": [1000, 1000, 1], "nonzero": {}},
            },
        },
        ["T1000 B1000 I1 H900 computes 900000000 numbers, more than the"],
    ),
    "endless steps of no row": (
        {
            **to_plain(Case(Config(1, 90), np.zeros((1, 0, 1)))),
            "arrays": {
                **to_plain(Case(Config(1, 90), np.zeros((1, 0, 1))))["arrays"],
                "x": {"shape": [10**6, 0, 1], "values": []},
            },
        },
        ["T1000000 B0 I1 H90 computes 90000000 numbers"],
    ),
}


@pytest.mark.parametrize("rule", DAMAGED)
def test_damaged(rule: str) -> None:
    """What does not make a case is refused: the text names the place, what was expected and what was found, briefly."""
    data, words = DAMAGED[rule]
    with pytest.raises(InvalidCase) as refusal:
        from_plain(data)
    assert [word for word in words if word not in str(refusal.value)] == []
    assert len(str(refusal.value)) < 300


def test_undamaged() -> None:
    """The case that the table damages is taken as it is."""
    assert everything(from_plain(to_plain(SMALL))) == everything(SMALL)


@pytest.mark.parametrize("spelled", ["nan", "inf", "-inf"])
def test_spelled_numbers(spelled: str) -> None:
    """Numbers that JSON has no word for are read from quotes."""
    found = from_plain(damaged("arrays", "x", "values", by=[1, 2, spelled])).x[2, 0, 0]
    assert found == float(spelled) or (math.isnan(found) and spelled == "nan")


def test_dropout() -> None:
    """Dropout is written where there is some, and read again."""
    config = Config(1, 1, num_layers=2, dropout=0.5)
    case = Case(config, np.zeros((1, 1, 1)))
    assert to_plain(case)["config"]["dropout"] == 0.5
    assert from_plain(to_plain(case)).config == config
    assert "dropout" not in to_plain(case.with_config(dropout=0.0))["config"]
    assert "dropout=0.5" in case.descriptor
