"""Rich cases, drawn on purpose: all numbers different, every option in turn, sizes that tell bugs from each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch

from impls import Capabilities, Config
from impls.contract import Array
from strategies import Case
from strategies.case import round_to

#: Sizes past the block widths of kernels, and one more or less.
_WIDE = (7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 100, 130)
#: Frames are multiplied by one of these: sums past saturation, and what a narrow range of exponents does not hold.
_SCALES = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 2.0**-18, 2.0**17)
#: Sizes (T, B, I, H) made equal on purpose, by the names of the axes; one of them 1 or wide.
_TIES = (
    "IH",
    "wT",
    "TB",
    "wH",
    "BH",
    "wI",
    "BR",
    "wB",
    "TH",
    "BI",
    "wT",
    "TBIH",
    "wH",
    "T1",
    "wI",
    "B1",
    "wB",
    "H1",
    "I1",
    "",
)


def rich_cases(like: Case, within: Capabilities, count: int, seed: int = 0) -> Iterator[Case]:
    """Cases inside some claims; with cotangents, lengths, memory and special values as another case has them."""
    random = np.random.default_rng(seed)
    wide = {axis: itertools.cycle(random.permutation(_WIDE)) for axis in "TBIH"}
    for number in range(count):
        case = _case(random, like, within, _TIES[number % len(_TIES)], wide)
        if not within.objections(case):
            yield case


def _case(
    random: np.random.Generator, like: Case, within: Capabilities, tie: str, wide: Mapping[str, Iterator[int]]
) -> Case:
    layers = int(random.integers(1, 4)) if tie != "wT" else 1
    layers = min(layers, within.max_layers or layers)
    config = Config(
        1,
        1,
        layers,
        _one_of(random, within.nonlinearities),
        _one_of(random, within.biases),
        _one_of(random, within.batch_first),
        bidirectional=bool(within.bidirectional and random.random() < 0.5),
        dtype=like.config.dtype if random.random() < 0.5 else _one_of(random, within.dtypes),
    )
    sizes = _sizes(random, tie, config, within, wide)
    config = replace(config, input_size=sizes["I"], hidden_size=sizes["H"])
    steps, batch = sizes["T"], sizes["B"]
    rows, outputs = config.num_layers * config.num_directions, config.num_directions * config.hidden_size
    scale = _one_of(random, _SCALES) if config.dtype in (torch.float32, torch.float64) else 1.0
    x = _numbers(random, config, (steps, batch, config.input_size)) * scale
    if random.random() < 0.3 and steps > 1:
        x[random.integers(steps)] = 0
    given = {
        "x": x,
        "h_0": _numbers(random, config, (rows, batch, config.hidden_size))
        if within.h_0 and random.random() < 0.75
        else None,
        "grad_output": _numbers(random, config, (steps, batch, outputs)) if like.has_cotangents else None,
        "grad_h_n": _numbers(random, config, (rows, batch, config.hidden_size)) if like.has_cotangents else None,
    }
    weights = {name: _weight(random, config, shape) for name, shape in config.parameter_shapes().items()}
    lengths = None
    if like.lengths is not None and batch:
        lengths = tuple(int(length) for length in random.integers(1, steps + 1, batch))
    if not like.finite:
        _put_special(random, [array for array in [given["x"], given["h_0"], *weights.values()] if array is not None])
    unbatched = batch == 1 and lengths is None and within.unbatched and bool(random.random() < 0.5)
    return Case(
        config,
        weights=weights,
        unbatched=unbatched,
        memory=like.memory,
        lengths=lengths,
        packed=like.packed and lengths is not None,
        **given,  # type: ignore[arg-type]
    )


def _one_of(random: np.random.Generator, options):  # type: ignore[no-untyped-def]
    return options[int(random.integers(len(options)))]


def _sizes(
    random: np.random.Generator, tie: str, config: Config, within: Capabilities, wide: Mapping[str, Iterator[int]]
) -> dict[str, int]:
    sizes = dict(zip("TBIH", (int(size) for size in random.permutation(5)[:4] + 1), strict=True))
    if tie.startswith("w"):
        sizes[tie[1]] = min(int(next(wide[tie[1]])), 65 if tie == "wT" else 130)
    elif tie.endswith("1"):
        sizes[tie[0]] = 1
    elif tie == "BR":
        sizes["B"] = config.num_layers * config.num_directions
    elif tie:
        sizes |= dict.fromkeys(tie, sizes[tie[-1]])
    limits = {"T": within.max_steps, "B": within.max_batch, "I": within.max_input_size, "H": within.max_hidden_size}
    return {axis: min(size, limits[axis] or size) for axis, size in sizes.items()}


def _numbers(random: np.random.Generator, config: Config, shape: tuple[int, ...]) -> Array:
    """Eighths between -2 and 2, now and then with the digits that only a wide dtype holds."""
    values = random.integers(-16, 17, shape) / 8.0
    return round_to(
        config.dtype, values * (1 + 2.0**-9 * random.integers(-8, 9, shape)) if random.random() < 0.5 else values
    )


def _weight(random: np.random.Generator, config: Config, shape: tuple[int, ...]) -> Array:
    """Small enough that states neither saturate nor grow."""
    scale = 2.0 ** -np.ceil(np.log2(max(1.0, shape[-1] / 2))) if len(shape) == 2 else 1.0
    return round_to(config.dtype, _numbers(random, config, shape) * scale)


def _put_special(random: np.random.Generator, arrays: list[Array]) -> None:
    """A NaN or an infinity somewhere, in half of all cases."""
    filled = [array for array in arrays if array.size]
    if random.random() < 0.7:
        array = filled[int(random.integers(len(filled)))]
        array.flat[int(random.integers(array.size))] = _one_of(random, (np.nan, np.inf, -np.inf))
