"""The reference, cut open: the same recurrence over balls, with places where a bug model rewires it.

A `Wiring` without edits is `rnn_parity.reference.forward.forward`. Each of its fields is one place: the case before,
the parameters, what a layer reads, where a direction starts, in which order it runs, one step, how directions are
joined, what is returned. What comes out has bounds as proven as the reference's: an implementation that has the bug
lies within them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch

from rnn_parity import Config, Rounding
from rnn_parity.contract import Array
from rnn_parity.reference import gates
from rnn_parity.reference.balls import Ball, concatenated, exact
from rnn_parity.reference.forward import Cell, Layer, Mask, layer_cells
from rnn_parity.reference.steps import heard, parts_of
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.operations import Operations
from rnn_parity.tests.judge.trial.by_name import outputs

#: By (layer, reverse).
Cells: TypeAlias = Mapping[tuple[int, bool], Cell]


@dataclass(frozen=True)
class Prediction:
    """What is returned where the model holds: balls in the layouts of the case, by the names of an `Observation`."""

    parts: Mapping[str, Ball]
    #: The dtype of what is returned, where it is not that of the case.
    dtypes: Mapping[str, torch.dtype] = field(default_factory=dict)
    #: Where everything that is returned was rounded to fewer digits than its dtype has: that rounding.
    digits: Callable[[Array], Array] | None = None


class Step(NamedTuple):
    """Where a direction stands in the order of processing: what a step may look at."""

    operations: Operations
    cell: Cell
    case: Case
    t: int
    x: Ball
    #: The state before the first step, and those that were made since, with all their parts.
    start: Ball
    states: Sequence[Ball]

    @property
    def h(self) -> Ball:
        """The state before this step."""
        return self.states[-1] if self.states else self.start

    def affine(self, gate: str, h: Ball) -> Ball:
        """Return W_ih x + b_ih + W_hh h + b_hh of a gate."""
        w_ih, w_hh, b_ih, b_hh = self.parameters(gate)
        return self.operations.affine([(self.x, w_ih), (h, w_hh)], [b_ih, b_hh])

    def reset_affine(self, gate: str, h: Ball, reset: Ball) -> Ball:
        """Return W_ih x + b_ih + reset * (W_hh h + b_hh) of a gate."""
        w_ih, w_hh, b_ih, b_hh = self.parameters(gate)
        product = self.times(reset, self.operations.affine([(h, w_hh)], [b_hh]))
        return self.operations.affine([(self.x, w_ih), (product, np.eye(len(b_ih)))], [b_ih])

    def parameters(self, gate: str) -> tuple[Array, Array, Array, Array]:
        """Return W_ih, W_hh, b_ih and b_hh of a gate."""
        cell = self.cell
        w_ih, w_hh, b_ih, b_hh = (self.operations.rows(gate, part) for part in cell[3:])
        return w_ih, w_hh, b_ih, b_hh

    def activated(self, a: Ball) -> Ball:
        """Return the activation of the case."""
        return self.operations.activate(a)

    def gate(self, name: str, value: Ball) -> Ball:
        """Return the value of a gate."""
        return value

    def tanh(self, a: Ball) -> Ball:
        """Return tanh(a)."""
        return self.operations.arithmetic.tanh(a)

    def sigmoid(self, a: Ball) -> Ball:
        """Return the sigmoid of a."""
        return gates.sigmoid(self.operations.arithmetic, a)

    def times(self, a: Ball, b: Ball) -> Ball:
        """Return a b."""
        return gates.times(self.operations.arithmetic, a, b)

    def mix(self, z: Ball, n: Ball, h: Ball) -> Ball:
        """Return (1 - z) n + z h."""
        return gates.mix(self.operations.arithmetic, z, n, h)

    def two_products(self, a: Ball, b: Ball, c: Ball, d: Ball) -> Ball:
        """Return a b + c d."""
        return gates.two_products(self.operations.arithmetic, a, b, c, d)

    def parts(self, state: Ball) -> tuple[Ball, ...]:
        """Return the parts of a state."""
        return parts_of(state, self.operations.config)

    def joined(self, *parts: Ball) -> Ball:
        """Return the state out of its parts."""
        return joined(parts)


def sum_of(step: Step, h: Ball) -> Ball:
    """W_ih x + b_ih + W_hh h + b_hh.

    Raises:
        ValueError: the cell has several gates, each with a sum of its own.
    """
    (gate,) = step.operations.config.kind.gates
    return step.affine(gate, h)


def as_it_should(step: Step) -> Ball:
    """Return the next state."""
    return cast("Ball", step.operations.config.kind.step(step, step.h))


def only_for(nonlinearity: str, other: Callable[[Step], Ball]) -> Callable[[Step], Ball]:
    """Make another step in networks of one activation."""
    return lambda step: other(step) if step.case.config.nonlinearity == nonlinearity else as_it_should(step)


Sequences: TypeAlias = Sequence[Ball]
#: Output (T, B, D * H) and h_n (rows, B, state_size), over which a model may go before the case's layout is applied.
Pair: TypeAlias = tuple[Ball, Ball]


@dataclass(frozen=True)
class Wiring:
    """Where a bug model does otherwise than the reference; what is not named is as it should be."""

    #: The case that the network sees in the place of the one that it is given.
    case: Callable[[Case], Case] = lambda case: case
    #: The parameters of a cell, out of those of all.
    cell: Callable[[Cell, Cells, Config], Cell] = lambda cell, cells, config: cell
    #: What a layer reads, out of the input and the outputs of the layers below, in the order of time.
    read: Callable[[Case, Cell, Sequences], Ball] = lambda case, cell, sequences: sequences[-1]
    #: The state that a cell starts from: `h_0` (rows, B, H), and the states of cells that ran before, in the order of
    #: processing.
    start: Callable[[Case, Cell, Array, Mapping[tuple[int, bool], Ball]], Ball] = lambda case, cell, h_0, states: exact(
        h_0[row_of(case, cell)]
    )
    #: From the order of time to that of processing, and back: of (T, B, n).
    turn: Callable[[Cell, Array], Array] = lambda cell, part: part[::-1] if cell.reverse else part
    turn_back: Callable[[Cell, Array], Array] = lambda cell, part: part[::-1] if cell.reverse else part
    #: Which steps count, (T, B, 1) in the order of processing, where rows have lengths.
    valid: Callable[[Cell, Mask], Mask] = lambda cell, counts: counts
    step: Callable[[Step], Ball] = as_it_should
    #: What a direction hands on of its states, all in the order of processing: out of its start and its states.
    hand_on: Callable[[Cell, Ball, Ball], Ball] = lambda cell, start, states: states
    #: The output of a layer out of its directions', in the order of time.
    join: Callable[[Case, int, Sequences], Ball] = lambda case, layer, halves: joined(halves)
    #: The final state of a cell: out of its start, its states in the order of processing, and what it hands on in that
    #: of time.
    last: Callable[[Case, Cell, Ball, Ball, Ball], Ball] = lambda case, cell, start, states, outputs: last_of(
        start, states
    )
    #: What is returned, time-major.
    result: Callable[[Case, Ball, Ball], Pair] = lambda case, output, h_n: (output, h_n)
    #: What is returned, in the case's layout.
    returned: Callable[[Case, Ball, Ball], Pair] = lambda case, output, h_n: (output, h_n)
    #: What it is rounded to in the end.
    dtypes: Callable[[Case], Mapping[str, torch.dtype]] = lambda case: {}


def row_of(case: Case, cell: Cell) -> int:
    """Return the row of h_0 and h_n that belongs to a cell."""
    return cell.layer * case.config.num_directions + cell.reverse


def joined(parts: Sequence[Ball], axis: int = -1) -> Ball:
    """Balls side by side."""
    return concatenated(parts, axis)


def stacked(parts: Sequence[Ball]) -> Ball:
    """Balls one upon the other."""
    return Ball(*(np.stack(part) for part in zip(*parts, strict=True)))


def each(change: Callable[[Array], Array], ball: Ball) -> Ball:
    """Move midpoints and radii alike."""
    return Ball(*map(change, ball))


def last_in_time(case: Case, cell: Cell, start: Ball, states: Ball, outputs: Ball) -> Ball:
    """Return what is handed on at the step where a direction ends: the last of all steps, or the first."""
    return each(lambda part: part[0 if cell.reverse else -1], outputs)


def last_of(start: Ball, states: Ball) -> Ball:
    """Return the state after the last step; the start, where there is none."""
    return each(lambda part: part[-1], states) if len(states.mid) else start


@lru_cache(maxsize=4)
def cells_of(case: Case) -> Cells:
    """Return the cells of a case's network, from the bottom up."""
    layers = range(case.config.num_layers)
    return {(cell.layer, cell.reverse): cell for layer in layers for cell in layer_cells(case, layer)}


def predict(given: Case, wiring: Wiring, rounding: Rounding) -> Prediction:
    """Return what a network that is wired so returns on a case.

    Raises:
        ValueError: a shape does not fit; a network that is wired so would raise, too, or be undefined.
    """
    case = wiring.case(given)
    output, h_n = wiring.result(case, *_network(case, wiring, _operations(case, rounding)))
    parts = outputs(case, output, h_n)
    output = parts.pop("output")
    for name, part in parts.items():
        first, parts[name] = wiring.returned(given, output, part)
    return Prediction({"output": first, **parts}, wiring.dtypes(given))


@lru_cache(maxsize=4)
def _operations(case: Case, rounding: Rounding) -> Operations:
    """Return the operations of all models of one look, which share what they do not edit."""
    return Operations(case.config, rounding)


def _network(case: Case, wiring: Wiring, operations: Operations) -> Pair:
    cells = cells_of(case)
    counts = case.counts
    sequences = [_blanked(exact(case.x), counts)]
    states: dict[tuple[int, bool], Ball] = {}
    lasts = []
    h_0 = np.zeros(case.config.state_shape(case.batch_size)) if case.h_0 is None else case.h_0
    for layer in range(case.config.num_layers):
        halves = []
        for key, plain in ((key, cell) for key, cell in cells.items() if key[0] == layer):
            cell = wiring.cell(plain, cells, case.config)
            read = each(partial(wiring.turn, cell), wiring.read(case, cell, sequences))
            valid = None if counts is None else wiring.valid(cell, wiring.turn(cell, counts))  # type: ignore[arg-type]
            start = wiring.start(case, cell, h_0, states)
            states[key] = made = _scan(case, cell, wiring, operations, read, start, valid)
            handed_on = wiring.hand_on(cell, start, made)
            turned_back = each(partial(wiring.turn_back, cell), handed_on)
            halves.append(heard(turned_back, case.config))
            lasts.append(wiring.last(case, cell, start, made, turned_back))
        sequences.append(_blanked(wiring.join(case, layer, halves), counts))
    return sequences[-1], stacked(lasts)


def _scan(
    case: Case, cell: Cell, wiring: Wiring, operations: Operations, x: Ball, start: Ball, valid: Mask | None
) -> Ball:
    """Return the states of a cell in the order of processing: the reference's where no step is edited."""
    if wiring.step is as_it_should:
        layer = Layer([cell], case.config, operations.arithmetic)
        read, h_0 = (each(itemgetter(None), ball) for ball in (x, start))
        with np.errstate(all="ignore"):
            return each(itemgetter(0), layer.run(read, h_0, None if valid is None else valid[None], {}))
    states: list[Ball] = []
    for t in range(len(x.mid)):
        step = Step(operations, cell, case, t, each(itemgetter(t), x), start, states)
        new = wiring.step(step)
        if valid is not None:
            new = Ball(*(np.where(valid[t], one, two) for one, two in zip(new, step.h, strict=True)))
        states.append(new)
    return stacked(states) if states else exact(np.zeros((0, *start.mid.shape)))


def _blanked(sequence: Ball, counts: npt.NDArray[np.bool_] | None) -> Ball:
    return sequence if counts is None else each(lambda part: np.where(counts, part, 0.0), sequence)
