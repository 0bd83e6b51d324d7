"""The reference, cut open: the same recurrence over balls, with places where a bug model rewires it.

A `Wiring` without edits is `impls.reference.forward`. Each of its fields is one place: the case before, the parameters,
what a layer reads, where a direction starts, in which order it runs, one step, how directions are joined, what is
returned. What comes out has bounds as proven as the reference's: an implementation that has the bug lies within them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from impls import Config, Rounding
from impls.balls import Arithmetic, Ball, exact, grain
from impls.contract import Array
from strategies import Case


class Cell(NamedTuple):
    """One layer in one direction and its parameters, zeros for biases that are not there."""

    layer: int
    #: The number of the last layer.
    top: int
    reverse: bool
    w_ih: Array
    w_hh: Array
    b_ih: Array
    b_hh: Array


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


class Operations:
    """Sums of products and activations on balls, for one case and one rounding."""

    def __init__(self, config: Config, rounding: Rounding) -> None:
        self.config, self.arithmetic = config, Arithmetic(config.dtype, rounding)

    def affine(self, products: Sequence[tuple[Ball, Array]], biases: Sequence[Array] = ()) -> Ball:
        """Return the sum of v W^T for each (v, W), v: (B, n) and W: (H, n), and of biases (H,)."""
        arithmetic = self.arithmetic
        rows = products[0][0].mid.shape[0]
        terms = sum(np.count_nonzero(w, -1) for _, w in products) + float(len(biases))
        gamma = arithmetic.gamma(np.asarray(terms, np.float64))
        mid = size = rad = np.zeros((rows, len(products[0][1])))
        quantum, smallest = np.inf, np.inf
        with np.errstate(all="ignore"):
            for v, w in products:
                v_size, w_size = np.abs(v.mid) + v.rad, np.abs(w)
                mid, size = mid + v.mid @ w.T, size + v_size @ w_size.T
                lost = v_size @ arithmetic.flushed(exact(w)).T
                rad = rad + (v.rad + arithmetic.flushed(v)) @ w_size.T + lost
                v_grain, w_grain = grain(v.mid) if not v.rad.any() else 0.0, grain(w)
                quantum, smallest = min(quantum, v_grain * w_grain), min(smallest, v_grain, w_grain)
            for bias in biases:
                mid, size = mid + bias, size + np.abs(bias)
                rad = rad + arithmetic.flushed(exact(bias))
                quantum = min(quantum, grain(bias))
            if not (size * (1 + gamma)).max(initial=0.0) <= arithmetic.format.largest:
                return self._carefully(products, biases, gamma)
            if min(quantum, smallest) < arithmetic.format.smallest_normal:
                quantum = 0.0
            is_exact = size <= arithmetic.largest_whole * quantum
            rad = rad + terms * arithmetic.underflow + gamma * size
        return Ball(mid, np.where(is_exact, 0.0, rad))

    def _carefully(self, products: Sequence[tuple[Ball, Array]], biases: Sequence[Array], gamma: Array) -> Ball:
        rows = len(products[0][0].mid)
        ones = exact(np.ones((rows, len(biases))))
        operands = [*(v for v, _ in products), ones]
        weights = [*(w for _, w in products), *(bias[:, None] for bias in biases)]
        joined = Ball(*(np.concatenate(parts, -1) for parts in zip(*operands, strict=True)))
        return self.arithmetic.sum_of_products(joined, np.concatenate(weights, -1), gamma)

    def add(self, *balls: Ball) -> Ball:
        """Add balls, rounded after each; sums of multiples of 1/64 below 2, and of zeros, are exact in every dtype."""
        broadcast = zip(*(np.broadcast_arrays(*parts) for parts in zip(*balls, strict=True)), strict=True)
        balls = tuple(Ball(*parts) for parts in broadcast)
        mid, rad = sum(ball.mid for ball in balls), sum(ball.rad for ball in balls)
        size = sum(np.abs(ball.mid) + ball.rad for ball in balls)
        nonzero = sum((ball.mid != 0) | (ball.rad > 0) for ball in balls)
        whole = np.all([np.rint(ball.mid * 64) == ball.mid * 64 for ball in balls], axis=0) & (rad == 0) & (size < 2)
        rounded = np.where(whole | (nonzero <= 1), 0.0, 2 * len(balls) * self.arithmetic.format.unit_roundoff * size)
        return Ball(np.asarray(mid), np.asarray(rad + rounded))

    def activate(self, a: Ball) -> Ball:
        """Return the activation of the case."""
        return self.activated(self.config.nonlinearity, a)

    def activated(self, nonlinearity: str, a: Ball) -> Ball:
        """Any activation."""
        with np.errstate(all="ignore"):
            return self.arithmetic.activation(nonlinearity)(a)


class Step(NamedTuple):
    """Where a direction stands in the order of processing: what a step may look at."""

    operations: Operations
    cell: Cell
    case: Case
    t: int
    x: Ball
    #: The state before the first step, and those that were made since.
    start: Ball
    states: Sequence[Ball]

    @property
    def h(self) -> Ball:
        """The state before this step."""
        return self.states[-1] if self.states else self.start


def sum_of(step: Step, h: Ball) -> Ball:
    """W_ih x + b_ih + W_hh h + b_hh."""
    cell = step.cell
    return step.operations.affine([(step.x, cell.w_ih), (h, cell.w_hh)], [cell.b_ih, cell.b_hh])


def as_it_should(step: Step) -> Ball:
    """Return the next state."""
    return step.operations.activate(sum_of(step, step.h))


Sequences: TypeAlias = Sequence[Ball]
#: Output (T, B, D * H) and h_n (rows, B, H), over which a model may go before the case's layout is applied.
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
    valid: Callable[[Cell, Array], Array] = lambda cell, counts: counts
    step: Callable[[Step], Ball] = as_it_should
    #: What a direction hands on of its states, all in the order of processing: out of its start and its states.
    hand_on: Callable[[Cell, Ball, Ball], Ball] = lambda cell, start, states: states
    #: The output of a layer out of its directions', in the order of time.
    join: Callable[[Case, int, Sequences], Ball] = lambda case, layer, halves: joined(halves)
    #: The final state of a cell: out of its start, its states in the order of processing, and its outputs in that of
    #: time.
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
    return Ball(*(np.concatenate(part, axis) for part in zip(*parts, strict=True)))


def stacked(parts: Sequence[Ball]) -> Ball:
    """Balls one upon the other."""
    return Ball(*(np.stack(part) for part in zip(*parts, strict=True)))


def each(change: Callable[[Array], Array], ball: Ball) -> Ball:
    """Move midpoints and radii alike."""
    return Ball(*map(change, ball))


def last_in_time(case: Case, cell: Cell, start: Ball, states: Ball, outputs: Ball) -> Ball:
    """Return the output at the step where a direction ends: the last of all steps, or the first."""
    return each(lambda part: part[0 if cell.reverse else -1], outputs)


def last_of(start: Ball, states: Ball) -> Ball:
    """Return the state after the last step; the start, where there is none."""
    return each(lambda part: part[-1], states) if len(states.mid) else start


def cells_of(case: Case) -> dict[tuple[int, bool], Cell]:
    """Return the cells of a case's network, from the bottom up."""
    config, weights = case.config, case.weights
    found = {}
    for index, suffix in enumerate(config.suffixes()):
        layer, reverse = divmod(index, config.num_directions)
        biases = [
            weights[f"bias_{role}_{suffix}"] if config.bias else np.zeros(config.hidden_size) for role in ("ih", "hh")
        ]
        matrices = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
        found[layer, bool(reverse)] = Cell(layer, config.num_layers - 1, bool(reverse), *matrices, *biases)
    return found


def predict(given: Case, wiring: Wiring, rounding: Rounding) -> Prediction:
    """Return what a network that is wired so returns on a case.

    Raises:
        ValueError: a shape does not fit; a network that is wired so would raise, too, or be undefined.
    """
    case = wiring.case(given)
    output, h_n = wiring.result(case, *_network(case, wiring, Operations(case.config, rounding)))
    output, h_n = wiring.returned(given, Ball(*map(case.in_layout, output)), Ball(*map(case.state_in_layout, h_n)))
    return Prediction({"output": output, "h_n": h_n}, wiring.dtypes(given))


def _network(case: Case, wiring: Wiring, operations: Operations) -> Pair:
    cells = cells_of(case)
    counts = case.counts
    sequences = [_blanked(exact(case.x), counts)]
    states: dict[tuple[int, bool], Ball] = {}
    lasts = []
    h_0 = np.zeros((len(cells), case.batch_size, case.config.hidden_size)) if case.h_0 is None else case.h_0
    for layer in range(case.config.num_layers):
        halves = []
        for key, plain in ((key, cell) for key, cell in cells.items() if key[0] == layer):
            cell = wiring.cell(plain, cells, case.config)
            read = each(partial(wiring.turn, cell), wiring.read(case, cell, sequences))
            valid = None if counts is None else wiring.valid(cell, wiring.turn(cell, counts))  # type: ignore[arg-type]
            start = wiring.start(case, cell, h_0, states)
            states[key] = made = _scan(case, cell, wiring, operations, read, start, valid)
            handed_on = wiring.hand_on(cell, start, made)
            halves.append(each(partial(wiring.turn_back, cell), handed_on))
            lasts.append(wiring.last(case, cell, start, made, halves[-1]))
        sequences.append(_blanked(wiring.join(case, layer, halves), counts))
    return sequences[-1], stacked(lasts)


def _scan(
    case: Case, cell: Cell, wiring: Wiring, operations: Operations, x: Ball, start: Ball, valid: Array | None
) -> Ball:
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
