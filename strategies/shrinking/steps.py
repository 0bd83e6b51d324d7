"""Single steps from a case towards simpler ones: a size, a layer, a direction or an option taken away."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnn_parity.contract import DTYPES, Array, Config
from rnn_parity.contract.axes import BY_NAME, Axis
from rnn_parity.contract.case import OPTIONAL, Case, round_to

Step = Iterator[Case]
AXES = ("steps", "batch", "input", "hidden")


# Sizes


def keep(case: Case, axis: str, index: Sequence[int]) -> Case:
    """Keep only these time steps, rows of the batch, input features or hidden units, in this order."""
    chosen = list(index)
    return _KEEP[axis](case, chosen)


def _keep_steps(case: Case, index: list[int]) -> Case:
    # A step that is dropped is missing in each row that has it, so that lengths that differ still differ.
    lengths = None if case.lengths is None else tuple(max(1, sum(t < length for t in index)) for length in case.lengths)
    return replace(case, x=case.x[index], lengths=lengths, grad_output=_part(case.grad_output, index))


def _keep_batch(case: Case, index: list[int]) -> Case:
    rows = (slice(None), index)
    lengths = None if case.lengths is None else tuple(case.lengths[row] for row in index)
    optional: dict[str, Any] = {name: _part(getattr(case, name), rows) for name in OPTIONAL}
    return replace(case, x=case.x[rows], lengths=lengths, **optional)


def _keep_inputs(case: Case, index: list[int]) -> Case:
    config = replace(case.config, input_size=len(index))
    weights = {
        name: array[:, index] if name.startswith("weight_ih_l0") else array for name, array in case.weights.items()
    }
    return replace(case, config=config, x=case.x[:, :, index], weights=weights)


def _keep_hidden(case: Case, index: list[int]) -> Case:
    config = replace(case.config, hidden_size=len(index))
    below = [unit + shift for shift in (0, case.config.hidden_size)[: config.num_directions] for unit in index]

    rows = [unit + block.start for block in case.config.rows_of_gates().values() for unit in index]

    def kept(name: str, array: Array) -> Array:
        array = array[rows]
        if name.startswith("weight_hh"):
            return array[:, index]
        return array[:, below] if name.startswith("weight_ih") and "_l0" not in name else array

    weights = {name: kept(name, array) for name, array in case.weights.items()}
    features = [unit + start for start in range(0, case.config.state_size, case.config.hidden_size) for unit in index]
    states: dict[str, Any] = {name: _part(getattr(case, name), (..., features)) for name in ("h_0", "grad_h_n")}
    return replace(case, config=config, weights=weights, grad_output=_part(case.grad_output, (..., below)), **states)


def _part(array: Array | None, index: Any) -> Array | None:
    return None if array is None else array[index]


_KEEP: dict[str, Callable[[Case, list[int]], Case]] = {
    "steps": _keep_steps,
    "batch": _keep_batch,
    "input": _keep_inputs,
    "hidden": _keep_hidden,
}


def extent(case: Case, axis: str) -> int:
    """Return the size of one axis."""
    return (case.steps, case.batch_size, case.config.input_size, case.config.hidden_size)[AXES.index(axis)]


def fewer_together(case: Case) -> Step:
    """Halve, or lower by one, one or several sizes at once: sizes that have to be equal for a failure stay equal."""
    groups = [group for count in (1, 2, 3, 4) for group in itertools.combinations(AXES, count)]
    for halve, group in itertools.product((True, False), groups):
        sizes = {axis: extent(case, axis) for axis in group}
        if all(size > 1 for size in sizes.values()):
            smaller = case
            for axis, size in sizes.items():
                smaller = keep(smaller, axis, range(size // 2 if halve else size - 1))
            yield smaller


def fewer(case: Case) -> Step:
    """Drop each half of an axis, and each single index."""
    for axis in AXES:
        size = extent(case, axis)
        if size > 2:
            yield keep(case, axis, range(size // 2, size))
        for dropped in range(size) if size > 1 else ():
            yield keep(case, axis, [index for index in range(size) if index != dropped])


# Options


def _keep_rows(case: Case, config: Config, sources: list[str], rows: list[int], **arrays: Any) -> Case:
    """Put parameters of other layers or directions under the suffixes of `config`, cut or zero-filled to its widths."""
    weights = {}
    for name, shape in config.parameter_shapes().items():
        role, suffix = name.rsplit("_l", 1)
        source = case.weights[f"{role}_{sources[config.suffixes().index('l' + suffix)]}"]
        weights[name] = np.zeros(shape)
        common = tuple(slice(min(a, b)) for a, b in zip(shape, source.shape, strict=True))
        weights[name][common] = source[common]
    states: dict[str, Any] = {name: _part(getattr(case, name), rows) for name in ("h_0", "grad_h_n")}
    return replace(case, config=config, weights=weights, **states, **arrays)


def fewer_layers(case: Case) -> Step:
    """Drop each layer."""
    config, width = case.config, case.config.num_directions
    for dropped in range(config.num_layers) if config.num_layers > 1 else ():
        kept = [row for row in range(config.num_layers * width) if row // width != dropped]
        sources, fewer = config.suffixes(), replace(config, num_layers=config.num_layers - 1)
        yield _keep_rows(case, fewer, [sources[row] for row in kept], kept)
        if dropped == 0:
            # The second layer as the first one, at its own width: what fails for its width alone is not lost.
            width_above = config.layer_input_size(1)
            wide = np.resize(case.x, (case.steps, case.batch_size, width_above))
            yield _keep_rows(case, replace(fewer, input_size=width_above), [sources[row] for row in kept], kept, x=wide)


def one_direction(case: Case) -> Step:
    """Keep the forward direction alone, or the parameters of the reverse one in its place."""
    for way in range(2) if case.config.bidirectional else ():
        sources, rows = case.config.suffixes()[way::2], list(range(way, 2 * case.config.num_layers, 2))
        half = slice(way * case.config.hidden_size, (way + 1) * case.config.hidden_size)
        grad_output = _part(case.grad_output, (..., half))
        yield _keep_rows(case, replace(case.config, bidirectional=False), sources, rows, grad_output=grad_output)


def plainer_options(case: Case) -> Step:
    """Set each option to each plainer value; ReLU is one, because it keeps whole numbers whole."""
    for name, own in _OPTIONS.items():
        yield from (own or partial(_plainer, BY_NAME[name]))(case)


def _plainer(axis: Axis, case: Case) -> Step:
    make = axis.make
    assert make is not None
    yield from (make(case, place) for place in range(axis.of(case)))


def _without_biases(case: Case) -> Step:
    if case.config.bias:
        weights = {name: array for name, array in case.weights.items() if name.startswith("weight")}
        yield replace(case, config=replace(case.config, bias=False), weights=weights)


def _plainer_layout(case: Case) -> Step:
    """Add the batch axis, or put time first."""
    if case.unbatched:
        yield replace(case, unbatched=False)
    if case.config.batch_first:
        yield case.with_config(batch_first=False)


def _plainer_dtype(case: Case) -> Step:
    """Take a plainer dtype that holds all the numbers."""
    for dtype in DTYPES[: DTYPES.index(case.config.dtype)]:
        if all(np.array_equal(round_to(dtype, array), array, equal_nan=True) for array in case.arrays.values()):
            yield case.in_dtype(dtype)


def _fewer_cotangents(case: Case) -> Step:
    """Keep one of the cotangents alone, or move that of each direction's last output to its final state."""
    if not case.has_cotangents:
        return
    yield from (replace(case, grad_output=None), replace(case, grad_h_n=None))
    if case.grad_output is not None and case.grad_h_n is None:
        config = case.config
        grad_h_n = np.zeros(config.state_shape(case.batch_size))
        halves = np.split(case.grad_output, config.num_directions, -1)
        lasts = [half[last] for half, last in zip(halves, (-1, 0), strict=False)]
        grad_h_n[-config.num_directions :, :, : config.hidden_size] = lasts
        yield replace(case, grad_output=None, grad_h_n=grad_h_n)


def _plainer_lengths(case: Case) -> Step:
    """Drop lengths, or packing, or make each row as long as can be, or longer by one."""
    if case.lengths is None:
        return
    yield replace(case, lengths=None, packed=False)
    if case.packed:
        yield replace(case, packed=False)
    for row, length in enumerate(case.lengths):
        for longer in (case.steps, length + 1) if length < case.steps else ():
            yield replace(case, lengths=(*case.lengths[:row], longer, *case.lengths[row + 1 :]))


#: In the order in which they are tried; what takes away more than a value of its axis has a way of its own.
_OPTIONS: dict[str, Callable[[Case], Step] | None] = {
    "bias": _without_biases,
    "h_0": lambda case: iter([replace(case, h_0=None)] if case.has_h_0 else ()),
    "layout": _plainer_layout,
    "gradients": _fewer_cotangents,
    "lengths": _plainer_lengths,
    "memory": None,
    "how gradients come in": None,
    "dropout": None,
    "nonlinearity": None,
    "dtype": _plainer_dtype,
}
