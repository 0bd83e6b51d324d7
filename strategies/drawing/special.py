"""Cases in which special values stand at drawn places of small networks: the edges of the dtype, of tanh, and zero.

What the arithmetic determines there and what it leaves free, the balls of the reference say
(`rnn_parity.reference.balls`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st

from rnn_parity.contract import Array, Capabilities
from rnn_parity.contract.case import Case, round_to
from rnn_parity.strategies.drawing.cases import EVERYTHING, Sizes, cases


def _identity(shape: tuple[int, ...]) -> Array:
    return np.eye(shape[0], shape[1])


_LARGEST = {"max_steps": 4, "max_batch": 3, "max_input_size": 4, "max_hidden_size": 4, "max_layers": 2}
#: Where values are put: one role, or any of them.
ROLES = ("x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "any")
#: How much of an array one value takes: an element, one index of its first axis (a frame of x) or of its second (a row
#: of the batch, a column of weights), or all; or each element one of several values.
EXTENTS = ("element", "first axis", "second axis", "array", "scattered")
#: What stands around them. Beside ordinary numbers a tiny term does not show; alone it is a pre-activation by itself.
BACKGROUNDS = ("as drawn", "alone")
#: Per role, the arrays that are not zero where its values stand alone: matrices with a diagonal of ones, or all ones.
_ALONE: dict[str, dict[str, Callable[[tuple[int, ...]], Array]]] = {
    "x": {"weight_ih": _identity},
    "h_0": {"weight_ih": _identity, "weight_hh": _identity},
    "weight_ih": {"weight_ih": _identity, "x": np.ones},
    "weight_hh": {"weight_ih": _identity, "h_0": np.ones},
    "bias_ih": {"weight_ih": _identity},
    "bias_hh": {"weight_ih": _identity},
    "any": {"weight_ih": _identity, "x": np.ones},
}
#: The kinds of values that leave a case finite.
FINITE = ("zero", "subnormal", "smallest", "small", "saturation", "overflow of exp")
NOT_FINITE = ("nan", "infinite", "largest", "any")
KINDS = FINITE + NOT_FINITE
#: Three bytes a value: the array, the place in it, and the value out of its kind.
_PUT = st.binary(min_size=3, max_size=12)


@cache
def values(dtype: torch.dtype) -> dict[str, Array]:
    """Return the special values of a dtype by kind, simplest first."""
    info = torch.finfo(dtype)
    tiny, eps, largest = info.smallest_normal, info.eps, info.max
    # tanh rounds to one from atanh(1 - eps / 4) on.
    saturated, overflow = math.log(8 / eps - 1) / 2, math.log(largest) / 2
    around = np.array([1, 1 - 2 * eps, 1 + 2 * eps, 0.9, 1.1, 0.75])
    exponents = np.unique(np.linspace(1, -math.log2(tiny), 24).round())
    positive: dict[str, Any] = {
        "zero": [-0.0],
        "subnormal": tiny * np.array([0.5, eps, 1 - eps, 0.75, 2 * eps]),
        "smallest": tiny * np.array([1, 1 + eps, 2, 4]),
        "small": np.concatenate([2.0**-exponents, 2.0**-exponents * (1 + eps)]),
        "saturation": saturated * around,
        "overflow of exp": np.concatenate([overflow * around, 2 * overflow * around]),
        "nan": [np.nan],
        "infinite": [np.inf],
        "largest": largest * np.array([1, 1 - eps, 0.9, 0.75, 0.6, 0.5, 0.25]),
    }
    table = {
        kind: round_to(dtype, [signed for size in sizes for signed in (size, -size)])
        for kind, sizes in positive.items()
    }
    return {**table, "any": np.concatenate(list(table.values()))}


@st.composite
def special_cases(draw: st.DrawFn, /, within: Capabilities = EVERYTHING, **options: Any) -> Case:
    """Draw small cases inside `within` with one to four special values in them; `options` as for `cases`."""
    case = draw(cases(small(within), special=False, at_least=Sizes(1, 1, 1, 1), **options))
    background, kind, extent, role = draw(_ways(within.nonfinite))
    # A role that the case does not have is x's to play.
    role = role if role == "any" or _names(case, role) else "x"
    if background == "alone":
        case = alone(case, role)
    case = with_values(case, values(case.config.dtype)[kind], role, extent, draw(_PUT))
    assume(within.nonfinite or case.finite)
    return case


def small(within: Capabilities) -> Capabilities:
    """Limit the claims to small networks, as far as they allow of them."""
    limits: dict[str, Any] = {
        name: limit if getattr(within, name) is None else min(limit, getattr(within, name))
        for name, limit in _LARGEST.items()
    }
    limits["max_batch"] = max(limits["max_batch"], within.min_batch)
    return replace(within, **limits)


def alone(case: Case, role: str) -> Case:
    """Fill a case with zeros and ones, such that a value in an array of this role is a pre-activation by itself."""
    arrays = {name: np.zeros_like(array) for name, array in case.arrays.items()}
    for kept, made in _ALONE[role].items():
        arrays |= {name: made(arrays[name].shape) for name in _names(case, kept)}
    return case.with_arrays(**arrays)


def with_values(case: Case, choice: Array, role: str, extent: str, put: bytes) -> Case:
    """Put values of `choice` in arrays of the role, one for every three bytes."""
    names = list(case.arrays) if role == "any" else _names(case, role)
    changed = {name: case.arrays[name].copy() for name in names}
    for which, place, value in zip(put[::3], put[1::3], put[2::3], strict=False):
        array = changed[names[which % len(names)]]
        if extent == "scattered":
            array[...] = np.resize(choice[np.frombuffer(put, np.uint8) % len(choice)], array.shape)
        else:
            _part(array, extent, place)[...] = choice[value % len(choice)]
    return case.with_arrays(**changed)


def _names(case: Case, role: str) -> list[str]:
    return [name for name in case.arrays if name.startswith(role)]


def _part(array: Array, extent: str, place: int) -> Array:
    parts = {
        "element": array.reshape(-1, 1),
        "first axis": array,
        "second axis": array.swapaxes(0, min(1, array.ndim - 1)),
        "array": array[None],
    }[extent]
    part: Array = parts[place % len(parts), ...]
    return part


@cache
def _ways(nonfinite: bool) -> st.SearchStrategy[tuple[str, str, str, str]]:
    # What is not finite shows by where it stands: in one row of x or h_0, and in several roles at once.
    kinds = (*KINDS, *NOT_FINITE) if nonfinite else FINITE
    return st.sampled_from(
        list(product(BACKGROUNDS, kinds, ("element", "second axis", *EXTENTS), ("x", "h_0", *ROLES, "any")))
    )
