"""How numbers are drawn: bytes that index a codebook, ordered from simple to strange, and a seed that scatters them.

One `st.binary` costs one choice and shrinks byte by byte to ones and zeros, where `hypothesis.extra.numpy.arrays` costs
a choice an element. The codebook holds small dyadic numbers first: sums of them are exact in every dtype.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from rnn_parity.contract import Array
from rnn_parity.contract.case import round_to

#: One comes before zero: Hypothesis tries the simplest choices often, and a network of zeros shows nothing.
SIMPLE = (1, 0, 2, -1, -2, 0.5, -0.5, 3, 1.5, -1.5, 0.25, -0.25, 0.75, -0.75, -3, 4)
#: Numbers that fill the significand, so that rounding shows.
ROUGH = (1 / 3, -0.7, 0.1, -1.9, 1.1, -0.3, 2.7, 0.9, -0.05, 0.57, -1.23, 0.013)
#: Small numbers, where an absolute error of tanh shows.
TINY = (2.0**-6, -(2.0**-9), 2.0**-12)
#: Pre-activations past the saturation of tanh.
LARGE = (10, -10, 25, -120)
#: Pre-activations of gates: half open, open and shut in every dtype; in the middle; where the tails of sigmoids err;
#: and where exp overflows in float32. None is so large that float16 overflows.
GATES = np.array((0, 1000, -1000, 0, 1000, -1000, 1, -1, 2, -2, 0.5, 20, -20, 100, -100, 12, -12), np.float64)
_ONES = np.array((1.0, 2.0))
#: The largest number where non-finite ones are not claimed: `Case.finite` in float16, the narrowest range.
TAME = 64.0


@cache
def codebook(dtype: torch.dtype) -> Array:
    """Return the number that each of the 256 bytes stands for."""
    # Numbers that need every bit of the significand: alone in a sum they stay exact, and show any lower precision.
    eps = torch.finfo(dtype).eps
    book = SIMPLE + ROUGH + (1 + eps, 2 - eps, -1 - eps) + TINY + LARGE
    return round_to(dtype, [book[byte % len(book)] for byte in range(256)])


@cache
def tame_codebook(dtype: torch.dtype) -> Array:
    """Return the codebook with no number too large for any dtype."""
    return np.clip(codebook(dtype), -TAME, TAME)


@cache
def special_values(dtype: torch.dtype) -> tuple[float, ...]:
    """List NaN, infinities and the edges of the dtype, from the harmless to the strange."""
    info = torch.finfo(dtype)
    edges = (info.smallest_normal, info.smallest_normal * info.eps, info.max)
    return (-0.0, np.nan, np.inf, -np.inf, *edges, *(-edge for edge in edges), np.inf, np.nan)


def tiled(palette: Array, shape: tuple[int, ...]) -> Array:
    """Repeat the palette, in order; zeros where it is empty."""
    size = int(np.prod(shape))
    return np.resize(palette, size).reshape(shape) if palette.size else np.zeros(shape)


def with_ones(palette: Array) -> Array:
    """Add 1 and 2 to the palette: what is picked at random from it is hardly ever all zero."""
    return np.concatenate((palette, _ONES))


def picked(palette: Array, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Pick each element from the palette, at random."""
    return palette[random.integers(palette.size, size=shape)]


def scattered(palette: Array, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Pick each element from the palette, or 1 or 2, at random."""
    return picked(with_ones(palette), shape, random)
