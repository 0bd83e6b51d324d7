"""Bug models of second derivatives: ways back that are right, and connected to too little of what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from rnn_parity import Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell
from rnn_parity.reference.second import Edit, Part, second_derivatives
from rnn_parity.reference.sums import Sum
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.diagnosis import of_gradients
from rnn_parity.tests.judge.diagnosis.model import SCOPES, Calls, Model, cells_where
from rnn_parity.tests.judge.diagnosis.of_gradients import Gradients, in_parts, passes, scaled
from rnn_parity.tests.judge.diagnosis.wiring import Prediction, cells_of
from rnn_parity.tests.judge.trial.by_name import gradients as by_names

#: What a model does to a part of the second way back, out of the case.
Edits = Callable[[Case], Edit]


def _as_it_is(case: Case) -> Edit:
    return lambda part, number, right: right


def _model(
    name: str, edits: Edits = _as_it_is, result: Callable[[Case, Gradients], Gradients] | None = None, **facts: Any
) -> Model:
    """Right forward and in its gradients; where the case is differentiated twice, wrong in the second derivatives."""

    def prediction(calls: Calls, rounding: Rounding) -> Prediction:
        case, right = calls[-1], _first(calls[-1], rounding)
        if not (case.twice and case.has_cotangents):
            return right
        made = passes(case, rounding)
        found: Mapping[str, Ball] = second_derivatives(case, rounding, made, edits(case)).of_calls(1)
        found = result(case, found) if result else found
        second = by_names(case, "second derivative by", dict(found))
        return Prediction({**right.parts, **second})

    return Model(name, prediction, facts.pop("family", name), order=2, **facts)


@lru_cache(maxsize=4)
def _first(case: Case, rounding: Rounding) -> Prediction:
    """Return what is right going forward and back, which is the same for all models of one look."""
    return of_gradients.REFERENCE.predict((case,), rounding)


#: Right in every respect: forward, back, and twice.
REFERENCE = _model("")

#: What the way back depends on, from the plainest on.
DEPENDS: dict[str, tuple[Part, ...]] = {
    "the activation's derivative": ("by slope",),
    "W_hh": ("by W_hh",),
    "W_ih": ("by W_ih",),
    "what W_ih was applied to": ("by x",),
    "what W_hh was applied to": ("by h_0", "by h"),
    "the h_0 that W_hh was applied to": ("by h_0",),
    "the states after h_0 that W_hh was applied to": ("by h",),
    "what is asked of the states": ("asked",),
}
#: Whose gradient may be connected to nothing.
GRADIENTS: dict[str, tuple[Part, ...]] = {
    "what a layer reads": ("x",),
    "h_0": ("h_0",),
    "W_ih": ("weight_ih",),
    "W_hh": ("weight_hh",),
    "b_ih": ("bias_ih",),
    "b_hh": ("bias_hh",),
}
COUNTS = {"twice": 2.0, "half": 0.5, "with the opposite sign": -1.0}
#: No more than so many are named together, and all of them.
_TOGETHER = 2
#: Parts that are in every case but some.
_IS_THERE: dict[Part, Callable[[Case], bool]] = {
    **dict.fromkeys(("bias_ih", "bias_hh"), lambda case: case.config.bias),
    **dict.fromkeys(("h_0", "by h_0"), lambda case: case.h_0 is not None),
    **dict.fromkeys(("carried", "by h"), lambda case: case.steps > 1),
    "by slope": lambda case: bool(case.config.activation.curvature),
}


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases that are differentiated twice; none for others."""
    if not (case.twice and case.has_cotangents):
        return
    for names, parts in _together(DEPENDS):
        constant = "a constant" if len(names) == 1 else "constants"
        yield from _scoped(f"the way back takes {listed(names)} for {constant}", 0.0, parts, len(names))
    for names, parts in _together(GRADIENTS):
        gradients = "gradient" if len(names) == 1 else "gradients"
        yield from _scoped(f"nothing leads back from the {gradients} of {listed(names)}", 0.0, parts, len(names))
    yield from _scoped("nothing leads back from what a step sends to the one before", 0.0, ("carried",))
    yield from _scoped("going back through the way back applies no derivative of the activation", 1.0, ("slope",))
    for what, parts in DEPENDS.items():
        for count, factor in COUNTS.items():
            yield from _scoped(f"what second derivatives owe to {what} counts {count}", factor, parts, 2)
    yield from _of_results()


def _together(table: Mapping[str, tuple[Part, ...]]) -> Iterator[tuple[Sequence[str], tuple[Part, ...]]]:
    """Yield some of a table together, and their parts, none of them twice."""
    for number in (*range(1, _TOGETHER + 1), len(table)):
        for names in combinations(table, number):
            parts = [part for name in names for part in table[name]]
            if len(set(parts)) == len(parts):
                yield names, tuple(parts)


def _scoped(name: str, factor: float, parts: tuple[Part, ...], number: int = 1) -> Iterator[Model]:
    """Yield a factor of some parts in every scope; `number` is how much the name says."""
    for where, applies in SCOPES.items():
        yield _model(
            name + where,
            _times(factor, parts, applies),
            family=name,
            effect=_effect(factor, parts, cells_where(applies)),
            among="second derivatives",
            special=number - 1 + bool(where),
        )


def _effect(factor: float, parts: tuple[Part, ...], cells: Callable[[Case], Hashable]) -> Callable[[Case], Hashable]:
    """Return which parts that are there are multiplied, where, and by what."""

    def effect(case: Case) -> Hashable:
        there = frozenset(part for part in parts if part not in _IS_THERE or _IS_THERE[part](case))
        where = cells(case)
        return (factor, there, where) if there and where else None

    return effect


def _times(factor: float, parts: Sequence[Part], applies: Callable[[Cell], bool]) -> Edits:
    """Multiply parts by zero or a power of two in the cells to which a scope applies; d_t is set to it."""

    def edits(case: Case) -> Edit:
        cells = cells_of(case)

        def edit(part: Part, number: int, right: Any) -> Any:
            concerned = np.array([applies(cell) for (layer, _), cell in cells.items() if layer == number])
            if part not in parts or not concerned.any():
                return right
            if part == "slope":
                where = concerned[:, None, None, None]
                return Ball(np.where(where, factor, right.mid), np.where(where, 0.0, right.rad))
            return _multiplied(right, np.where(concerned, factor, 1.0))

        return edit

    return edits


def _by(factor: Array, part: Array) -> Array:
    return np.where(factor == 0, 0.0, factor * part)


def _multiplied(right: Array | Ball | Sum, factors: Array) -> Array | Ball | Sum:
    """Multiply numbers that lead with the direction by a factor for each."""
    by = factors.reshape(-1, *[1] * ((right if isinstance(right, np.ndarray) else right.mid).ndim - 1))
    if isinstance(right, np.ndarray):
        return _by(by, right)
    mid, rad = _by(by, right.mid), _by(abs(by), right.rad)
    if isinstance(right, Ball):
        return Ball(mid, rad)
    # Half a quantum may be subnormal: then it is not known that nothing is rounded.
    quantum = np.where(by == 0, np.inf, np.where(by == 1, right.quantum, 0.0))
    lost, terms = _by(np.where(by == 0, 0.0, np.maximum(abs(by), 1.0)), right.lost), np.where(by == 0, 0.0, right.terms)
    return Sum(quantum, mid, rad, _by(abs(by), right.size), terms, lost)


#: Of the second derivative by an argument.
FACTORS: dict[str, Callable[[Case], float]] = {
    "there is no second derivative by {}": lambda case: 0.0,
    "the second derivative by {} is counted twice": lambda case: 2.0,
    "the second derivative by {} is counted half": lambda case: 0.5,
    "the second derivative by {} is a mean over the batch, not a sum": lambda case: 1 / max(1, case.batch_size),
    "the second derivative by {} is a mean over time, not a sum": lambda case: 1 / case.steps,
}
_ARGUMENTS = {
    **{name: [name] for name in ("x", "h_0")},
    "what is asked of the output": ["grad_output"],
    "what is asked of h_n": ["grad_h_n"],
    "what is asked of the results": ["grad_output", "grad_h_n"],
}


def _of_results() -> Iterator[Model]:
    for wording, factor in FACTORS.items():
        for role, of_role in of_gradients.PARAMETERS.items():
            yield from in_parts(_model, wording.format(role), factor, of_role)
        for what, arguments in _ARGUMENTS.items():
            yield _model(wording.format(what), result=scaled(factor, arguments.__contains__))
