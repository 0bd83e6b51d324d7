"""Single steps from the numbers of a case to plainer ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch

from rnn_parity.contract.case import Case, round_to
from rnn_parity.strategies.shrinking.complexity import LADDER, PLAIN, decade, strangeness

#: More numbers than these are not traded in pairs.
_FEW = 12
#: A large number in any dtype.
_HUGE = 4096.0


def zero_parts(case: Case) -> Iterator[Case]:
    """Set a whole tensor, or one half or the other of it, to zeros."""
    for name, array in case.arrays.items():
        size = array.size
        for part in (slice(0, size), slice(0, size // 2), slice(size // 2, size)):
            if array.ravel()[part].any():
                yield _with_elements(case, name, part, 0.0)


def plainer_numbers(case: Case) -> Iterator[Case]:
    """Set one number to 0, to 1, or to another that is plainer than it."""
    for target in (0.0, 1.0, None):
        for name, array in case.arrays.items():
            for place, value in enumerate(array.ravel().tolist()):
                if value == 0 and math.copysign(1, value) > 0:
                    continue
                for plainer in (target,) if target is not None else _between(case, value):
                    if value != plainer or plainer == 0:
                        yield _with_elements(case, name, slice(place, place + 1), plainer)


def _between(case: Case, value: float) -> list[float]:
    dtype = case.config.dtype
    if math.isfinite(value):
        nearby = (math.trunc(value), math.ceil(value), value / 2, math.trunc(value / 2), round(value, 1))
        others = (*_nearer(value), *nearby)
    else:
        # Near the end of the dtype the order of a sum decides whether it overflows, and little is demanded.
        largest = torch.finfo(dtype).max
        others = tuple(sign * size for size in (_HUGE, largest / 2, largest, math.inf) for sign in (1, -1))
    candidates = dict.fromkeys((*LADDER[2:], *round_to(dtype, others).tolist()))
    return [number for number in candidates if strangeness(number) < strangeness(value)]


def _nearer(value: float) -> Iterator[float]:
    """Yield numbers on the way to 1, each half as far as the one before: a threshold is found in few steps.

    First by the exponent, and where that is far from 0, also with a plain significand; then whole numbers.
    """
    if value == 0:
        return
    size, exponent = abs(value), math.frexp(value)[1] - 1
    for cut in _halves(abs(exponent)):
        yield math.ldexp(value, -cut if exponent > 0 else cut)
    if not PLAIN[0] <= size <= PLAIN[1]:
        yield math.copysign(float(f"1e{decade(value)}"), value)
        yield math.copysign(math.ldexp(1.0, exponent), value)
    else:
        yield from (math.copysign(math.trunc(size) - cut, value) for cut in _halves(math.trunc(size)))


def _halves(number: int) -> Iterator[int]:
    return itertools.takewhile(bool, (number >> shift for shift in itertools.count(1)))


def numbers_traded(case: Case) -> Iterator[Case]:
    """Set one number to 0 and double another, or set one to 1 and multiply another by it, where few are left."""
    places = [
        (name, place, float(array.flat[place]))
        for name, array in case.arrays.items()
        for place in np.flatnonzero(array).tolist()
    ]
    for (name, place, value), (other, there, factor) in itertools.permutations(places[: _FEW + 1], 2):
        if len(places) > _FEW:
            return
        for less, more in zip((0.0, 1.0), round_to(case.config.dtype, (2 * factor, value * factor)), strict=True):
            if math.isfinite(more):
                changed = _with_elements(case, name, slice(place, place + 1), less)
                yield _with_elements(changed, other, slice(there, there + 1), float(more))


def _with_elements(case: Case, name: str, part: slice, value: float) -> Case:
    array = case.arrays[name].copy()
    array.reshape(-1)[part] = value
    return case.with_arrays(**{name: array})
