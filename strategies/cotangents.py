"""Cases that ask for gradients: what flows back from outputs and final hidden states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from impls.contract import Array, Capabilities
from strategies.case import Case, round_to
from strategies.cases import EVERYTHING, cases
from strategies.lengths import cases_with_lengths
from strategies.values import codebook, scattered, tiled

#: Bounds are tight in float64; float32 takes part, and the halves only where nothing wider is claimed.
_DTYPES = (torch.float64, torch.float64, torch.float64, torch.float32)
#: Losses on the outputs alone, on the final states alone, and on both.
_LOSSES = st.sampled_from((("grad_output",), ("grad_output", "grad_h_n"), ("grad_h_n",)))
_NUMBERS = st.binary(min_size=3, max_size=6)


@st.composite
def cases_with_cotangents(
    draw: st.DrawFn, /, within: Capabilities = EVERYTHING, *, lengths: bool = False, **options: Any
) -> Case:
    """Finite cases inside `within` with drawn cotangents; with `lengths`, of sequences with lengths of their own."""
    dtypes = tuple(dtype for dtype in _DTYPES if dtype in within.dtypes) or within.dtypes
    finite = replace(within, dtypes=dtypes, nonfinite=False)
    case = draw((cases_with_lengths if lengths else cases)(finite, special=False, **options))
    asked, numbers = draw(_LOSSES), list(draw(_NUMBERS))
    return with_cotangents(case if case.config.nonlinearity == "relu" else unsaturated(case), asked, numbers)


def unsaturated(case: Case) -> Case:
    """The same case with smaller parameters: where tanh is saturated, its derivative is lost in the rounding of 1."""

    def smaller(array: Array) -> Array:
        width = array.shape[1] if array.ndim == 2 else 1
        scaled: Array = array * 2.0 ** -np.ceil(1 + np.log2(width) / 2)
        return scaled

    return case.with_arrays(
        **{name: round_to(case.config.dtype, smaller(array)) for name, array in case.weights.items()}
    )


def with_cotangents(case: Case, asked: tuple[str, ...], numbers: list[int]) -> Case:
    """The same case, asking for gradients: bytes for the codebook stand for the numbers of its cotangents."""
    config, palette = case.config, codebook(case.config.dtype)[numbers]
    states = (config.num_layers * config.num_directions, case.batch_size, config.hidden_size)
    shapes = {
        "grad_output": (case.steps, case.batch_size, config.num_directions * config.hidden_size),
        "grad_h_n": states,
    }
    random = np.random.default_rng(numbers) if any(numbers) else None
    cotangents: dict[str, Any] = {
        name: tiled(palette, shapes[name]) if random is None else scattered(palette, shapes[name], random)
        for name in asked
    }
    return replace(case, **cotangents)
