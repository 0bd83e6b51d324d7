"""Bug models of directions and layers: the order of time, how directions are joined, and what a layer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnn_parity import Rounding
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.operations import Operations
from rnn_parity.tests.judge.diagnosis.wiring import (
    Sequences,
    Step,
    Wiring,
    as_it_should,
    each,
    joined,
    last_in_time,
)

#: Edits of places in the wiring that apply to a cell.
CELLS: dict[str, dict[str, Any]] = {
    "time runs forward where it should run backward": {
        "turn": lambda cell, part: part,
        "turn_back": lambda cell, part: part,
    },
    "time runs backward where it should run forward": {
        "turn": lambda cell, part: part[::-1],
        "turn_back": lambda cell, part: part[::-1],
    },
    "the outputs of the reverse direction stay in the order of processing": {"turn_back": lambda cell, part: part},
    "the input of the reverse direction is read forward, and its outputs are turned round,": {
        "turn": lambda cell, part: part
    },
    "the batch is turned round in the place of the time": {
        "turn": lambda cell, part: part[:, ::-1] if cell.reverse else part,
        "turn_back": lambda cell, part: part[:, ::-1] if cell.reverse else part,
    },
    "the features are turned round in the place of the time": {
        "turn": lambda cell, part: part[..., ::-1] if cell.reverse else part,
        "turn_back": lambda cell, part: part,
    },
    "the reverse direction does not read the last frame": {
        "step": lambda step: step.start if step.cell.reverse and not step.t else as_it_should(step),
    },
    "the reverse half of the output comes one step late": {
        "hand_on": lambda cell, start, states: _late(states) if cell.reverse else states
    },
}


def _late(states: Ball) -> Ball:
    """Shift the outputs of the reverse direction by one in time: in order of processing, each is the next one's."""
    return each(lambda part: np.concatenate([part[1:], part[:1]]), states)


def _interleaved(halves: Sequences) -> Ball:
    width = sum(half.mid.shape[-1] for half in halves)
    return Ball(*(np.stack(parts, -1).reshape(*parts[0].shape[:-1], width) for parts in zip(*halves, strict=True)))


def _sum(case: Case, parts: Sequences) -> Ball:
    return Operations(case.config, Rounding()).add(*parts)


#: How the outputs of two directions are joined.
JOINS: dict[str, Callable[[Case, Sequences], Ball]] = {
    "the reverse half of the output comes first": lambda case, halves: joined(halves[::-1]),
    "the units of the two directions come by turns in the output": lambda case, halves: _interleaved(halves),
    "the output is the sum of the two directions": _sum,
    "the output has the forward direction twice": lambda case, halves: joined([halves[0]] * len(halves)),
    "the output has the reverse direction twice": lambda case, halves: joined([halves[-1]] * len(halves)),
    "the output has the forward direction only": lambda case, halves: halves[0],
}


def _if_it_fits(read: Ball, cell: Cell) -> bool:
    return bool(read.mid.shape[-1] == cell.w_ih.shape[1])


def _input(case: Case, cell: Cell, sequences: Sequences) -> Ball:
    return sequences[0] if _if_it_fits(sequences[0], cell) else sequences[-1]


def _residual(case: Case, cell: Cell, sequences: Sequences) -> Ball:
    if cell.layer == 0 or sequences[-2].mid.shape != sequences[-1].mid.shape:
        return sequences[-1]
    return _sum(case, sequences[-2:])


def _step_before(case: Case, cell: Cell, sequences: Sequences) -> Ball:
    if cell.layer == 0:
        return sequences[-1]
    return each(lambda part: np.concatenate([0 * part[:1], part[:-1]]), sequences[-1])


def _half_of(way: int) -> Callable[[Case, Cell, Sequences], Ball]:
    """Let an upper layer read the same direction's half twice."""

    def read(case: Case, cell: Cell, sequences: Sequences) -> Ball:
        if cell.layer == 0 or not case.config.bidirectional:
            return sequences[-1]
        halves = [each(lambda part, d=d: np.split(part, 2, -1)[d], sequences[-1]) for d in (0, 1)]  # type: ignore[misc]
        return joined([halves[way]] * 2)

    return read


READS: dict[str, Callable[[Case, Cell, Sequences], Ball]] = {
    "every layer reads the network's input where the sizes allow": _input,
    "layers above the first read the sum of the two below where the sizes allow": _residual,
    "layers above the first read what the one below gave one step before": _step_before,
    "layers above the first read the forward half of the one below twice": _half_of(0),
    "layers above the first read the reverse half of the one below twice": _half_of(1),
}


def _skipped(skips: Callable[[Case, int], bool]) -> Wiring:
    """Layers that hand on what they read, where it has the width of their output."""

    def step(step: Step) -> Ball:
        cell = step.cell
        hidden = len(cell.b_ih)
        if not skips(step.case, cell.layer) or step.x.mid.shape[-1] != hidden * step.case.config.num_directions:
            return as_it_should(step)
        return each(lambda part: part[:, hidden:] if cell.reverse else part[:, :hidden], step.x)

    return Wiring(step=step)


SKIPPED: dict[str, Callable[[Case, int], bool]] = {
    "the last of several layers hands on what it reads": lambda case, layer: 0 < layer == case.config.num_layers - 1,
    "layers above the first hand on what they read": lambda case, layer: layer > 0,
    "layers above the second hand on what they read": lambda case, layer: layer > 1,
}


def models(case: Case) -> Iterator[Model]:
    """All of them; no number is left open."""
    for name, edits in CELLS.items():
        yield from scoped(name, **edits)
        yield from scoped(name, also=", and h_n is read where time ends or begins", **edits, last=last_in_time)
    for name, join in JOINS.items():
        yield Model.wired(name, Wiring(join=lambda case, layer, halves, join=join: join(case, halves)))  # type: ignore[misc]
        yield Model.wired(
            f"{name}, in the last layer",
            Wiring(
                join=lambda case, layer, halves, join=join: (  # type: ignore[misc]
                    join(case, halves) if layer == case.config.num_layers - 1 else joined(halves)
                )
            ),
            family=name,
        )
    for name, read in READS.items():
        yield Model.wired(name, Wiring(read=read))
    for name, skips in SKIPPED.items():
        yield Model.wired(name, _skipped(skips))
