"""Strategies for configurations, shapes and whole cases, inside what an implementation takes on.

Everything is valid by construction and drawn in few choices: all sizes one choice, all options one, the numbers of all
tensors one string of bytes (`values`). What a feature's simplest value is stands first, so it shrinks there.

No strategy is drawn twice in a case. Hypothesis makes variants of a case by copying what one draw chose to another of
the same kind, five for each case drawn afresh; without a pair to copy between, every case is a fresh one, and rare
features come as often as they should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from itertools import permutations, product, starmap
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st

from rnn_parity.contract import Array, Capabilities, Config
from rnn_parity.contract.case import Case
from rnn_parity.strategies.drawing.large import Numbers, distributions, large_sizes, within_reach
from rnn_parity.strategies.drawing.pool import pool
from rnn_parity.strategies.drawing.values import (
    GATES,
    codebook,
    picked,
    special_values,
    tame_codebook,
    tiled,
    with_ones,
)

EVERYTHING = Capabilities()


class Sizes(NamedTuple):
    """The four sizes of a case."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int


SMALLEST = Sizes(1, 0, 1, 1)
#: The fields of `Capabilities` that bound the fields of `Sizes`.
LIMITS = ("max_steps", "max_batch", "max_input_size", "max_hidden_size")
_SMALL = (1, 1, 2, 2, 3, 3, 4, 5)
#: Around the widths of vector registers and of the blocks of matrix kernels.
_EDGES = st.sampled_from((8, 7, 9, 16, 15, 17, 32, 31, 33, 64, 63, 65))

#: Sizes made equal on purpose: an axis mixed up with another shows as a wrong number there, not as an error.
_TIES: dict[str, Callable[[Sizes], Sizes]] = {
    "": lambda s: s,
    "I = H": lambda s: s._replace(input_size=s.hidden_size),
    "T = B": lambda s: s._replace(steps=s.batch),
    "B = H": lambda s: s._replace(batch=s.hidden_size),
    "B = I": lambda s: s._replace(batch=s.input_size),
    "T = H": lambda s: s._replace(steps=s.hidden_size),
    "all equal": lambda s: Sizes(*[s.hidden_size] * 4),
    "all one": lambda s: Sizes(1, 1, 1, 1),
}
_WIDE: dict[str, Callable[[Sizes, int], Sizes]] = {
    "": lambda s, edge: s,
    "wide H": lambda s, edge: s._replace(hidden_size=edge),
    "wide I": lambda s, edge: s._replace(input_size=edge),
    "wide B": lambda s, edge: s._replace(batch=min(edge, 33)),
    "long T": lambda s, edge: s._replace(steps=min(edge, 33)),
    "wide I and H": lambda s, edge: s._replace(input_size=edge, hidden_size=edge),
    "wide B and H": lambda s, edge: s._replace(batch=min(edge, 33), hidden_size=edge),
    "empty batch": lambda s, edge: s._replace(batch=0),
}


def _rarely(names: Iterable[Any], plain: int) -> st.SearchStrategy[Any]:
    """Draw one of the names, the first of them `plain` times as often as each other."""
    first, *others = names
    return st.sampled_from((first,) * plain + tuple(others))


_TIE, _WIDENING = _rarely(_TIES, 8), _rarely(_WIDE, 16)


#: Every combination of small sizes, and, twelve times as often, those that are all different.
_SIZES = st.sampled_from(
    sorted(starmap(Sizes, [*product(_SMALL, repeat=4), *12 * tuple(permutations(range(1, 6), 4))]), key=sum)
)


@st.composite
def sizes(draw: st.DrawFn, within: Capabilities = EVERYTHING) -> Sizes:
    """Draw T, B, I and H: mostly small and different; often equal; sometimes past a block width, or batch 0."""
    return _sizes(draw, within)


@st.composite
def configs(draw: st.DrawFn, within: Capabilities = EVERYTHING) -> Config:
    """Draw networks, their sizes as `sizes` draws them."""
    return _config(draw, within, _sizes(draw, within))


def _sizes(draw: st.DrawFn, within: Capabilities) -> Sizes:
    drawn = Sizes(*draw(large_sizes())) if within.sizes == "large" else _usual_sizes(draw)
    limits = [getattr(within, name) for name in LIMITS]
    found = Sizes(*(size if limit is None else min(size, limit) for size, limit in zip(drawn, limits, strict=True)))
    return found._replace(batch=max(found.batch, within.min_batch))


def _usual_sizes(draw: st.DrawFn) -> Sizes:
    drawn = _TIES[draw(_TIE)](draw(_SIZES))
    if widening := draw(_WIDENING):
        drawn = _WIDE[widening](drawn, draw(_EDGES))
    return drawn


def _config(draw: st.DrawFn, within: Capabilities, size: Sizes) -> Config:
    return replace(draw(_options(within)), input_size=size.input_size, hidden_size=size.hidden_size)


@cache
def _options(within: Capabilities) -> st.SearchStrategy[Config]:
    """List every combination of options but sizes, plainest first: one layer, and ReLU, which keeps numbers whole."""
    layers = [number for number in (1, 1, 1, 2, 2, 3) if number <= (within.max_layers or number)]
    directions = (False, True) if within.bidirectional else (False,)
    combinations = product(
        layers,
        directions,
        within.dtypes,
        within.batch_first,
        sorted(within.nonlinearities),
        within.biases + within.biases[:1],
        (0.0, 0.0, 0.0, 0.5) if within.dropout else (0.0,),
        within.cells,
    )
    return st.sampled_from(
        [
            Config(1, 1, number, nonlinearity, bias, batch_first, dropout, bidirectional, dtype, cell)
            for number, bidirectional, dtype, batch_first, nonlinearity, bias, dropout, cell in combinations
            if number > 1 or not dropout  # nn.RNN warns of it in one layer.
        ]
    )


@cache
def _choice(options: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(options)


_ROLES = ("weight_ih", "weight_hh", "x", "bias_ih", "bias_hh", "h_0")
_PALETTES = st.binary(min_size=3 * len(_ROLES), max_size=6 * len(_ROLES))
_SEEDS = st.integers(0, 2**16 - 1)
_TEXTURES = _rarely(("dense", "sparse", "blank frames"), 2)
#: Of gated cells; "gates" are open, shut, in their middle, or where sigmoids err in their own way.
_GATED_TEXTURES = _rarely(("gates", "dense", "sparse", "blank frames"), 3)
_STATES = st.sampled_from(("absent", "given", "zero", "given"))
_SPECIALS = _rarely(range(1 + len(special_values(torch.float32))), 75)


@st.composite
def cases(
    draw: st.DrawFn,
    within: Capabilities = EVERYTHING,
    *,
    memory: tuple[str, ...] = ("contiguous",),
    special: bool = True,
    at_least: Sizes = SMALLEST,
) -> Case:
    """Draw whole cases inside `within`.

    Args:
        draw: given by Hypothesis.
        within: what the implementation takes on.
        memory: the ways to lie in memory that are drawn from, keys of `rnn_parity.contract.case.MEMORY`.
        at_least: sizes below which none is drawn.
        special: whether a rare case has a NaN, an infinity or a number at the edge of the dtype somewhere; a large
            network has none.
    """
    if within.per_shape:
        steps, batch, config, unbatched, has_h_0, where = draw(_choice(pool(within, at_least, memory)))
        size = Sizes(steps, batch, config.input_size, config.hidden_size)
        state = draw(_choice(("given", "zero", "given"))) if has_h_0 else "absent"
    else:
        size = Sizes(*map(max, _sizes(draw, within), at_least))
        config = _config(draw, within, size)
        # Drawn for any batch: were there fewer choices with a larger batch, Hypothesis would take that for simpler.
        unbatched = within.unbatched and draw(st.booleans()) and size.batch == 1
        state = draw(_STATES) if within.h_0 else "absent"
        where = draw(_choice(memory))
    if within.sizes == "large":
        size = Sizes(*map(max, within_reach(size, config), at_least))
        paint: Numbers | _Paint = Numbers(config, draw(distributions(config)), draw(_SEEDS))
    else:
        paint = _Paint(
            config,
            draw(_PALETTES),
            draw(_SEEDS),
            draw(_GATED_TEXTURES if config.kind.sigmoids else _TEXTURES),
            within.nonfinite,
        )
    shapes = {"x": (size.steps, size.batch, size.input_size), **config.parameter_shapes()}
    if state != "absent":
        shapes["h_0"] = config.state_shape(size.batch)
    arrays = {name: paint.array(name, shape) for name, shape in shapes.items()}
    if state == "zero":
        arrays["h_0"] = np.zeros(shapes["h_0"])
    if isinstance(paint, _Paint) and special and within.nonfinite and (kind := draw(_SPECIALS)):
        paint.put_special(arrays, kind - 1)
    if where == "expanded":
        arrays = {name: np.broadcast_to(array[:1], array.shape).copy() for name, array in arrays.items()}
    case = Case(config, arrays.pop("x"), arrays.pop("h_0", None), arrays, unbatched, where)
    assume(within.nonfinite or case.finite)
    return case


class _Paint:
    """Turns the drawn bytes, seed and texture into the numbers of every tensor of a case."""

    def __init__(self, config: Config, palettes: bytes, seed: int, texture: str, nonfinite: bool) -> None:
        self.config, self.texture = config, texture
        book = codebook(config.dtype) if nonfinite else tame_codebook(config.dtype)
        numbers = book[np.frombuffer(palettes, np.uint8)]
        self.palettes = {role: numbers[index :: len(_ROLES)] for index, role in enumerate(_ROLES)}
        self.random = np.random.default_rng(seed) if seed else None
        if self.random is not None:
            self.palettes = {role: with_ones(palette) for role, palette in self.palettes.items()}

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        role = name if name in _ROLES else name[: name.rindex("_l")]
        palette = self.palettes[role]
        if self.random is None:
            return tiled(palette, shape)
        array = picked(palette, shape, self.random)
        if role.startswith("weight"):
            return self._tame(array, role)
        if role.startswith("bias") and self.texture == "gates":
            return self._gates(array, role)
        if role == "x" and self.texture == "blank frames":
            array[1:][self.random.random(shape[0] - 1) < 0.5] = 0
        return array

    def _tame(self, weight: Array, role: str) -> Array:
        """Keep sums small enough that the bounds stay far below the values: few products, or a contracting W_hh."""
        width = weight.shape[1]
        low = self.config.dtype in _LOW_PRECISION
        if self.texture == "sparse" or (low and width > 5):
            kept = self.random.random(weight.shape) < 2 / width  # type: ignore[union-attr]
            weight = np.where(kept, weight * (0.25 if low and role == "weight_hh" else 1.0), 0.0)
        elif role == "weight_hh" and (low or width > 5):
            weight = weight * 2.0 ** -np.ceil(np.log2(2 * width))
        return weight

    def _gates(self, bias: Array, role: str) -> Array:
        """Open or shut each unit's gates by one of its two biases."""
        rows, random = self.config.rows_of_gates(), self.random
        for gate in self.config.kind.sigmoids:
            size = bias[rows[gate]].shape
            bias[rows[gate]] = picked(GATES, size, random) if role == "bias_ih" else 0.0  # type: ignore[arg-type]
        return bias

    def put_special(self, arrays: dict[str, Array], kind: int) -> None:
        """Put one of the special values at a random place of a random tensor."""
        random = self.random or np.random.default_rng(0)
        names = sorted(name for name, array in arrays.items() if array.size)
        array = arrays[names[random.integers(len(names))]]
        values = special_values(self.config.dtype)
        array.flat[random.integers(array.size)] = values[kind]


_LOW_PRECISION = (torch.float16, torch.bfloat16)
