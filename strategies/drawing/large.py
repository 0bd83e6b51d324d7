"""Large networks: sizes that real models have, and numbers from a seed, as none of them is chosen one by one.

The distributions keep the proven bounds far below the values, which over hundreds of steps of thousands of terms few
networks do: those with few weights a unit, and those whose W_hh contracts in the maximum norm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from typing import Final, TypeAlias

import numpy as np
import torch
from hypothesis import strategies as st

from rnn_parity.contract import Array, Config
from rnn_parity.contract.case import round_to

#: What T, B, I and H are where they are small, and where they are large: real models', and one beside them.
_SMALL: Final = ((1, 2, 3, 5), (1, 2, 3), (1, 3, 4), (2, 3, 5))
_LARGE: Final = (
    (129, 200, 256, 512),
    (16, 31, 32),
    (129, 256, 300, 512, 768, 1024),
    (129, 255, 256, 257, 512, 768, 1024),
)
#: Multiplications in one case at most, one layer, row and step with another: fewer rows, and then fewer steps, else.
_WORK: Final = 2**30
Size: TypeAlias = tuple[int, int, int, int]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...]], Array]


@cache
def large_sizes() -> st.SearchStrategy[Size]:
    """Draw T, B, I and H, of which T, I or H is large, mostly with others; the smallest first."""
    found: list[Size] = []
    for count in (1, 2, 3, 4):
        for wide in combinations(range(4), count):
            if wide != (1,):
                choices = [_LARGE[axis] if axis in wide else _SMALL[axis] for axis in range(4)]
                found += [(steps, batch, inputs, hidden) for steps, batch, inputs, hidden in product(*choices)]
    return st.sampled_from(sorted(found, key=sum))


def within_reach(size: Size, config: Config) -> Size:
    """Reduce the rows, and then the steps, where the case would take too long."""
    steps, batch, inputs, hidden = size
    widths = (inputs, *[hidden * config.num_directions] * (config.num_layers - 1))
    work = config.num_directions * sum(hidden * (width + hidden) for width in widths)
    batch = min(batch, max(1, _WORK // (work * steps)))
    return min(steps, max(1, _WORK // (work * max(1, batch)))), batch, inputs, hidden


def _few(random: np.random.Generator, shape: tuple[int, ...], values: Draw, count: int) -> Array:
    """Draw `count` weights in each row, the others zero."""
    weight, (rows, columns) = np.zeros(shape), shape
    for _ in range(count):
        weight[np.arange(rows), random.integers(columns, size=rows)] = values(random, (rows,))
    return weight


def _one_of(*values: float) -> Draw:
    return lambda random, shape: np.asarray(values)[random.integers(len(values), size=shape)]


def _up_to(most: float) -> Draw:
    return lambda random, shape: random.uniform(-most, most, shape)


def _in_rows(values: Draw, count: int) -> Draw:
    return lambda random, shape: _few(random, shape, values, count)


def _by_width(most: Callable[[int], float]) -> Draw:
    return lambda random, shape: _up_to(most(shape[1]))(random, shape)


#: How each role's numbers are drawn, by distribution.
DISTRIBUTIONS: dict[str, dict[str, Draw]] = {
    # Sums of whole numbers, exact over all steps of a ReLU.
    "whole": {
        "x": _one_of(1, 2, -1, 0),
        "h_0": _one_of(1, 2, 0),
        "weight_ih": _in_rows(_one_of(1, 2, -1), 2),
        "weight_hh": _in_rows(_one_of(-1, -1, -1, 1), 1),
        "bias_ih": _one_of(1, 0, -1),
        "bias_hh": _one_of(1, 0, -1),
    },
    "sparse": {
        "x": _up_to(1),
        "h_0": _up_to(1),
        "weight_ih": _in_rows(_up_to(1), 2),
        "weight_hh": _in_rows(_up_to(0.5), 2),
        "bias_ih": _up_to(0.5),
        "bias_hh": _up_to(0.5),
    },
    "dense": {
        "x": _up_to(1),
        "h_0": _up_to(1),
        "weight_ih_l0": _by_width(lambda width: width**-0.5),
        "weight_ih": _by_width(lambda width: 1 / width),
        "weight_hh": _by_width(lambda width: 1 / width),
        "bias_ih": _up_to(0.5),
        "bias_hh": _up_to(0.5),
    },
    # As nn.RNN initialises its parameters.
    "initialised": {
        "x": _up_to(1),
        "h_0": _up_to(1),
        "weight_ih": _by_width(lambda width: width**-0.5),
        "weight_hh": _by_width(lambda width: width**-0.5),
        "bias_ih": _up_to(0.03),
        "bias_hh": _up_to(0.03),
    },
}
_HALVES: Final = (torch.float16, torch.bfloat16)


def distributions(config: Config) -> st.SearchStrategy[str]:
    """Draw a distribution with useful bounds: in the halves, sums of a thousand terms have none."""
    return _HALVES_DRAW if config.dtype in _HALVES else _DRAW


_DRAW, _HALVES_DRAW = st.sampled_from(("whole", "sparse", "dense")), st.sampled_from(("whole", "sparse"))


class Numbers:
    """The numbers of every tensor of a case."""

    def __init__(self, config: Config, distribution: str, seed: int) -> None:
        self._dtype, self._draws = config.dtype, DISTRIBUTIONS[distribution]
        self._random = np.random.default_rng(seed)

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Draw the numbers of one tensor."""
        role = name.rpartition("_l")[0] or name
        draw = self._draws.get(name.removesuffix("_reverse")) or self._draws[role]
        return round_to(self._dtype, draw(self._random, shape))
