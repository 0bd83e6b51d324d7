"""Wrong calls: what torch.nn.RNN refuses, as a table, and cases that make such a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, islice
from typing import Any, TypeAlias

import numpy as np
import torch
from hypothesis import strategies as st

from rnn_parity.contract import MISUSES, Array, Capabilities
from rnn_parity.contract.case import Case, round_to
from rnn_parity.strategies.drawing.cases import EVERYTHING, cases
from rnn_parity.strategies.drawing.lengths import cases_with_lengths

#: x, h_0 and lengths as they are handed over.
Arguments: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Misuse:
    """A call that nn.RNN refuses."""

    #: What is handed over, in words.
    says: str
    #: Whether it is wrong for this case.
    applies: Callable[[Case], bool]
    spoil: Callable[[Case, Arguments], Arguments]
    #: The case that it stands for where an implementation documents that it takes such a call.
    means: Callable[[Case], Case] = lambda case: case


def _of_x(change: Callable[[Any], Any]) -> Callable[[Case, Arguments], Arguments]:
    return lambda case, given: (change(given[0]), *given[1:])


def _of_h_0(change: Callable[[Any], Any]) -> Callable[[Case, Arguments], Arguments]:
    """Change h_0 alone, where a state has several parts."""

    def changed(given: Any) -> Any:
        return (change(given[0]), *given[1:]) if isinstance(given, tuple) else change(given)

    return lambda case, given: (given[0], changed(given[1]), given[2])


def _of_state(change: Callable[[Any], Any]) -> Callable[[Case, Arguments], Arguments]:
    return lambda case, given: (given[0], change(given[1]), given[2])


def _has_c_0(case: Case) -> bool:
    return case.has_h_0 and len(case.config.kind.states) > 1


def _of_lengths(change: Callable[[Case, torch.Tensor], torch.Tensor]) -> Callable[[Case, Arguments], Arguments]:
    return lambda case, given: (*given[:2], change(case, given[2]))


def _one_more(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.cat([tensor, tensor.narrow(axis, 0, 1)], axis)


def _other_float(case: Case) -> torch.dtype:
    return torch.float32 if case.config.dtype == torch.float64 else torch.float64


def _fits_other_float(case: Case) -> bool:
    return all(
        np.array_equal(round_to(_other_float(case), array), array, equal_nan=True)
        for array in (case.x, *([] if case.h_0 is None else [case.h_0]))
    )


def _whole(case: Case) -> bool:
    return bool((np.isfinite(case.x) & (np.abs(case.x) < 2**31) & (case.x == np.trunc(case.x))).all())


def _first_row_for_all(case: Case) -> Array:
    """Return h_0 as its first row alone stands for it; what further parts there are is as it was."""
    assert case.h_0 is not None
    repeated, size = np.repeat(case.h_0[:, :1], case.batch_size, 1), case.config.hidden_size
    return np.concatenate([repeated[..., :size], case.h_0[..., size:]], -1)


def _rows(case: Case) -> int:
    return len(case.config.suffixes())


def _padded(case: Case) -> bool:
    return case.lengths is not None and not case.packed


def _in_first_row(value: int) -> Callable[[Case, torch.Tensor], torch.Tensor]:
    return lambda case, lengths: torch.cat([torch.tensor([value]), lengths[1:]])


_TABLE: dict[str, Misuse] = {
    "x-feature-more": Misuse("an x of one feature too many", lambda case: True, _of_x(lambda x: _one_more(x, -1))),
    "x-feature-less": Misuse(
        "an x of one feature too few", lambda case: case.config.input_size > 1, _of_x(lambda x: x[..., 1:])
    ),
    "x-axis-more": Misuse("an x of one axis too many", lambda case: not case.unbatched, _of_x(lambda x: x[None])),
    "x-one-axis": Misuse("an x of one axis", lambda case: case.batch_size > 0, _of_x(lambda x: x.flatten(0, -2)[0])),
    "x-other-float": Misuse(
        "an x of another floating point dtype",
        _fits_other_float,
        lambda case, given: (given[0].to(_other_float(case)), *given[1:]),
    ),
    "x-integers": Misuse("an x of integers", _whole, _of_x(lambda x: x.long())),
    "x-list": Misuse("an x that is a list", lambda case: case.x.size > 0, _of_x(lambda x: x.tolist())),
    "x-no-steps": Misuse(
        "an x of no steps",
        lambda case: case.lengths is None,
        lambda case, given: (
            given[0].narrow(1 if case.config.batch_first and not case.unbatched else 0, 0, 0),
            *given[1:],
        ),
        lambda case: replace(case, x=case.x[:0]),
    ),
    "h_0-unit-more": Misuse(
        "an h_0 of one hidden unit too many", lambda case: case.has_h_0, _of_h_0(lambda h: _one_more(h, -1))
    ),
    "h_0-layer-more": Misuse(
        "an h_0 of one layer or direction too many", lambda case: case.has_h_0, _of_h_0(lambda h: _one_more(h, 0))
    ),
    "h_0-layer-less": Misuse(
        "an h_0 of one layer or direction too few",
        lambda case: case.has_h_0 and _rows(case) > 1,
        _of_h_0(lambda h: h[1:]),
    ),
    "h_0-row-more": Misuse(
        "an h_0 of one row too many for the batch",
        lambda case: case.has_h_0 and not case.unbatched and case.batch_size > 0,
        _of_h_0(lambda h: _one_more(h, 1)),
    ),
    "h_0-one-row": Misuse(
        "an h_0 of one row for a batch of more",
        lambda case: case.has_h_0 and case.batch_size > 1,
        _of_h_0(lambda h: h[:, :1]),
        lambda case: replace(case, h_0=_first_row_for_all(case)),
    ),
    "h_0-unbatched": Misuse(
        "an h_0 without a batch axis for an x with one",
        lambda case: case.has_h_0 and not case.unbatched and case.batch_size == 1,
        _of_h_0(lambda h: h[:, 0]),
    ),
    "h_0-batched": Misuse(
        "an h_0 with a batch axis for an x without one",
        lambda case: case.has_h_0 and case.unbatched,
        _of_h_0(lambda h: h[:, None]),
    ),
    "h_0-batch-first": Misuse(
        "an h_0 whose first axis is the batch",
        lambda case: case.has_h_0 and not case.unbatched and case.batch_size != _rows(case),
        _of_h_0(lambda h: h.transpose(0, 1)),
    ),
    "h_0-other-float": Misuse(
        "an h_0 of another floating point dtype",
        lambda case: case.has_h_0 and case.batch_size > 0 and _fits_other_float(case),
        lambda case, given: _of_h_0(lambda h: h.to(_other_float(case)))(case, given),
    ),
    "h_0-list": Misuse(
        "an h_0 that is a list",
        lambda case: case.has_h_0 and case.batch_size > 0,
        _of_h_0(lambda h: h.tolist()),
    ),
    "h_0-twice": Misuse(
        "a tuple of two states",
        lambda case: case.has_h_0 and not _has_c_0(case),
        _of_state(lambda h: (h, h)),
    ),
    "c_0-absent": Misuse("an h_0 without a c_0", _has_c_0, _of_state(lambda state: state[0])),
    "c_0-unit-more": Misuse(
        "a c_0 of one hidden unit too many", _has_c_0, _of_state(lambda state: (state[0], _one_more(state[1], -1)))
    ),
    "c_0-layer-more": Misuse(
        "a c_0 of one layer or direction too many",
        _has_c_0,
        _of_state(lambda state: (state[0], _one_more(state[1], 0))),
    ),
    "lengths-zero": Misuse("a length of 0", _padded, _of_lengths(_in_first_row(0))),
    "lengths-beyond": Misuse(
        "a length of more steps than x has",
        _padded,
        _of_lengths(lambda case, lengths: _in_first_row(case.steps + 1)(case, lengths)),
    ),
    "lengths-too-few": Misuse("lengths for one row too few", _padded, _of_lengths(lambda case, lengths: lengths[1:])),
}
assert tuple(_TABLE) == MISUSES


def misuse_of(case: Case) -> Misuse:
    """Return the wrong call that a case makes."""
    return _TABLE[case.misuse]


@st.composite
def misused_cases(draw: st.DrawFn, /, within: Capabilities = EVERYTHING) -> Case:
    """Draw cases inside `within` that make a wrong call."""
    case = draw(_right_cases(within))
    first = draw(_FIRST)
    candidates: Iterator[str] = chain(islice(MISUSES, first, None), MISUSES)
    return replace(case, misuse=next(name for name in candidates if _TABLE[name].applies(case)))


_FIRST = st.sampled_from(range(len(MISUSES)))


@cache
def _right_cases(within: Capabilities) -> st.SearchStrategy[Case]:
    plain = cases(within, special=False)
    if "padded" not in within.lengths:
        return plain
    return st.one_of(plain, plain, cases_with_lengths(replace(within, lengths=("padded",)), special=False))
