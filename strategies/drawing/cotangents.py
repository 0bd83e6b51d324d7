"""Cases that ask for gradients: what flows back from outputs and final hidden states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from rnn_parity.contract import Capabilities
from rnn_parity.contract.case import Case, round_to
from rnn_parity.strategies.drawing.cases import EVERYTHING, cases
from rnn_parity.strategies.drawing.lengths import cases_with_lengths
from rnn_parity.strategies.drawing.values import codebook, scattered, tiled

#: Bounds are tight in float64; float32 takes part, and the halves only where nothing wider is claimed.
_DTYPES = (torch.float64, torch.float64, torch.float64, torch.float32)
_ALL = (0, 1, 2)
#: Losses on the outputs alone, on the final states alone, and on both.
_LOSSES = st.sampled_from((("grad_output",), ("grad_output", "grad_h_n"), ("grad_h_n",)))
#: How gradients that come in lie in memory, half of them side by side, and the axes along which they are constant: all
#: of them, as where a loss is a sum, or one.
_INCOMING = st.sampled_from(
    [("contiguous", ())] * 10
    + [(name, ()) for name in ("strided", "transposed", "offset", "sliced", "shared")]
    + [(name, _ALL) for name in ("expanded", "shared")]
    + [("expanded", (axis,)) for axis in _ALL]
)
#: The most steps, and the most rows, in float16 and bfloat16.
_FEW = 5
#: How often a tanh is kept from saturation.
_TAME = st.sampled_from((True,) * 15 + (False,))
_NUMBERS = st.binary(min_size=3, max_size=6)


@st.composite
def cases_with_cotangents(
    draw: st.DrawFn, /, within: Capabilities = EVERYTHING, *, lengths: bool = False, **options: Any
) -> Case:
    """Draw finite cases inside `within` with cotangents; with `lengths`, with lengths of their own, too."""
    dtypes = tuple(dtype for dtype in _DTYPES if dtype in within.dtypes) or within.dtypes
    finite = replace(_fewer_terms(within, dtypes), dtypes=dtypes, nonfinite=False)
    case = draw((cases_with_lengths if lengths else cases)(finite, special=False, **options))
    asked, numbers, (incoming, constant) = draw(_LOSSES), list(draw(_NUMBERS)), draw(_INCOMING)
    if draw(_TAME) and not case.config.activation.piecewise_linear:
        case = unsaturated(case)
    return replace(with_cotangents(case, asked, numbers, constant), incoming=incoming)


def cases_with_or_without_cotangents(within: Capabilities, **options: Any) -> st.SearchStrategy[Case]:
    """Draw cases, half of them with cotangents where gradients are claimed; `options` as for `cases`."""
    plain = cases(within, **options)
    return st.one_of(plain, cases_with_cotangents(within, **options)) if within.gradients else plain


def _fewer_terms(within: Capabilities, dtypes: tuple[torch.dtype, ...]) -> Capabilities:
    """Limit steps and rows in the halves: a sum over hundreds of them has no useful bound there."""
    if set(dtypes) & set(_DTYPES):
        return within
    steps, batch = (min(limit or _FEW, _FEW) for limit in (within.max_steps, within.max_batch))
    return replace(within, max_steps=steps, max_batch=max(batch, within.min_batch))


def unsaturated(case: Case) -> Case:
    """Scale each unit's parameters by a power of two, so that no pre-activation is beyond 2.

    The derivative of a saturated tanh is smaller than its rounding: what it sends back has no useful bound.
    """
    config, weights = case.config, dict(case.weights)
    x = case.x if case.counts is None else np.where(case.counts, case.x, 0.0)
    for index, suffix in enumerate(config.suffixes()):
        read = np.abs(x).max((0, 1), initial=0.0) if index < config.num_directions else 1.0
        h_0 = 0.0 if case.h_0 is None else np.abs(case.h_0[index, :, : config.hidden_size]).max(0, initial=0.0)
        names = [name for name in weights if name.endswith(f"_{suffix}")]
        w_ih, w_hh, *biases = (np.abs(weights[name]) for name in names)
        sums = (w_ih * read).sum(1) + (w_hh * np.maximum(1.0, h_0)).sum(1) + sum(biases)
        scale = 2.0 ** -np.ceil(np.log2(np.maximum(1.0, sums / 2)))
        for name in names:
            weights[name] = round_to(config.dtype, (weights[name].T * scale).T)
    return replace(case, weights=weights)


def with_cotangents(case: Case, asked: tuple[str, ...], numbers: list[int], constant: tuple[int, ...] = ()) -> Case:
    """Add cotangents to a case: bytes for the codebook stand for their numbers.

    Along the axes that are named they are constant; where that is all of them, both are the same number.
    """
    config, palette = case.config, codebook(case.config.dtype)[numbers]
    shapes = {
        "grad_output": config.output_shape(case.steps, case.batch_size),
        "grad_h_n": config.state_shape(case.batch_size),
    }
    random = np.random.default_rng(numbers) if any(numbers) else None
    palette, random = (palette[:1], None) if constant == _ALL else (palette, random)
    first = tuple(slice(0, 1) if axis in constant else slice(None) for axis in _ALL)
    cotangents: dict[str, Any] = {}
    for name in asked:
        array = tiled(palette, shapes[name]) if random is None else scattered(palette, shapes[name], random)
        cotangents[name] = np.broadcast_to(array[first], shapes[name]).copy()
    return replace(case, **cotangents)
