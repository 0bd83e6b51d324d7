"""A case with one thing about it varied: other numbers, another size, another option; everything else as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from impls.contract import DTYPES, NONLINEARITIES, Array, Config
from strategies import Case
from strategies.case import OPTIONAL, round_to
from strategies.memory import INCOMING, MEMORY

#: One thing changed; a case in which it is so already stays as it is.
Change: TypeAlias = Callable[[Case], Case]
#: Numbers of these sizes are plain. Others, NaN and infinities stay where they are when a case gets other numbers.
_PLAIN = (1e-3, 1e3)


# Numbers


class Fill(NamedTuple):
    """Numbers for all arrays of a case, none of them zero, and no two equal in a small array.

    Of one sign, ReLU is the identity; of both, it cuts off; large ones reach what is clipped or saturates, and those of
    many digits what is rounded. The others have few digits, whose sums are exact.
    """

    sort: str
    seed: int

    def of(self, case: Case) -> Case:
        """Return the case with these numbers, its special ones kept."""
        if self is SPREAD:
            return case.with_arrays(**{name: _spread(array) for name, array in case.arrays.items()})
        draw = np.random.default_rng(self.seed)
        drawn = {name: np.where(special(array), array, self._like(array, draw)) for name, array in case.arrays.items()}
        return case.with_arrays(**{name: round_to(case.config.dtype, array) for name, array in drawn.items()})

    def _like(self, array: Array, draw: np.random.Generator) -> Array:
        numbers = np.resize(draw.permutation(np.arange(1, 65) / 64), array.shape)
        if self.sort == "many-digit":
            numbers = draw.uniform(0.5, 1.0, array.shape)
        if self.sort in ("signed", "large"):
            numbers = numbers * draw.choice((-1, 1), array.shape)
        if array.ndim == 2:
            # A weighted sum of many numbers is no larger than the numbers: else tanh is 1 and hides everything.
            return np.asarray(numbers / 2 ** np.ceil(np.log2(max(1, array.shape[1]))))
        return numbers * 16 if self.sort == "large" else numbers


#: By turns, so that the first few are of every sort.
FILLS = [Fill(sort, seed) for seed in range(3) for sort in ("positive", "signed", "large", "many-digit")]


#: A case's own numbers, of each array the largest everywhere: of any size, it has what a larger or smaller one has.
SPREAD = Fill("own", -1)


def _spread(array: Array) -> Array:
    if not array.size:
        return array
    return np.full_like(array, array.flat[int(np.nan_to_num(np.abs(array), nan=np.inf).argmax())])


def special(array: Array) -> npt.NDArray[np.bool_]:
    """Return where an array holds what is not finite, or very large or small."""
    size = np.abs(array)
    return ~np.isfinite(array) | (size > _PLAIN[1]) | ((size > 0) & (size < _PLAIN[0]))


def special_in_words(array: Array) -> str:
    """Return in words where an array holds special numbers; empty where all are plain."""
    size = np.abs(array)
    found = {
        "is not finite": ~np.isfinite(array),
        f"holds numbers above {_PLAIN[1]:g}": np.isfinite(array) & (size > _PLAIN[1]),
        f"holds numbers below {_PLAIN[0]:g}": (size > 0) & (size < _PLAIN[0]),
    }
    return " and ".join(words for words, where in found.items() if where.any())


def zeros(name: str) -> Change:
    """One array of zeros."""
    return lambda case: case.with_arrays(**{name: np.zeros_like(case.arrays[name])})


def plain(name: str) -> Change:
    """One array without special numbers: halves in their places."""
    return lambda case: case.with_arrays(**{name: np.where(special(case.arrays[name]), 0.5, case.arrays[name])})


# Sizes


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
    states = (config.num_layers * config.num_directions, batch, config.hidden_size)
    shapes = dict.fromkeys(OPTIONAL, states) | {"grad_output": (steps, batch, config.num_directions * states[-1])}
    arrays: dict[str, Any] = {
        name: _stretched(case.arrays[name], shape) for name, shape in shapes.items() if name in case.arrays
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
        return case.weights.get(name, case.weights.get(first, np.zeros(case.config.hidden_size)))

    return {name: _stretched(source(name), shape) for name, shape in config.parameter_shapes().items()}


def _stretched(array: Array, shape: tuple[int, ...]) -> Array:
    """Repeat an array, or cut it off, along each axis."""
    if 0 in array.shape:
        return np.zeros(shape)
    return array[np.ix_(*(np.arange(wanted) % there for wanted, there in zip(shape, array.shape, strict=True)))]


# Options


def _h_0(case: Case, least: float) -> Case:
    """Give the case an h_0 that is zero, or nowhere zero."""
    config = case.config
    zero = np.zeros((config.num_layers * config.num_directions, case.batch_size, config.hidden_size))
    if case.h_0 is None or not least:
        return replace(case, h_0=zero + least)
    return case if case.h_0.any() else replace(case, h_0=zero + least)


def _laid_out(case: Case, *, batch_first: bool = False, unbatched: bool = False) -> Case:
    if unbatched:
        case = sized(B=1)(case)
    return replace(case.with_config(batch_first=batch_first), unbatched=unbatched)


def batched(case: Case) -> Case:
    """Add the batch axis."""
    return replace(case, unbatched=False)


def _asked(case: Case, *names: str) -> Case:
    """Ask for gradients of these results."""
    config = case.config
    shapes = {
        "grad_output": (case.steps, case.batch_size, config.num_directions * config.hidden_size),
        "grad_h_n": (len(config.suffixes()), case.batch_size, config.hidden_size),
    }
    arrays = {name: case.arrays.get(name, np.ones(shape)) for name, shape in shapes.items()}
    asked: dict[str, Any] = {name: arrays[name] if name in names else None for name in shapes}
    return replace(case, **asked)


def _in_dtype(dtype: torch.dtype, case: Case) -> Case:
    return case.in_dtype(dtype)


def _in_memory(name: str, case: Case) -> Case:
    return replace(case, memory=name)


def _coming_in(name: str, case: Case) -> Case:
    return replace(case, incoming=name)


def _lengths(case: Case, lengths: tuple[int, ...] | None) -> Case:
    return replace(case, lengths=lengths, packed=case.packed and lengths is not None)


def _early(case: Case) -> tuple[int, ...]:
    """Lengths of which some are less than T, where T allows."""
    assert case.lengths is not None
    if min(case.lengths) < case.steps:
        return case.lengths
    return tuple(max(1, case.steps - 1 - row % 2) for row in range(case.batch_size))


class Option(NamedTuple):
    """Something that can be chosen."""

    name: str
    #: What stands before the name of a choice, in a sentence.
    says: str
    choices: dict[str, Change]


OPTIONS = [
    Option(
        "bidirectional",
        "it is ",
        {"bidirectional": configured(bidirectional=True), "unidirectional": configured(bidirectional=False)},
    ),
    Option("nonlinearity", "the nonlinearity is ", {name: configured(nonlinearity=name) for name in NONLINEARITIES}),
    Option("bias", "it has ", {"biases": configured(bias=True), "no biases": configured(bias=False)}),
    Option(
        "h_0",
        "h_0 is ",
        {
            "absent": lambda case: replace(case, h_0=None),
            "zero": lambda case: _h_0(case, 0.0),
            "not zero": lambda case: _h_0(case, 1.0),
        },
    ),
    Option(
        "layout",
        "x is ",
        {
            "time-major": _laid_out,
            "batch_first": lambda case: _laid_out(case, batch_first=True),
            "unbatched": lambda case: _laid_out(case, unbatched=True),
        },
    ),
    Option(
        "dtype", "the dtype is ", {str(dtype).removeprefix("torch."): partial(_in_dtype, dtype) for dtype in DTYPES}
    ),
    Option("memory", "tensors are ", {name: partial(_in_memory, name) for name in MEMORY}),
]


def _in_order(case: Case, lengths: Callable[[int, int], Iterable[int]]) -> Case:
    """Give lengths made of T and B, which are 2 at least: with one row, or one step, there is no other order."""
    case = sized(T=max(2, case.steps), B=max(2, case.batch_size))(case)
    return replace(case, lengths=tuple(lengths(case.steps, case.batch_size)))


_OF_LENGTHS = [
    Option(
        "lengths",
        "lengths are ",
        {
            "absent": lambda case: _lengths(case, None),
            "T": lambda case: _lengths(case, (case.steps,) * case.batch_size),
            "below T": lambda case: _lengths(case, _early(case)),
        },
    ),
    Option(
        "order of lengths",
        "lengths are ",
        {
            "equal": lambda case: _in_order(case, lambda steps, rows: [steps] * rows),
            "in order, the longest first": lambda case: _in_order(
                case, lambda steps, rows: [steps, *[steps - 1] * (rows - 1)]
            ),
            "out of order": lambda case: _in_order(case, lambda steps, rows: [*[steps - 1] * (rows - 1), steps]),
        },
    ),
    Option(
        "packing",
        "sequences are ",
        {"packed": lambda case: replace(case, packed=True), "padded": lambda case: replace(case, packed=False)},
    ),
]
_OF_GRADIENTS = [
    Option(
        "what is differentiated",
        "what is differentiated is ",
        {
            "output alone": lambda case: _asked(case, "grad_output"),
            "h_n alone": lambda case: _asked(case, "grad_h_n"),
            "both": lambda case: _asked(case, "grad_output", "grad_h_n"),
        },
    ),
    Option("how gradients come in", "gradients come in ", {name: partial(_coming_in, name) for name in INCOMING}),
]


def options_of(case: Case) -> list[Option]:
    """Return what can be chosen about a case like this one."""
    return OPTIONS + _OF_LENGTHS * (case.lengths is not None) + _OF_GRADIENTS * case.has_cotangents
