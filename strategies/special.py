"""Cases in which special values stand at drawn places of small networks: the edges of the dtype, of tanh, and zero.

What the arithmetic determines there and what it leaves free, the balls of the reference say (`impls.balls`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st

from impls.contract import Array, Capabilities
from strategies.case import Case, round_to
from strategies.cases import EVERYTHING, Sizes, cases

_LARGEST = {"max_steps": 4, "max_batch": 3, "max_input_size": 4, "max_hidden_size": 4, "max_layers": 2}
#: Where values are put: one role, or any of them.
ROLES = ("x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "any")
#: How much of an array one value takes: an element, one index of its first axis (a frame of x), or all.
EXTENTS = ("element", "slice", "element", "array")
#: What stands around them: beside ordinary numbers a tiny term does not show, alone it does.
BACKGROUNDS = ("as drawn", "identity", "zeros")
#: The kinds of values that leave a case finite.
FINITE = ("zero", "subnormal", "smallest", "small", "saturation", "overflow of exp")
KINDS = (*FINITE, "nan", "infinite", "largest", "any")
#: Three bytes a value: the array, the place in it, and the value out of its kind.
_PUT = st.binary(min_size=3, max_size=12)


@cache
def values(dtype: torch.dtype) -> dict[str, Array]:
    """The special values of a dtype by kind, simplest first."""
    info = torch.finfo(dtype)
    tiny, eps, largest = info.smallest_normal, info.eps, info.max
    saturated, overflow = math.atanh(1 - eps / 2), math.log(largest) / 2
    around = np.array([1, 1 - 2 * eps, 1 + 2 * eps, 0.9, 1.1])
    exponents = np.unique(np.linspace(1, -math.log2(tiny), 24).round())
    positive: dict[str, Any] = {
        "zero": [0.0],
        "subnormal": tiny * np.array([0.5, eps, 1 - eps, 0.75, 2 * eps]),
        "smallest": tiny * np.array([1, 1 + eps, 2, 4]),
        "small": np.concatenate([2.0**-exponents, 2.0**-exponents * (1 + eps)]),
        "saturation": saturated * around,
        "overflow of exp": np.concatenate([overflow * around, 2 * overflow * around]),
        "nan": [np.nan],
        "infinite": [np.inf],
        "largest": largest * np.array([1, 1 - eps, 0.5, 0.25]),
    }
    table = {
        kind: round_to(dtype, [signed for size in sizes for signed in (size, -size)])
        for kind, sizes in positive.items()
    }
    return {**table, "any": np.concatenate(list(table.values()))}


@st.composite
def special_cases(draw: st.DrawFn, /, within: Capabilities = EVERYTHING, **options: Any) -> Case:
    """Small cases inside `within` with one to four special values in them; `options` as for `cases`."""
    case = draw(cases(small(within), special=False, at_least=Sizes(1, 1, 1, 1), **options))
    background, kind, extent, role = draw(_ways(within.nonfinite))
    case = with_background(case, background)
    case = with_values(case, values(case.config.dtype)[kind], role, extent, draw(_PUT))
    assume(within.nonfinite or case.finite)
    return case


def small(within: Capabilities) -> Capabilities:
    """The same claims for small networks, as far as they allow of them."""
    limits: dict[str, Any] = {
        name: limit if getattr(within, name) is None else min(limit, getattr(within, name))
        for name, limit in _LARGEST.items()
    }
    limits["max_batch"] = max(limits["max_batch"], within.min_batch)
    return replace(within, **limits)


def with_background(case: Case, background: str) -> Case:
    """The same case as it is, with all zeros, or with W_ih = 1 on its diagonal and all else but x zero."""
    if background == "as drawn":
        return case
    arrays = {name: np.zeros_like(array) for name, array in case.arrays.items()}
    if background == "identity":
        identities = {name: np.eye(*array.shape) for name, array in arrays.items() if name.startswith("weight_ih")}
        arrays = {**arrays, "x": case.x, **identities}
    return case.with_arrays(**arrays)


def with_values(case: Case, choice: Array, role: str, extent: str, put: bytes) -> Case:
    """The same case with a value of `choice` put in an array of the role for every three bytes.

    Where the case has no array of that role, x takes its place.
    """
    names = [name for name in case.arrays if role == "any" or name.startswith(role)] or ["x"]
    changed = {name: case.arrays[name].copy() for name in names}
    for which, place, value in zip(put[::3], put[1::3], put[2::3], strict=False):
        array = changed[names[which % len(names)]]
        _part(array, extent, place)[...] = choice[value % len(choice)]
    return case.with_arrays(**changed)


def _part(array: Array, extent: str, place: int) -> Array:
    if extent == "array":
        return array
    parts = array.reshape(-1, 1) if extent == "element" else array
    part: Array = parts[place % len(parts), ...]
    return part


@cache
def _ways(nonfinite: bool) -> st.SearchStrategy[tuple[str, str, str, str]]:
    return st.sampled_from(list(product(BACKGROUNDS, KINDS if nonfinite else FINITE, EXTENTS, ROLES)))
