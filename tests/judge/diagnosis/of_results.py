"""Bug models of what is returned, and of layouts: final states, axes, rows, arguments that are read the wrong way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from impls.balls import Ball, exact
from impls.contract import Array
from strategies import Case
from tests.judge.diagnosis.model import Model, scoped
from tests.judge.diagnosis.wiring import Pair, Wiring, each

#: What stands for a direction's final state: out of its start and its states in the order of processing.
LASTS: dict[str, Callable[[Ball, Ball], Ball]] = {
    "h_n is the state after the first step": lambda start, states: _at(states, 0),
    "h_n is the state before the last step": lambda start, states: _at(states, -2) if len(states.mid) > 1 else start,
    "h_n is the state before the last step where there is more than one": lambda start, states: (
        _at(states, -2) if len(states.mid) > 1 else _at(states, -1)
    ),
    "h_n is zeros": lambda start, states: exact(np.zeros(start.mid.shape)),
    "h_n is the initial state": lambda start, states: start,
}


def _at(states: Ball, t: int) -> Ball:
    return each(lambda part: part[t], states)


Move: TypeAlias = Callable[[Case, Array], Array]


def _by_layer(case: Case, h_n: Array) -> Array:
    return h_n.reshape(case.config.num_layers, case.config.num_directions, *h_n.shape[1:])


#: What becomes of h_n (rows, B, H).
FINALS: dict[str, Move] = {
    "the two directions change places in h_n": lambda case, h_n: _by_layer(case, h_n)[:, ::-1].reshape(h_n.shape),
    "h_n holds all layers' forward states, then all layers' reverse ones": lambda case, h_n: (
        _by_layer(case, h_n).swapaxes(0, 1).reshape(h_n.shape)
    ),
    "h_n begins with the last layer": lambda case, h_n: _by_layer(case, h_n)[::-1].reshape(h_n.shape),
    "h_n has the last layer's rows only": lambda case, h_n: h_n[-case.config.num_directions :],
    "h_n has the first layer's rows only": lambda case, h_n: h_n[: case.config.num_directions],
    "h_n has the last layer's state for every layer": lambda case, h_n: np.concatenate(
        [h_n[-case.config.num_directions :]] * case.config.num_layers
    ),
    "h_n has the first layer's state for every layer": lambda case, h_n: np.concatenate(
        [h_n[: case.config.num_directions]] * case.config.num_layers
    ),
    "h_n has the forward direction's rows only": lambda case, h_n: _by_layer(case, h_n)[:, 0],
    "h_n is gathered as (B, layers, H) and brought into shape by a reshape": lambda case, h_n: h_n.swapaxes(
        0, 1
    ).reshape(h_n.shape),
}
#: What becomes of the output (T, B, D * H).
OUTPUTS: dict[str, Move] = {
    "the output is the last step's only": lambda case, output: output[-1:],
    "the output lacks its first step": lambda case, output: output[1:],
    "the output lacks its last step": lambda case, output: output[:-1],
    "the output comes in the opposite order of time": lambda case, output: output[::-1],
}


def _batch_first(case: Case) -> bool:
    return case.config.batch_first and not case.unbatched


#: What becomes of the output in the layout in which it is returned.
LAID_OUT: dict[str, Move] = {
    "with batch_first the output stays time-major": lambda case, output: (
        output.swapaxes(0, 1) if _batch_first(case) else output
    ),
    "with batch_first the output is brought into shape by a reshape instead of transposed": lambda case, output: (
        output.swapaxes(0, 1).reshape(output.shape) if _batch_first(case) else output
    ),
    "the output is batch-first whatever was asked for": lambda case, output: (
        output if _batch_first(case) or case.unbatched else output.swapaxes(0, 1)
    ),
    "unbatched input gives an output with a batch of one": lambda case, output: (
        np.expand_dims(output, 0 if case.config.batch_first else 1) if case.unbatched else output
    ),
    "unbatched input gives an output with a batch of one, on its second axis": lambda case, output: (
        output[:, None] if case.unbatched else output
    ),
    "unbatched input gives an output with a batch of one, on its first axis": lambda case, output: (
        output[None] if case.unbatched else output
    ),
    "a batch of one loses its axis in the output": lambda case, output: (
        np.squeeze(output, 0 if case.config.batch_first else 1)
        if case.batch_size == 1 and not case.unbatched
        else output
    ),
}
FINALS_LAID_OUT: dict[str, Move] = {
    "with batch_first, h_n is (B, layers, H)": lambda case, h_n: h_n.swapaxes(0, 1) if _batch_first(case) else h_n,
    "h_n is (B, layers, H)": lambda case, h_n: h_n if case.unbatched else h_n.swapaxes(0, 1),
    "unbatched input gives an h_n with a batch of one": lambda case, h_n: h_n[:, None] if case.unbatched else h_n,
    "h_n lacks its first axis where there is one layer and one direction": lambda case, h_n: (
        h_n[0] if len(h_n) == 1 else h_n
    ),
    "a batch of one loses its axis in h_n": lambda case, h_n: (
        np.squeeze(h_n, 1) if case.batch_size == 1 and not case.unbatched else h_n
    ),
}


def _joined(first: int, last: int) -> Callable[[Array], Array]:
    """Axes from one to another as one; where there are fewer, none."""
    return lambda part: (
        part.reshape(*part.shape[:first], int(np.prod(part.shape[first : last + 1])), *part.shape[last + 1 :])
        if last < part.ndim
        else part
    )


def _exchanged(one: int, other: int) -> Callable[[Array], Array]:
    return lambda part: part.swapaxes(one, other) if other < part.ndim else part


#: What becomes of the axes of a result of three, as it is returned.
SHAPES: dict[str, Callable[[Array], Array]] = {
    "the first two axes of {} are joined into one": _joined(0, 1),
    "the last two axes of {} are joined into one": _joined(1, 2),
    "all axes of {} are joined into one": lambda part: part.ravel(),
    "the first two axes of {} are exchanged": _exchanged(0, 1),
    "the last two axes of {} are exchanged": _exchanged(1, 2),
    "the first and the last axis of {} are exchanged": _exchanged(0, 2),
    "{} has one more axis, of one, in front": lambda part: part[None],
    "{} has one more axis, of one, at the end": lambda part: part[..., None],
    "{} lacks every axis of one": np.squeeze,
    "{} lacks its first axis, of which only the first is left": lambda part: part[0],
    "{} lacks its first axis, of which only the last is left": lambda part: part[-1],
}


def _as_time_major(case: Case) -> Case:
    """Read what stands in memory as (B, T, I) as (T, B, I)."""
    if not _batch_first(case):
        return case
    return _fitting(
        replace(case.with_config(batch_first=False), x=case.x.swapaxes(0, 1), **_NO_COTANGENTS, h_0=None), case
    )


def _as_batch_first(case: Case) -> Case:
    if _batch_first(case) or case.unbatched:
        return case
    return _fitting(
        replace(case.with_config(batch_first=True), x=case.x.swapaxes(0, 1), **_NO_COTANGENTS, h_0=None), case
    )


_NO_COTANGENTS: dict[str, Any] = {"grad_output": None, "grad_h_n": None}


def _fitting(changed: Case, case: Case) -> Case:
    """Return the changed case with the given one's h_0. Raise InvalidCase, a ValueError, where its rows do not fit."""
    return replace(changed, h_0=case.h_0)


def _where(condition: Callable[[Case], bool], change: Callable[[Case], Case]) -> Callable[[Case], Case]:
    return lambda case: change(case) if condition(case) else case


def _reshaped(case: Case) -> Case:
    return replace(case, x=case.x.swapaxes(0, 1).reshape(case.x.shape)) if _batch_first(case) else case


def _frames_as_batch(case: Case) -> Case:
    """Return an unbatched sequence as a batch of sequences of one frame each."""
    if not case.unbatched:
        return case
    h_0 = None if case.h_0 is None else np.repeat(case.h_0, case.steps, 1)
    return replace(case, x=case.x.swapaxes(0, 1), h_0=h_0, unbatched=False, **_NO_COTANGENTS).with_config(
        batch_first=False
    )


def _lower_layers(case: Case, count: int) -> Case:
    """Keep the first layers alone."""
    if case.config.num_layers <= count:
        return case
    rows = count * case.config.num_directions
    kept = {f"_{suffix}" for suffix in case.config.suffixes()[:rows]}
    weights = {name: array for name, array in case.weights.items() if name[name.rindex("_l") :] in kept}
    h_0 = None if case.h_0 is None else case.h_0[:rows]
    return replace(case, **_NO_COTANGENTS, h_0=h_0, weights=weights, config=replace(case.config, num_layers=count))


def _forward_only(case: Case) -> Case:
    """Keep the forward direction alone, whose upper layers read what there is."""
    if not case.config.bidirectional:
        return case
    hidden, h_0 = case.config.hidden_size, None if case.h_0 is None else case.h_0[::2]
    weights = {
        name: array[:, :hidden] if name.startswith("weight_ih") and "_l0" not in name else array
        for name, array in case.weights.items()
        if not name.endswith("_reverse")
    }
    return replace(case, **_NO_COTANGENTS, h_0=h_0, weights=weights, config=replace(case.config, bidirectional=False))


#: The case that is seen instead.
CASES: dict[str, Callable[[Case], Case]] = {
    "batch-first arguments are read as time-major ones, and so is what it returns,": _as_time_major,
    "batch-first arguments are read as time-major ones where T = B": _where(
        lambda case: case.steps == case.batch_size, _as_time_major
    ),
    "time-major arguments are read as batch-first ones, and so is what it returns,": _as_batch_first,
    "the reverse direction is left out of the results": _forward_only,
    "only the first layer is run": lambda case: _lower_layers(case, 1),
    "only the first two layers are run": lambda case: _lower_layers(case, 2),
    "with batch_first the input is brought into shape by a reshape instead of transposed": _reshaped,
    "the input's time is read in the opposite order": lambda case: replace(case, x=case.x[::-1]),
    "the first frame is read at every step": lambda case: replace(case, x=np.repeat(case.x[:1], case.steps, 0)),
    "the first row of the batch stands for every row": lambda case: replace(
        case, x=np.repeat(case.x[:, :1], case.batch_size, 1)
    ),
}


def models(case: Case) -> Iterator[Model]:
    """All of them; no number is left open."""
    for name, last in LASTS.items():
        yield from scoped(name, last=lambda case, cell, start, states, outputs, last=last: last(start, states))
    for name, move in FINALS.items():
        yield Model.wired(name, Wiring(result=_on_h_n(move)))
    for name, move in OUTPUTS.items():
        yield Model.wired(name, Wiring(result=_on_output(move)))
    for name, move in LAID_OUT.items():
        yield Model.wired(name, Wiring(returned=_on_output(move)))
    for name, move in FINALS_LAID_OUT.items():
        yield Model.wired(name, Wiring(returned=_on_h_n(move)))
    for words, shape in SHAPES.items():
        shaped: Move = lambda case, part, shape=shape: shape(part)  # type: ignore[misc]  # noqa: E731
        for what, on in {"the output": _on_output(shaped), "h_n": _on_h_n(shaped)}.items():
            yield Model.wired(words.format(what), Wiring(returned=on), special=2)
        both: Any = lambda case, *parts, shape=shape: tuple(each(shape, part) for part in parts)  # noqa: E731
        yield Model.wired(words.format("each result"), Wiring(returned=both), special=2)
    for name, change in CASES.items():
        yield Model.wired(name, Wiring(case=change))
    yield Model.wired(
        "an unbatched sequence is taken for a batch of single frames",
        Wiring(case=_frames_as_batch, returned=_one_frame),
    )
    yield Model.wired(
        "h_n is the whole sequence of outputs", Wiring(returned=lambda case, output, h_n: (output, output))
    )
    yield Model.wired("the output is h_n", Wiring(returned=lambda case, output, h_n: (h_n, h_n)))
    yield Model.wired("h_n and the output change places", Wiring(returned=lambda case, output, h_n: (h_n, output)))


def _on_h_n(move: Move) -> Callable[[Case, Ball, Ball], Pair]:
    return lambda case, output, h_n: (output, each(lambda part: move(case, part), h_n))


def _on_output(move: Move) -> Callable[[Case, Ball, Ball], Pair]:
    return lambda case, output, h_n: (each(lambda part: move(case, part), output), h_n)


def _one_frame(case: Case, output: Ball, h_n: Ball) -> Pair:
    """Results of single frames, brought back to those of one sequence."""
    if not case.unbatched:
        return output, h_n
    return each(lambda part: part[0], output), each(lambda part: part[:, -1], h_n)
