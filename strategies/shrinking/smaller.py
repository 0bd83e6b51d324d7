"""The smallest cases of all, in order of size: for what no single step leads to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from rnn_parity.contract.case import Case, round_to
from rnn_parity.strategies.shrinking.complexity import complexity, strangeness
from rnn_parity.strategies.shrinking.steps import AXES, extent, fewer_layers, keep, one_direction, plainer_options

#: Numbers for a network in which no two weights are alike.
_DISTINCT = (1.0, 2.0, 3.0, -1.0, 0.5)


def smaller_cases(case: Case, most: int = 1500) -> Iterator[Case]:
    """Yield small cases of the same options, with no more numbers than this one.

    First each size with all ones and with numbers that differ (half of `most` at the most), then, in order of size,
    each choice of up to four numbers that are one, the others zero (`most` at the most). In the smallest, the first may
    also be a number that the case holds, or not finite.
    """
    frames = sorted(_frames(case), key=lambda frame: complexity(frame).numbers)
    dense = (filled for frame in frames for filled in (_filled(frame, (1.0,)), _filled(frame, _DISTINCT)))
    sparse = (filled for frame in frames for filled in _sparse(frame, case))
    return itertools.chain(itertools.islice(dense, most // 2), itertools.islice(sparse, most))


def _frames(case: Case) -> Iterator[Case]:
    """Yield cases of every combination of sizes up to three, with no more numbers than this one, still to be filled."""
    stripped = [case, *fewer_layers(case), *one_direction(case)]
    plain = [option for frame in stripped for option in (frame, *plainer_options(frame))]
    # What a bias, a state or a direction shows, one more step or row may show with fewer numbers; what steps show, a
    # state.
    grown = [
        keep(base, axis, [0, *range(extent(base, axis))])
        for base in plain
        for axis in AXES
        if extent(base, axis) and not (base.unbatched and axis == "batch")
    ]
    plain += grown + [_with_state(base) for base in plain if not base.has_h_0]
    limit = complexity(case).numbers
    seen = set()
    for base in plain:
        extents = [range(1, min(extent(base, axis), 3) + 1) or (0,) for axis in AXES]
        for sizes in itertools.product(*extents):
            signature = (
                replace(base.config, input_size=1, hidden_size=1),
                base.has_h_0,
                base.unbatched,
                base.memory,
                base.incoming,
                (base.lengths, base.packed, base.grad_output is None, base.grad_h_n is None),
                sizes,
            )
            if signature not in seen and not (base.unbatched and sizes[1] != 1):
                seen.add(signature)
                frame = base
                for axis, size in zip(AXES, sizes, strict=True):
                    frame = keep(frame, axis, range(size))
                if complexity(frame).numbers <= limit:
                    yield frame


def _with_state(base: Case) -> Case:
    return replace(base, h_0=np.zeros(base.config.state_shape(base.batch_size)))


def _sparse(frame: Case, case: Case) -> Iterator[Case]:
    size = complexity(frame).numbers
    firsts = (1.0, *_others(frame, case)) if size <= 7 else (1.0,)
    for count in range(min(size, 4) + 1):
        for ones in itertools.combinations(range(size), count):
            for first in firsts if count in (1, 2) else firsts[:1]:
                yield _filled(frame, (first, *[1.0] * (count - 1)), ones)


def _others(frame: Case, case: Case) -> list[float]:
    dtype = frame.config.dtype
    own = {value for array in case.arrays.values() for value in array.ravel().tolist()} - {0.0, 1.0}
    plain = (*round_to(dtype, sorted(own, key=strangeness)[:4]).tolist(), 2.0, -1.0)
    extreme = (torch.finfo(dtype).max, math.inf, math.nan) if complexity(case).extreme else ()
    return list(dict.fromkeys((*plain, *extreme)))


def _filled(frame: Case, values: Sequence[float], places: Sequence[int] | None = None) -> Case:
    """Repeat these values at these places of the frame's arrays in a row (everywhere, if none are named)."""
    size = sum(array.size for array in frame.arrays.values())
    flat = np.zeros(size)
    chosen = list(range(size) if places is None else places)
    flat[chosen] = np.resize(values, len(chosen)) if values else 0.0
    arrays, start = {}, 0
    for name, array in frame.arrays.items():
        arrays[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return frame.with_arrays(**arrays)
