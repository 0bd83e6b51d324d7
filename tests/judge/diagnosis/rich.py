"""Rich cases, drawn on purpose: all numbers different, every option in turn, sizes that tell bugs from each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch

from rnn_parity import Capabilities, Config
from rnn_parity.contract import Array
from rnn_parity.contract.case import round_to
from rnn_parity.contract.memory import INCOMING, MEMORY
from rnn_parity.strategies import Case

Sizes: TypeAlias = dict[str, int]

#: Sizes past the block widths of kernels, and one more or less; no sequence is longer than `_LONG`.
_WIDE = (7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 100, 130)
_LONG = 65
#: What is done to sizes (T, B, I, H) that are all different, in turn: some are made equal (R: the rows of h_0), one is
#: 1, or wide; or all are small, and numbers have digits far behind the point.
_KINDS = (
    *("digits", "I=H", "wide T", "T=B", "wide H", "B=H", "wide I", "B=R", "wide B", "T=H"),
    *("B=I", "wide T", "T=B=I=H", "wide H", "T=1", "wide I", "B=1", "wide B", "H=1", "I=1", "B=0", ""),
)
#: Frames are multiplied by one of these: sums past saturation, and what a narrow range of exponents does not hold.
_SCALES = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 2.0**-18, 2.0**17)
#: Digits that float32, TensorFloat32 and the halves do not hold beside a one.
_FAR = (9, 12, 18, 26, 40)


def rich_cases(like: Case, within: Capabilities, count: int, seed: int = 0) -> Iterator[Case]:
    """Cases inside some claims; with cotangents, lengths, memory and special values as another case has them."""
    draw = _Draw(np.random.default_rng(seed), like, within)
    for kind in itertools.islice(itertools.cycle(_KINDS), count):
        case = draw.case(kind)
        if not within.objections(case):
            yield case


class _Draw:
    def __init__(self, random: np.random.Generator, like: Case, within: Capabilities) -> None:
        self.random, self.like, self.within = random, like, within
        self.wide = {axis: itertools.cycle(random.permutation(_WIDE)) for axis in "TBIH"}
        self.numbers = self.dense

    def case(self, kind: str) -> Case:
        config = self.config(1 if kind == "wide T" else 3)
        sizes = self.sizes(kind, len(config.suffixes()))
        config = replace(config, input_size=sizes["I"], hidden_size=sizes["H"])
        self.numbers = self.far if kind == "digits" else self.dense
        steps, batch = sizes["T"], sizes["B"]
        states, outputs = config.state_shape(batch), config.output_shape(steps, batch)
        asked = self.like.has_cotangents
        arrays: dict[str, Any] = {
            "x": self.frames(config, (steps, batch, config.input_size), scaled=kind != "digits"),
            "h_0": self.numbers(config, states) if self.within.h_0 and self.chance(0.75) else None,
            "grad_output": self.dense(config, outputs) if asked else None,
            "grad_h_n": self.dense(config, states) if asked else None,
        }
        weights = {name: self.weight(config, shape) for name, shape in config.parameter_shapes().items()}
        if not self.like.finite and self.chance(0.7):
            self.put_special(config.dtype, [arrays["x"], arrays["h_0"], *weights.values()])
        as_like = {"twice": self.like.twice, **self.memory(), **self.handed_over(steps, batch)}
        return Case(config, weights=weights, **as_like, **arrays)

    def config(self, most_layers: int) -> Config:
        within = self.within
        layers = int(self.random.integers(1, most_layers + 1))
        return Config(
            1,
            1,
            min(layers, within.max_layers or layers),
            self.one_of(within.nonlinearities),
            self.one_of(within.biases),
            self.one_of(within.batch_first),
            bidirectional=within.bidirectional and self.chance(0.5),
            dtype=self.like.config.dtype if self.chance(0.5) else self.one_of(within.dtypes),
            cell=self.like.config.cell,
        )

    def sizes(self, kind: str, rows: int) -> Sizes:
        sizes = dict(zip("TBIH", (int(size) for size in self.random.permutation(5)[:4] + 1), strict=True))
        if kind == "digits":
            sizes = {axis: int(self.random.integers(1, 3)) for axis in sizes}
        elif kind.startswith("wide"):
            axis = kind[-1]
            sizes[axis] = min(int(next(self.wide[axis])), _LONG if axis == "T" else max(_WIDE))
        elif kind:
            *axes, last = kind.split("=")
            sizes |= dict.fromkeys(axes, {**sizes, "R": rows, "1": 1, "0": 0 if self.like.lengths is None else 1}[last])
        within = self.within
        limits = {"T": within.max_steps, "B": within.max_batch, "I": within.max_input_size, "H": within.max_hidden_size}
        return {axis: min(size, limits[axis] or size) for axis, size in sizes.items()}

    def memory(self) -> dict[str, str]:
        """Any of them, where the case that they are drawn for does not lie side by side."""
        ways: dict[str, Iterable[str]] = {"memory": MEMORY, "incoming": INCOMING}
        return {
            name: str(self.one_of(tuple(known)))
            for name, known in ways.items()
            if getattr(self.like, name) != "contiguous"
        }

    def handed_over(self, steps: int, batch: int) -> dict[str, Any]:
        if self.like.lengths is None:
            return {"unbatched": batch == 1 and self.within.unbatched and self.chance(0.5)}
        lengths = tuple(int(length) for length in self.random.integers(1, steps + 1, batch))
        return {"lengths": lengths, "packed": self.like.packed}

    # Numbers

    def frames(self, config: Config, shape: tuple[int, ...], *, scaled: bool) -> Array:
        x = self.numbers(config, shape)
        if scaled and config.dtype in (torch.float32, torch.float64):
            x = x * self.one_of(_SCALES)
        if self.chance(0.3):
            x[1:][self.random.random(len(x) - 1) < 1 / len(x)] = 0
        return x

    def dense(self, config: Config, shape: tuple[int, ...]) -> Array:
        """Eighths between -2 and 2, now and then with the digits that only a wide dtype holds."""
        values = self.random.integers(-16, 17, shape) / 8.0
        if self.chance(0.5):
            values = values * (1 + 2.0**-9 * self.random.integers(-8, 9, shape))
        return round_to(config.dtype, values)

    def far(self, config: Config, shape: tuple[int, ...]) -> Array:
        """Zeros, ones and twos, some with one digit far behind the point: rounded to fewer digits they are whole."""
        digits = 2.0 ** -self.random.choice(_FAR, shape) * self.random.integers(0, 2, shape)
        return round_to(config.dtype, self.random.integers(0, 3, shape) * (1 + digits))

    def weight(self, config: Config, shape: tuple[int, ...]) -> Array:
        """Small enough that states neither saturate nor grow."""
        scale = 2.0 ** -np.ceil(np.log2(max(1.0, shape[-1] / 2))) if len(shape) == 2 else 1.0
        return round_to(config.dtype, self.numbers(config, shape) * scale)

    def put_special(self, dtype: torch.dtype, arrays: list[Array | None]) -> None:
        """Put a NaN, an infinity, or a number at the edge of the dtype somewhere."""
        filled = [array for array in arrays if array is not None and array.size]
        array = self.one_of(filled)
        array.flat[int(self.random.integers(array.size))] = self.one_of((np.nan, np.inf, -np.inf, *_edges(dtype)))

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def one_of(self, options: Any) -> Any:
        return options[int(self.random.integers(len(options)))]


def _edges(dtype: torch.dtype) -> tuple[float, ...]:
    """Numbers whose squares overflow or underflow, and the edges themselves."""
    info = torch.finfo(dtype)
    numbers = info.max / 4, -info.max / 4, info.max**0.625, 2 * info.smallest_normal, info.smallest_normal**0.625
    return tuple(round_to(dtype, numbers))
