"""Conditions under which a bug shows: what a case has to be like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rnn_parity.contract import DTYPES
from rnn_parity.contract.axes import BY_NAME, Axis
from rnn_parity.strategies import Case


def _equal(one: str, other: str) -> Callable[[Case], bool]:
    return lambda case: SIZES[one](case) == SIZES[other](case)


SIZES: dict[str, Callable[[Case], int]] = {
    "T": lambda case: case.steps,
    "B": lambda case: case.batch_size,
    "input_size": lambda case: case.config.input_size,
    "hidden_size": lambda case: case.config.hidden_size,
    "the number of h_0's rows": lambda case: len(case.config.suffixes()),
    "B times hidden_size": lambda case: case.batch_size * case.config.hidden_size,
}
_AXES = ("T", "B", "input_size", "hidden_size", "the number of h_0's rows")


def _descending(lengths: Sequence[int]) -> bool:
    return list(lengths) == sorted(lengths, reverse=True)


def _has(axis: Axis, place: int) -> Callable[[Case], bool]:
    return lambda case: axis.of(case) == place


#: The axes from the plainest on, and what is true of several values of one.
_AXES_OF_OPTIONS: dict[str, dict[str, Callable[[Case], bool]]] = {
    "h_0": {"with an h_0": lambda case: case.h_0 is not None},
    "layout": {"with batched input": lambda case: not case.unbatched},
    "directions": {},
    "layers": {"in networks of several layers": lambda case: case.config.num_layers > 1},
    "nonlinearity": {},
    "bias": {},
    "dtype": {
        "in dtypes other than float32": lambda case: case.config.dtype != DTYPES[1],
        "in half precision": lambda case: case.config.dtype in DTYPES[2:],
    },
    "gradients": {},
    "rows": {},
    "lengths": {},
    "how gradients come in": {},
    "differentiated": {},
    "memory": {},
    "dropout": {},
}
#: From the plainest on.
CONDITIONS: dict[str, Callable[[Case], bool]] = {
    **{
        condition: holds
        for name, also in _AXES_OF_OPTIONS.items()
        for condition, holds in [
            *((value.condition, _has(BY_NAME[name], place)) for place, value in enumerate(BY_NAME[name].values)),
            *also.items(),
        ]
        if condition
    },
    "where all lengths are equal": lambda case: case.lengths is not None and len(set(case.lengths)) == 1,
    "where the lengths are in order, the longest first": lambda case: (
        case.lengths is not None and _descending(case.lengths)
    ),
    "where the lengths are not in order": lambda case: case.lengths is not None and not _descending(case.lengths),
    **{f"where {name} is 1": (lambda case, size=size: size(case) == 1) for name, size in SIZES.items()},  # type: ignore[misc]
    **{
        f"where {one} equals {other}": _equal(one, other)
        for index, one in enumerate(_AXES)
        for other in _AXES[index + 1 :]
    },
    "where hidden_size is odd": lambda case: case.config.hidden_size % 2 == 1,
    "where input_size is odd": lambda case: case.config.input_size % 2 == 1,
    "where B is odd": lambda case: case.batch_size % 2 == 1,
    "where T is odd": lambda case: case.steps % 2 == 1,
}


#: What one call of a network and the one before it have to be like.
BETWEEN: dict[str, Callable[[Case, Case], bool]] = {
    "where T is another than in the call before": lambda before, now: before.steps != now.steps,
    "where T is larger than in the call before": lambda before, now: before.steps < now.steps,
    "where T is smaller than in the call before": lambda before, now: before.steps > now.steps,
    "where T is that of the call before": lambda before, now: before.steps == now.steps,
    "where B is another than in the call before": lambda before, now: before.batch_size != now.batch_size,
    "where h_0 is given, and was not before": lambda before, now: before.h_0 is None and now.h_0 is not None,
    "where h_0 is not given, and was before": lambda before, now: before.h_0 is not None and now.h_0 is None,
    "where x is that of the call before": lambda before, now: np.array_equal(before.x, now.x, equal_nan=True),
}


def holding(shown: Sequence[Case]) -> dict[str, Callable[[Case], bool]]:
    """Every condition of the table that holds for all cases in which a bug shows."""
    return {name: holds for name, holds in CONDITIONS.items() if all(map(holds, shown))}


def fitting(shown: Sequence[Case], not_shown: Sequence[Case]) -> Iterator[str]:
    """Every condition that holds for all cases in which a bug shows, and for none of the others."""
    yield from (name for name, holds in holding(shown).items() if not any(map(holds, not_shown)))
    for name, size in SIZES.items():
        yield from _threshold(name, [size(case) for case in shown], [size(case) for case in not_shown])


def _threshold(name: str, shown: Sequence[int], not_shown: Sequence[int]) -> Iterator[str]:
    """Yield a size from which on, or up to which, a bug shows, with the untried sizes between the nearest two."""
    if min(shown) > max(not_shown):
        tried = f" (tried: not with {max(not_shown)})" if min(shown) > max(not_shown) + 1 else ""
        yield f"where {name} is at least {min(shown)}{tried}"
    if max(shown) < min(not_shown) and max(shown) > 1:
        tried = f" (tried: not with {min(not_shown)})" if max(shown) < min(not_shown) - 1 else ""
        yield f"where {name} is at most {max(shown)}{tried}"
