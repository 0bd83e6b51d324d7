"""A case as plain data for JSON, and back: readable in a diff, sparse where mostly zero, NaN spelled out."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import DTYPES, KINDS, NONLINEARITIES, Array, Config, dtype_name
from rnn_parity.contract.case import OPTIONAL, Case, InvalidCase, round_to

#: No archived case needs more numbers in one tensor or in all parameters, and none may fill the memory of who reads it.
MOST_ELEMENTS = 1_000_000
#: Nor more hidden states, over all steps, rows, layers and directions.
MOST_STATES = 10 * MOST_ELEMENTS
_DTYPES = {dtype_name(dtype): dtype for dtype in DTYPES}
_SPELLED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DENSE_UP_TO = 64


def to_plain(case: Case) -> dict[str, Any]:
    """Return strings, numbers, lists and dictionaries that `from_plain` turns back into the same case."""
    config = {field.name: getattr(case.config, field.name) for field in fields(Config)}
    config["dtype"] = dtype_name(case.config.dtype)
    # What came after the first archived cases is left out where it is not there, so that their names stay.
    if not case.config.dropout:
        del config["dropout"]
    if case.config.cell == "rnn":
        del config["cell"]
    lengths = {} if case.lengths is None else {"lengths": list(case.lengths), "packed": case.packed}
    misuse = {"misuse": case.misuse} if case.misuse else {}
    incoming = {"incoming": case.incoming} if case.incoming != "contiguous" else {}
    twice = {"twice": True} if case.twice else {}
    return {
        "config": config,
        "unbatched": case.unbatched,
        "memory": case.memory,
        **lengths,
        **misuse,
        **incoming,
        **twice,
        "arrays": {name: _array_to_plain(array) for name, array in case.arrays.items()},
    }


def from_plain(data: Any) -> Case:
    """Return the case that `to_plain` wrote.

    Raises:
        InvalidCase: something is missing, of the wrong type or shape, too large, or not a number of the dtype.
    """
    config = _config(_expect(data, "config", dict))
    listed, needed = _expect(data, "arrays", dict), {"x", *config.parameter_shapes()}
    if missing := needed - set(listed):
        raise InvalidCase(f"arrays: {_shown(sorted(missing))} missing")
    if unknown := set(listed) - needed - set(OPTIONAL):
        raise InvalidCase(f"arrays: this network has no {_shown(sorted(unknown))}")
    arrays = {name: _array(name, value, config.dtype) for name, value in listed.items()}
    optional: dict[str, Any] = {name: arrays.pop(name, None) for name in OPTIONAL}
    flags = {"unbatched": _expect(data, "unbatched", bool), "memory": _expect(data, "memory", str)}
    case = Case(
        config, arrays.pop("x"), weights=arrays, **flags, **_lengths(data), **_words(data), **_twice(data), **optional
    )
    states = case.steps * max(case.batch_size, 1) * len(config.suffixes()) * config.state_size
    if states > MOST_STATES:
        raise InvalidCase(
            f"arrays: {case.descriptor} computes {states} numbers, more than the {MOST_STATES} that are computed"
        )
    return case


def _lengths(data: Any) -> dict[str, Any]:
    if "lengths" not in data:
        return {}
    lengths = _expect(data, "lengths", list)
    if len(lengths) > MOST_ELEMENTS or not all(type(length) is int for length in lengths):
        raise InvalidCase(f"lengths: expected a list of up to {MOST_ELEMENTS} integers, found {_shown(lengths)}")
    return {"lengths": tuple(lengths), "packed": _expect(data, "packed", bool)}


def _words(data: Any) -> dict[str, Any]:
    return {name: _expect(data, name, str) for name in ("misuse", "incoming") if name in data}


def _twice(data: Any) -> dict[str, Any]:
    return {"twice": _expect(data, "twice", bool)} if "twice" in data else {}


def _expect(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or key not in data:
        raise InvalidCase(f"expected an object with the key {key!r}, found {_shown(data)}")
    if not isinstance(data[key], kind) or (kind is int and isinstance(data[key], bool)):
        raise InvalidCase(f"{key}: expected {kind.__name__}, found {_shown(data[key])}")
    return data[key]


def _shown(value: Any) -> str:
    text = repr(sorted(value) if isinstance(value, dict) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _config(data: Any) -> Config:
    known = {field.name for field in fields(Config)}
    if unknown := set(data) - known:
        raise InvalidCase(f"config: unknown keys {_shown(sorted(unknown))}")
    sizes = {name: _expect(data, name, int) for name in ("input_size", "hidden_size", "num_layers")}
    flags = {name: _expect(data, name, bool) for name in ("bias", "batch_first", "bidirectional")}
    words = {"nonlinearity": NONLINEARITIES, "dtype": tuple(_DTYPES)}
    for name, allowed in words.items():
        if _expect(data, name, str) not in allowed:
            raise InvalidCase(f"config: {name} should be one of {', '.join(allowed)}, found {_shown(data[name])}")
    for name, size in sizes.items():
        if not 1 <= size <= MOST_ELEMENTS:
            raise InvalidCase(f"config: {name} should lie between 1 and {MOST_ELEMENTS}, found {size}")
    dropout = _number("config: dropout", data.get("dropout", 0.0))
    if not 0 <= dropout <= 1:
        raise InvalidCase(f"config: dropout should lie between 0 and 1, found {dropout}")
    dtype = _DTYPES[data["dtype"]]
    cell = data.get("cell", "rnn")
    if cell not in KINDS:
        raise InvalidCase(f"config: cell should be one of {', '.join(KINDS)}, found {_shown(cell)}")
    config = Config(**sizes, **flags, nonlinearity=data["nonlinearity"], dtype=dtype, dropout=dropout, cell=cell)
    if config.num_layers > 1000 or sum(map(math.prod, config.parameter_shapes().values())) > MOST_ELEMENTS:
        raise InvalidCase(
            f"config: a network of {sizes} has more than 1000 layers or holds more than {MOST_ELEMENTS} numbers"
        )
    return config


def _array_to_plain(array: Array) -> dict[str, Any]:
    flat = [_spell(value) for value in array.ravel().tolist()]
    shape = list(array.shape)
    nonzero = {
        str(place): value for place, value in enumerate(flat) if not (value == 0 and math.copysign(1, value) > 0)
    }
    if len(flat) > _DENSE_UP_TO and 2 * len(nonzero) < len(flat):
        return {"shape": shape, "nonzero": nonzero}
    return {"shape": shape, "values": flat}


def _spell(value: float) -> float | str:
    if math.isfinite(value):
        whole = value.is_integer() and abs(value) < 2**53 and str(value) != "-0.0"
        return int(value) if whole else value
    return next(
        word for word, number in _SPELLED.items() if number == value or (math.isnan(number) and math.isnan(value))
    )


def _array(name: str, data: Any, dtype: torch.dtype) -> Array:
    shape = _expect(data, "shape", list)
    if len(shape) > 3 or not all(type(size) is int and 0 <= size <= MOST_ELEMENTS for size in shape):
        raise InvalidCase(
            f"{name}: expected a shape of up to 3 integers between 0 and {MOST_ELEMENTS}, found {_shown(shape)}"
        )
    size = math.prod(shape)
    if size > MOST_ELEMENTS:
        raise InvalidCase(f"{name}: shape {shape} asks for {size} numbers, more than the {MOST_ELEMENTS} that are read")
    array = np.zeros(size)
    if "nonzero" in data:
        for place, value in _expect(data, "nonzero", dict).items():
            if not place.isdecimal() or len(place) > len(str(size)) or int(place) >= size:
                raise InvalidCase(f"{name}: place {_shown(place)} is outside of shape {shape}")
            array[int(place)] = _number(name, value)
    else:
        values = _expect(data, "values", list)
        if len(values) != size:
            raise InvalidCase(f"{name}: shape {shape} asks for {size} values, found {len(values)}")
        array[:] = [_number(name, value) for value in values]
    if not np.array_equal(round_to(dtype, array), array, equal_nan=True):
        raise InvalidCase(f"{name}: holds numbers that {dtype} cannot")
    return array.reshape(shape)


def _number(name: str, value: Any) -> float:
    if isinstance(value, str) and value in _SPELLED:
        return _SPELLED[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCase(f"{name}: expected a number or one of {', '.join(_SPELLED)}, found {_shown(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidCase(f"{name}: expected a number that float64 can hold, found {_shown(value)}") from error
