"""Bug models of order: an axis of what is read, or of what is returned, runs through other positions than it should."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from rnn_parity import Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.balls import FORMATS, Ball, exact
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis import index_maps
from rnn_parity.tests.judge.diagnosis.index_maps import IndexMap, Positions, given_back, positions, read_through
from rnn_parity.tests.judge.diagnosis.model import SCOPES, Calls, Model, cells_where, limited
from rnn_parity.tests.judge.diagnosis.wiring import (
    Pair,
    Prediction,
    Wiring,
    as_it_should,
    cells_of,
    each,
    predict,
    row_of,
)
from rnn_parity.tests.judge.trial.by_name import gradients as by_names

Move: TypeAlias = Callable[[Positions], Positions]
#: Arrays of a case by name, and the positions that their numbers are read from.
Moved: TypeAlias = Mapping[str, Positions]

#: The axes of arguments and of results, time-major.
AXES: dict[str, tuple[str, ...]] = {
    "x": ("the input's frames", "the batch's rows in the input", "the features of the input"),
    "h_0": ("h_0's rows", "the batch's rows in h_0", "the units in h_0"),
    "output": ("the output's frames", "the batch's rows in the output", "the units in the output"),
    "h_n": ("h_n's rows", "the batch's rows in h_n", "the units in h_n"),
}
#: The axes of parameters.
ROLES: dict[str, tuple[str, ...]] = {
    "weight_ih": ("W_ih's rows", "W_ih's columns"),
    "weight_hh": ("W_hh's rows", "W_hh's columns"),
    "bias_ih": ("b_ih's numbers",),
    "bias_hh": ("b_hh's numbers",),
}
RESULTS = ("output", "h_n")


def models(case: Case) -> Iterator[Model]:
    """All of them that do something on a failing case."""
    yield from _of_arguments(case)
    yield from _of_parameters(case)
    yield from _of_cells(case)


# What the network reads, and what it returns


def _shape(case: Case, name: str) -> tuple[int, ...]:
    states, outputs = case.config.state_shape(case.batch_size), case.config.output_shape(case.steps, case.batch_size)
    return {"x": case.x.shape, "h_0": states, "h_n": states, "output": outputs}[name]


def _of_arguments(case: Case) -> Iterator[Model]:
    for name, axes in AXES.items():
        if name == "h_0" and case.h_0 is None:
            continue
        verb = "come" if name in RESULTS else "are read"
        others = set(RESULTS) - {name} if name in RESULTS else set()
        touches = lambda part, others=others: part not in others  # noqa: E731
        for axis, words in enumerate(axes):
            for found in index_maps.along(axis, _shape(case, name)[axis : axis + 1]):
                yield _moving(f"{words} {verb}", found, _alone(name, found.move), touches=touches)
        whole = {"x": "the input", "output": "the output"}.get(name, name)
        for found in (*index_maps.between(_axes_of(name)), *index_maps.strides(_axes_of(name))):
            verb = "comes" if name in RESULTS else "is read"
            yield _moving(f"{whole} {verb}", found, _alone(name, found.move), touches=touches)


def _axes_of(name: str) -> tuple[str, ...]:
    last = {"x": "features"}.get(name, "units")
    return ("time" if name in ("x", "output") else "layers", "batch", last)


def _alone(name: str, move: Move) -> Callable[[Case], Moved]:
    """One argument or result is moved; h_0 where it is given."""

    def moved(case: Case) -> Moved:
        if name == "h_0" and case.h_0 is None:
            return {}
        return {name: move(positions(_shape(case, name)))}

    return moved


def _of_parameters(case: Case) -> Iterator[Model]:
    config = case.config
    for role, axes in ROLES.items():
        if role.startswith("bias") and not config.bias:
            continue
        shapes = {array.shape for name, array in case.weights.items() if name.startswith(role)}
        for axis, words in enumerate(axes):
            for found in index_maps.along(axis, [shape[axis] for shape in shapes]):
                for where, applies in SCOPES.items():
                    yield _moving(f"{words} are read", found, _parameters(role, found.move, applies), where)


def _parameters(role: str, move: Move, applies: Callable[[Cell], bool]) -> Callable[[Case], Moved]:
    def moved(case: Case) -> Moved:
        cells = cells_of(case)
        names = (
            f"{role}_{suffix}"
            for suffix, cell in zip(case.config.suffixes(), cells.values(), strict=True)
            if applies(cell)
        )
        return {name: move(positions(case.weights[name].shape)) for name in names if name in case.weights}

    return moved


def _moving(name: str, found: IndexMap, moved: Callable[[Case], Moved], where: str = "", **facts: Any) -> Model:
    """Right but for the order of some arrays, going forward and back."""

    def effect(case: Case) -> Hashable:
        try:
            other = {
                key: at.tobytes() for key, at in moved(case).items() if not np.array_equal(at, positions(at.shape))
            }
        except ValueError:
            return "raises"
        return tuple(other.items()) or None

    return Model(
        f"{name} {found.words}{where}",
        lambda calls, rounding: _predicted(calls, rounding, moved),
        f"{name} {found.family}",
        effect,
        both=True,
        **facts,
        numbered=found.numbered,
        special=2 + bool(where) + found.numbered,
    )


def _predicted(calls: Calls, rounding: Rounding, moved: Callable[[Case], Moved]) -> Prediction:
    given = calls[-1]
    at = moved(given)
    unit = FORMATS[given.config.dtype].unit_roundoff
    arrays = {name: read_through(array, at[name]) for name, array in given.arrays.items() if name in at}
    asked = {
        f"grad_{name}": given_back(Ball(cotangent, 0 * cotangent), at[name], unit).mid
        for name in RESULTS
        if name in at and (cotangent := getattr(given, f"grad_{name}")) is not None
    }
    seen = given.with_arrays(**arrays, **asked)

    def result(case: Case, output: Ball, h_n: Ball) -> Pair:
        first, second = (
            each(partial(read_through, moved=at[name]), ball) if name in at else ball
            for name, ball in zip(RESULTS, (output, h_n), strict=True)
        )
        return first, second

    found = predict(seen, Wiring(result=result), rounding)
    if not given.has_cotangents:
        return found
    back = {
        name: given_back(ball, at[name], unit) if name in at else ball
        for name, ball in gradients(seen, rounding).items()
    }
    return replace(found, parts={**found.parts, **by_names(given, "gradient of", back)})


# What each direction of each layer reads and writes


def _on(axis: int, move: Move) -> Callable[[Array], Array]:
    """Return an array whose axis runs through a map of the positions of one."""
    return lambda part: part.take(move(np.arange(part.shape[axis])), axis) if part.shape[axis] else part


def _turned(cell: Cell, part: Array) -> Array:
    return part[::-1] if cell.reverse else part


def _processed(move: Move) -> dict[str, Any]:
    """Frames come in another order, and what is made of them stays in it."""
    return {"turn": lambda cell, part: _on(0, move)(_turned(cell, part))}


def _processed_and_back(move: Move) -> dict[str, Any]:
    """Frames come in another order, and what is made of them is put where it belongs, where none is missed."""

    def back(cell: Cell, part: Array) -> Array:
        at = move(np.arange(len(part)))
        return _turned(cell, part[np.argsort(at)] if len(set(at.tolist())) == len(at) else part)

    return {**_processed(move), "turn_back": back}


def _state_read(move: Move) -> dict[str, Any]:
    """Rows of the batch; for units it is an order of W_hh's columns."""
    return {"step": lambda step: step.operations.config.kind.step(step, each(_on(0, move), step.h))}


def _state_made(axis: int) -> Callable[[Move], dict[str, Any]]:
    return lambda move: {"step": lambda step: each(_on(axis, move), as_it_should(step))}


def _read(axis: int) -> Callable[[Move], dict[str, Any]]:
    return lambda move: {"read": lambda case, cell, sequences: each(_on(axis, move), sequences[-1])}


def _started(axis: int) -> Callable[[Move], dict[str, Any]]:
    return lambda move: {
        "start": lambda case, cell, h_0, states: exact(_on(axis, move)(h_0[row_of(case, cell)])),
    }


def _handed_on(axis: int) -> Callable[[Move], dict[str, Any]]:
    return lambda move: {"hand_on": lambda cell, start, states: each(_on(axis, move), states)}


#: What is read or made through a map: the letter of the axis, and the edits of a wiring.
CELLS: dict[str, tuple[str, Callable[[Move], dict[str, Any]]]] = {
    "frames are read": ("T", _processed),
    "steps are made": ("T", _processed_and_back),
    "the outputs of steps come": ("T", _handed_on(0)),
    "the batch's rows in what a layer reads are read": ("B", _read(1)),
    "the frames of what a layer reads are read": ("T", _read(0)),
    "the batch's rows in the state before a step are read": ("B", _state_read),
    "the batch's rows in the state after a step come": ("B", _state_made(0)),
    "the units in the state after a step come": ("H", _state_made(1)),
    "the batch's rows in what a direction starts from are read": ("B", _started(0)),
    "the units in what a direction starts from are read": ("H", _started(1)),
    "the batch's rows in a direction's outputs come": ("B", _handed_on(1)),
    "the units in a direction's outputs come": ("H", _handed_on(2)),
}


def _of_cells(case: Case) -> Iterator[Model]:
    sizes = _sizes(case)
    for words, (letter, edits) in CELLS.items():
        for found in index_maps.along(0, [sizes[letter]]):
            for where, applies in SCOPES.items():
                yield Model(
                    f"{words} {found.words}{where}",
                    _wired(edits, found.move, applies),
                    f"{words} {found.family}",
                    _effect(letter, found.move, applies),
                    numbered=found.numbered,
                    special=3 + bool(where) + found.numbered,
                )


def _wired(
    edits: Callable[[Move], dict[str, Any]], move: Move, applies: Callable[[Cell], bool]
) -> Callable[[Calls, Rounding], Prediction]:
    return lambda calls, rounding: predict(calls[-1], Wiring(**limited(applies, edits(move))), rounding)


def _sizes(case: Case) -> dict[str, int]:
    return {"T": case.steps, "B": case.batch_size, "H": case.config.hidden_size}


def _effect(letter: str, move: Move, applies: Callable[[Cell], bool]) -> Callable[[Case], Hashable]:
    def effect(case: Case) -> Hashable:
        size, cells = _sizes(case)[letter], cells_where(applies)(case)
        if not size or cells is None:
            return None
        at = move(np.arange(size))
        return None if np.array_equal(at, np.arange(size)) else (at.tobytes(), cells)

    return effect
