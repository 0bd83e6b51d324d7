"""Bug models of states: where they start, what is carried from step to step, and how many steps there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball, exact
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, numbered, scoped
from rnn_parity.tests.judge.diagnosis.wiring import (
    Step,
    Wiring,
    as_it_should,
    each,
    joined,
    last_in_time,
    row_of,
)


def _reshaped(h_0: Array) -> Array:
    return h_0.reshape(h_0.shape[1], h_0.shape[0], h_0.shape[2]).swapaxes(0, 1)


#: What is made of h_0 (rows, B, H) before anything starts from it.
INITIAL: dict[str, Callable[[Case, Array], Array]] = {
    "h_0 is read as all layers' forward states, then all layers' reverse ones": lambda case, h_0: (
        h_0.reshape(case.config.num_directions, case.config.num_layers, *h_0.shape[1:])
        .swapaxes(0, 1)
        .reshape(h_0.shape)
    ),
    "h_0 is read from the last layer down": lambda case, h_0: h_0.reshape(
        case.config.num_layers, case.config.num_directions, *h_0.shape[1:]
    )[::-1].reshape(h_0.shape),
    "h_0 is read as (B, layers, H) where B equals the number of its rows": lambda case, h_0: (
        h_0.swapaxes(0, 1) if h_0.shape[0] == h_0.shape[1] else h_0
    ),
    "with batch_first, h_0 is read as (B, layers, H) where B equals the number of its rows": lambda case, h_0: (
        h_0.swapaxes(0, 1) if case.config.batch_first and not case.unbatched and h_0.shape[0] == h_0.shape[1] else h_0
    ),
    "h_0 is brought into the shape (B, layers, H) by a reshape": lambda case, h_0: _reshaped(h_0),
    "with batch_first, h_0 is brought into the shape (B, layers, H) by a reshape": lambda case, h_0: (
        _reshaped(h_0) if case.config.batch_first and not case.unbatched else h_0
    ),
    "every row of the batch starts from the first one's h_0": lambda case, h_0: np.repeat(h_0[:, :1], h_0.shape[1], 1),
    "h_0 is transposed where the batch is as large as the hidden size": lambda case, h_0: (
        h_0.swapaxes(1, 2) if h_0.shape[1] == h_0.shape[2] else h_0
    ),
}

States = Mapping[tuple[int, bool], Ball]
#: What a cell starts from.
STARTS: dict[str, Callable[[Case, Cell, Array, States], Ball]] = {
    "h_0 is ignored": lambda case, cell, h_0, states: exact(np.zeros(h_0.shape[1:])),
    "every layer starts from the first one's h_0": lambda case, cell, h_0, states: exact(h_0[int(cell.reverse)]),
    "every layer starts from the last one's h_0": lambda case, cell, h_0, states: exact(
        h_0[cell.top * case.config.num_directions + cell.reverse]
    ),
    "both directions start from the forward one's h_0": lambda case, cell, h_0, states: exact(
        h_0[cell.layer * case.config.num_directions]
    ),
    "both directions start from the reverse one's h_0": lambda case, cell, h_0, states: exact(
        h_0[(cell.layer + 1) * case.config.num_directions - 1]
    ),
    "the two directions start from each other's h_0": lambda case, cell, h_0, states: exact(
        h_0[cell.layer * case.config.num_directions + (case.config.bidirectional and not cell.reverse)]
    ),
    "every layer and direction starts from h_0's first row": lambda case, cell, h_0, states: exact(h_0[0]),
    "h_0 is clipped to [-1, 1]": lambda case, cell, h_0, states: exact(np.clip(h_0[row_of(case, cell)], -1, 1)),
    "without an h_0 it starts from ones": lambda case, cell, h_0, states: exact(
        np.ones(h_0.shape[1:]) if case.h_0 is None else h_0[row_of(case, cell)]
    ),
    "the first frame stands for an absent h_0 where the sizes allow": lambda case, cell, h_0, states: exact(
        case.x[0]
        if case.h_0 is None and case.x.shape[1:] == h_0.shape[1:] and not cell.layer
        else h_0[row_of(case, cell)]
    ),
    "the reverse direction starts from the forward one's final state": lambda case, cell, h_0, states: (
        _end(states[cell.layer, False]) if cell.reverse else exact(h_0[row_of(case, cell)])
    ),
    "a layer starts from the final state of the one below, whatever h_0 says,": lambda case, cell, h_0, states: (
        _end(states[cell.layer - 1, cell.reverse]) if cell.layer else exact(h_0[row_of(case, cell)])
    ),
}


def _end(states: Ball) -> Ball:
    return each(lambda part: part[-1], states)


def _from(step: Step, h: Ball) -> Ball:
    """Do the right step from another state."""
    return cast("Ball", step.operations.config.kind.step(step, h))


def _unless_zero(step: Step) -> Ball:
    """Return the old state where the frame is zero; an unbounded ball where it may be zero."""
    zero = ((step.x.mid == 0) & (step.x.rad == 0)).all(-1, keepdims=True)
    unsure = (np.abs(step.x.mid) <= step.x.rad).all(-1, keepdims=True) & ~zero
    new = as_it_should(step)
    return Ball(np.where(zero, step.h.mid, new.mid), np.where(unsure, np.inf, np.where(zero, step.h.rad, new.rad)))


def _alone(step: Step, unit: int) -> Ball:
    """One unit that hears of no other, of no NaN there either."""
    cell, own = step.cell, slice(unit, unit + 1)
    products = [(step.x, cell.w_ih[own]), (each(lambda part: part[:, own], step.h), cell.w_hh[own, own])]
    return step.operations.activate(step.operations.affine(products, [cell.b_ih[own], cell.b_hh[own]]))


#: One step, done otherwise.
STEPS: dict[str, Callable[[Step], Ball]] = {
    "W_hh is left out: nothing is carried from step to step": lambda step: step.operations.activate(
        step.operations.affine([(step.x, step.cell.w_ih)], [step.cell.b_ih, step.cell.b_hh])
    ),
    "W_ih is left out: the input is not read": lambda step: step.operations.activate(
        step.operations.affine([(step.h, step.cell.w_hh)], [step.cell.b_ih, step.cell.b_hh])
    ),
    "every step starts from h_0: the state is not carried": lambda step: _from(step, step.start),
    "from the second step on, each reads the state before the last one": lambda step: _from(
        step, step.start if step.t < 2 else step.states[-2]
    ),
    "the activation is applied to h_0, too,": lambda step: _from(
        step, step.h if step.t else step.operations.activate(step.start)
    ),
    "only the diagonal of W_hh is used": lambda step: joined(
        [_alone(step, unit) for unit in range(len(step.cell.b_hh))]
    ),
    "an all-zero frame leaves the state as it is": _unless_zero,
    "without an h_0 the first step leaves out the recurrent half, b_hh included,": lambda step: (
        step.operations.activate(step.operations.affine([(step.x, step.cell.w_ih)], [step.cell.b_ih]))
        if not step.t and step.case.h_0 is None
        else as_it_should(step)
    ),
    "the first step leaves out the recurrent half, b_hh included,": lambda step: (
        as_it_should(step)
        if step.t
        else step.operations.activate(step.operations.affine([(step.x, step.cell.w_ih)], [step.cell.b_ih]))
    ),
    "each row of the batch reads the state of the row before": lambda step: _from(
        step, each(lambda part: np.roll(part, 1, 0), step.h)
    ),
    "each row of the batch reads the state of the row after": lambda step: _from(
        step, each(lambda part: np.roll(part, -1, 0), step.h)
    ),
    "the state is transposed where the batch is as large as the hidden size": lambda step: _from(
        step, each(np.transpose, step.h) if step.h.mid.shape[0] == step.h.mid.shape[1] else step.h
    ),
    "the first step is not made": lambda step: as_it_should(step) if step.t else step.start,
    "the first step is made twice": lambda step: (
        as_it_should(step) if step.t else as_it_should(step._replace(t=1, states=[as_it_should(step)]))
    ),
    "the last step is not made": lambda step: as_it_should(step) if step.t < step.case.steps - 1 else step.h,
    "the last step is made twice": lambda step: (
        _from(step, as_it_should(step)) if step.t == step.case.steps - 1 else as_it_should(step)
    ),
    "every step is made twice": lambda step: _from(step, as_it_should(step)),
    "the state is added to the new one, as in a residual network,": lambda step: step.operations.add(
        as_it_should(step), step.h
    ),
    "the frame is read in the place of the state where the sizes allow": lambda step: _from(
        step, step.x if step.x.mid.shape == step.h.mid.shape else step.h
    ),
}


#: Bugs with a number of steps, rows or units: a step, and the number.
NUMBERED: dict[str, Callable[[Step, int], Ball]] = {
    "the state is forgotten after every {k} steps": lambda step, k: _from(
        step, exact(np.zeros(step.start.mid.shape)) if step.t and step.t % k == 0 else step.h
    ),
    "the state starts again from h_0 after every {k} steps": lambda step, k: _from(
        step, step.start if step.t % k == 0 else step.h
    ),
    "steps from number {k} on (from 0) repeat the state": lambda step, k: as_it_should(step) if step.t < k else step.h,
    "steps from number {k} on (from 0) give zeros": lambda step, k: (
        as_it_should(step) if step.t < k else exact(np.zeros(step.start.mid.shape))
    ),
    "steps beyond the last whole block of {k}, where there is one, repeat the state": lambda step, k: (
        as_it_should(step) if step.t < _blocks(step.case.steps, k) else step.h
    ),
}
#: Which rows of (B, H) are as they should be, and what becomes of the others.
KEPT: dict[str, Callable[[Array, int], np.typing.NDArray[np.bool_]]] = {
    "beyond the last whole block of {k}, where there is one,": lambda part, k: _rows(part) < _blocks(len(part), k),
    "from number {k} on (from 0)": lambda part, k: _rows(part) < k,
}
LOST: dict[str, Callable[[Step, Callable[[Ball], Ball]], Ball]] = {
    "forget their state at every step": lambda step, kept: _from(step, kept(step.h)),
    "are never computed and stay zero": lambda step, kept: kept(as_it_should(step)),
}


def _rows(part: Array) -> Array:
    return np.arange(float(len(part)))[:, None]


def _blocks(size: int, k: int) -> int:
    """Return how many lie in whole blocks of k; all, where there is no whole block."""
    return size - size % k or size


#: What a direction hands on of its states: the start, and the states in the order of processing.
HANDED_ON: dict[str, Callable[[Ball, Ball], Ball]] = {
    "the outputs start with the initial state and lack the last one": lambda start, states: each(
        lambda part: part[:-1], joined([each(lambda part: part[None], start), states], 0)
    ),
    "the outputs lack the first state and repeat the last one": lambda start, states: each(
        lambda part: np.concatenate([part[1:], part[-1:]]), states
    ),
    "every output is the last state": lambda start, states: each(
        lambda part: np.repeat(part[-1:], len(part), 0), states
    ),
    "the outputs are turned round by one step: the last state comes first": lambda start, states: each(
        lambda part: np.roll(part, 1, 0), states
    ),
}


#: Bounds to which states may be clipped.
_CLIPS = (1, 2, 3, 4, 5, 6, 8, 10, 16, 20, 50, 100)


def models(case: Case) -> Iterator[Model]:
    """All of them, with the numbers that a failing case leaves open."""
    for name, initial in INITIAL.items():
        yield Model.wired(name, Wiring(case=lambda case, initial=initial: _with_h_0(case, initial)))  # type: ignore[misc]
    for name, start in STARTS.items():
        yield from scoped(name, start=start)
    for name, step in STEPS.items():
        yield from scoped(name, step=step)
    for name, edit in NUMBERED.items():
        yield from _numbered(name, edit, range(1, case.steps + 1), lambda case: case.steps)
    for which, keeps in KEPT.items():
        numbers = range(2, 34) if "block" in which else range(1, case.batch_size)
        for what, becomes in LOST.items():
            name = f"rows of the batch {which} {what}"
            yield from _numbered(name, _losing(keeps, becomes), numbers, lambda case: case.batch_size)
    for name, hand_on in HANDED_ON.items():
        handing_on = _handing_on(hand_on)
        yield from scoped(name, hand_on=handing_on)
        yield from scoped(name, also=", and h_n is read there", hand_on=handing_on, last=last_in_time)
    for bound in _CLIPS:
        yield Model.wired(
            f"the state is clipped to [-{bound}, {bound}], as by a relu that is capped at {bound}",
            Wiring(step=lambda step, bound=bound: clipped(as_it_should(step), bound)),  # type: ignore[misc]
            family="the state is clipped",
        )


def _handing_on(hand_on: Callable[[Ball, Ball], Ball]) -> Callable[[Cell, Ball, Ball], Ball]:
    return lambda cell, start, states: hand_on(start, states)


def _losing(
    keeps: Callable[[Array, int], np.typing.NDArray[np.bool_]], becomes: Callable[[Step, Callable[[Ball], Ball]], Ball]
) -> Callable[[Step, int], Ball]:
    return lambda step, k: becomes(step, lambda ball: each(lambda part: np.where(keeps(part, k), part, 0.0), ball))


def _numbered(
    name: str, edit: Callable[[Step, int], Ball], numbers: range, size: Callable[[Case], int]
) -> Iterator[Model]:
    def effect(case: Case, k: int) -> int | None:
        kept = _blocks(size(case), k) if "block" in name else min(k, size(case))
        return None if kept == size(case) else kept

    yield from numbered(name, numbers, lambda k: Wiring(step=lambda step: edit(step, k)), effect)


def _with_h_0(case: Case, initial: Callable[[Case, Array], Array]) -> Case:
    return case if case.h_0 is None else replace(case, h_0=np.ascontiguousarray(initial(case, case.h_0)))


def clipped(state: Ball, bound: float) -> Ball:
    """Clip a state, or a part of it; clipping moves no two numbers apart."""
    certain = np.abs(state.mid) - state.rad >= bound
    return Ball(np.clip(state.mid, -bound, bound), np.where(certain, 0.0, state.rad))
