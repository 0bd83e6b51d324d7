"""What can be chosen about a case beside its sizes and numbers: a table of options, and the change to each choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from rnn_parity.contract.axes import AXES, BY_NAME, Axis
from rnn_parity.contract.changes import Change, differentiated, sized
from rnn_parity.strategies import Case, InvalidCase


def _with(**fields: Any) -> Change:
    return lambda case: replace(case, **fields)


def batched(case: Case) -> Case:
    """Add the batch axis."""
    return replace(case, unbatched=False)


def _lengths(case: Case, lengths: tuple[int, ...] | None) -> Case:
    return replace(case, lengths=lengths, packed=case.packed and lengths is not None)


def _early(case: Case) -> tuple[int, ...]:
    """Lengths of which some are less than T, where T allows."""
    assert case.lengths is not None
    if min(case.lengths) < case.steps:
        return case.lengths
    return tuple(max(1, case.steps - 1 - row % 2) for row in range(case.batch_size))


class Option(NamedTuple):
    """Something that can be chosen."""

    name: str
    #: What stands before the name of a choice, in a sentence.
    says: str
    choices: dict[str, Change]


def _option(axis: Axis) -> Option:
    return Option(
        axis.name, axis.says, {value.name: partial(_chosen, axis, place) for place, value in enumerate(axis.values)}
    )


def _chosen(axis: Axis, place: int, case: Case) -> Case:
    assert axis.make is not None
    changed = axis.make(case, place)
    if axis.of(changed) != place:
        raise InvalidCase(f"{axis.name}: no such case is {axis.values[place].name}")
    return changed


#: What can be chosen about every case. Sizes are varied as sizes, and what a property asks for stays.
OPTIONS = [_option(axis) for axis in AXES if axis.says and axis.name != "how gradients come in"]


def _in_order(case: Case, lengths: Callable[[int, int], Iterable[int]]) -> Case:
    """Give lengths made of T and B, which are 2 at least: with one row, or one step, there is no other order."""
    case = sized(T=max(2, case.steps), B=max(2, case.batch_size))(case)
    return replace(case, lengths=tuple(lengths(case.steps, case.batch_size)))


_OF_LENGTHS = [
    Option(
        "lengths",
        "lengths are ",
        {
            "absent": lambda case: _lengths(case, None),
            "T": lambda case: _lengths(case, (case.steps,) * case.batch_size),
            "below T": lambda case: _lengths(case, _early(case)),
        },
    ),
    Option(
        "order of lengths",
        "lengths are ",
        {
            "equal": lambda case: _in_order(case, lambda steps, rows: [steps] * rows),
            "in order, the longest first": lambda case: _in_order(
                case, lambda steps, rows: [steps, *[steps - 1] * (rows - 1)]
            ),
            "out of order": lambda case: _in_order(case, lambda steps, rows: [*[steps - 1] * (rows - 1), steps]),
        },
    ),
    Option(
        "packing",
        "sequences are ",
        {"packed": _with(packed=True), "padded": _with(packed=False)},
    ),
]
_OF_GRADIENTS = [
    Option(
        "what is differentiated",
        "what is differentiated is ",
        {
            "output alone": lambda case: differentiated(case, "grad_output"),
            "h_n alone": lambda case: differentiated(case, "grad_h_n"),
            "both": lambda case: differentiated(case, "grad_output", "grad_h_n"),
        },
    ),
    _option(BY_NAME["how gradients come in"]),
]


def options_of(case: Case) -> list[Option]:
    """Return what can be chosen about a case like this one."""
    options = [option for option in OPTIONS if BY_NAME[option.name].varies(case)]
    if len(case.config.kind.states) > 1:
        # Of h_0 and c_0, which are given together.
        options = [option._replace(says=option.says.replace("h_0", "the initial state")) for option in options]
    return options + _OF_LENGTHS * (case.lengths is not None) + _OF_GRADIENTS * case.has_cotangents
