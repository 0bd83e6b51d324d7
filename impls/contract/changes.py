"""A case with one thing changed: other sizes, where what is there is repeated or cut off, or another option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from rnn_parity.contract.config import Array, Config

if TYPE_CHECKING:
    from rnn_parity.contract.case import Case

#: One thing changed; a case in which it is so already stays as it is.
Change: TypeAlias = "Callable[[Case], Case]"


class Sizes(NamedTuple):
    """The sizes of a case, under the names by which they are told."""

    T: int
    B: int
    input_size: int
    hidden_size: int
    num_layers: int


def sizes_of(case: Case) -> Sizes:
    """Return the sizes of a case."""
    config = case.config
    return Sizes(case.steps, case.batch_size, config.input_size, config.hidden_size, config.num_layers)


def sized(**sizes: int) -> Change:
    """Other sizes; what is there is repeated, or cut off."""
    return lambda case: _remade(case, sizes_of(case)._replace(**sizes))


def configured(**options: Any) -> Change:
    """Other options of the config; parameters that are new are the first layer's forward ones, biases zero."""
    return lambda case: _remade(case, sizes_of(case), **options)


def _remade(case: Case, sizes: Sizes, **options: Any) -> Case:
    steps, batch, *of_config = sizes
    named: dict[str, Any] = dict(zip(sizes._fields[2:], of_config, strict=True))
    config = replace(case.config, **named | options)
    states = config.state_shape(batch)
    shapes = {"h_0": states, "grad_output": config.output_shape(steps, batch), "grad_h_n": states}
    arrays: dict[str, Any] = {
        name: _part_by_part(case.arrays[name], len(config.kind.states), shape)
        if shape is states
        else _stretched(case.arrays[name], shape)
        for name, shape in shapes.items()
        if name in case.arrays
    }
    return replace(
        case,
        config=config,
        x=_stretched(case.x, (steps, batch, config.input_size)),
        weights=_weights(case, config),
        # A row that lasts to the end still does.
        lengths=case.lengths
        and tuple(
            steps if (length := case.lengths[row % case.batch_size]) == case.steps else min(length, steps)
            for row in range(batch)
        ),
        **arrays,
    )


def _weights(case: Case, config: Config) -> dict[str, Array]:
    def source(name: str) -> Array:
        first = f"{name.rpartition('_l')[0]}_l0"
        return case.weights.get(name, case.weights.get(first, np.zeros(len(case.weights["weight_hh_l0"]))))

    gates = len(case.config.kind.gates), len(config.kind.gates)
    return {name: _gate_by_gate(source(name), gates, shape) for name, shape in config.parameter_shapes().items()}


def _gate_by_gate(array: Array, gates: tuple[int, int], shape: tuple[int, ...]) -> Array:
    """Repeat a parameter, or cut it off, in the rows of each gate, of which there were and will be so many."""
    were, will_be = gates
    blocks = array.reshape(were, len(array) // were, *array.shape[1:])
    return _stretched(blocks, (will_be, shape[0] // will_be, *shape[1:])).reshape(shape)


def _part_by_part(state: Array, parts: int, shape: tuple[int, ...]) -> Array:
    """Repeat a state, or cut it off, in each of its parts."""
    rows, batch, features = shape
    apart = state.reshape(*state.shape[:2], parts, state.shape[2] // parts)
    return _stretched(apart, (rows, batch, parts, features // parts)).reshape(shape)


def _stretched(array: Array, shape: tuple[int, ...]) -> Array:
    """Repeat an array, or cut it off, along each axis."""
    if 0 in array.shape:
        return np.zeros(shape)
    return array[np.ix_(*(np.arange(wanted) % there for wanted, there in zip(shape, array.shape, strict=True)))]


def differentiated(case: Case, *names: str) -> Case:
    """Ask for gradients of these results alone."""
    config = case.config
    shapes = {
        "grad_output": config.output_shape(case.steps, case.batch_size),
        "grad_h_n": config.state_shape(case.batch_size),
    }
    asked: dict[str, Any] = {
        name: case.arrays.get(name, np.ones(shape)) if name in names else None for name, shape in shapes.items()
    }
    return replace(case, **asked)


def with_h_0(case: Case, value: int) -> Case:
    """Give no h_0, one that is zero, or one that is not."""
    if value == 2 and case.h_0 is not None and case.h_0.any():
        return case
    return replace(case, h_0=np.full(case.config.state_shape(case.batch_size), value - 1.0) if value else None)


def with_layout(case: Case, value: int) -> Case:
    """Lay x out time-major, batch_first, or without its batch axis."""
    case = sized(B=1)(case) if value == 2 else case
    return replace(case.with_config(batch_first=value == 1), unbatched=value == 2)


def with_lengths(case: Case, value: int) -> Case:
    """Give no lengths, or some that are less than T where T and B allow."""
    lengths = case.lengths or tuple(max(1, case.steps - row % 2) for row in range(case.batch_size))
    return replace(case, lengths=lengths if value else None, packed=value == 2)


def with_gradients(case: Case, value: int) -> Case:
    """Ask for no gradients, or for those that are asked for, or else for those of both results."""
    if not value:
        return replace(case, grad_output=None, grad_h_n=None, incoming="contiguous", twice=False)
    return case if case.has_cotangents else differentiated(case, "grad_output", "grad_h_n")


def with_dropout(case: Case, value: int) -> Case:
    """Give no dropout, or some between layers: of one layer, nn.RNN warns of it."""
    given = 0.5 if value and case.config.num_layers > 1 else 0.0
    return case if bool(case.config.dropout) == bool(given) else case.with_config(dropout=given)
