"""The reference: the recurrence over balls, in float64, with a proven bound for every element.

    a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh,    h_t = act(a_t)

How sums are bounded, and which are exact in every order, says `rnn_parity.reference.sums`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from rnn_parity.contract import ELMAN, Array, Case, Config, Rounding
from rnn_parity.reference.balls import FORMATS, Arithmetic, Ball, arithmetic_of, concatenated, exact, grain
from rnn_parity.reference.large import LARGE, OutOfReach, run_layer
from rnn_parity.reference.steps import GatedSteps, Steps, heard
from rnn_parity.reference.sums import products_with

EVERY_OPERATION = Rounding()
Mask: TypeAlias = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", np.float64, np.bool_)


class Pass(NamedTuple):
    """What one layer read and made; arrays lead with the direction, time runs in the order of processing."""

    layer: Layer
    #: (directions, T, B, features).
    x: Ball
    #: (directions, B, state_size).
    h_0: Ball
    #: (directions, T, B, state_size); beyond a sequence's end the state stays as it was.
    states: Ball
    #: (directions, T, B, 1): whether a step counts; None where all do.
    valid: Mask | None
    #: What the steps of a gated cell made on the way, by name: arrays as those of the states.
    gates: Mapping[str, Ball]


def forward(case: Case, rounding: Rounding = EVERY_OPERATION) -> tuple[Ball, Ball]:
    """Return outputs and final hidden states of a case's network as balls, time-major.

    Args:
        case: the case; outputs at steps that do not count are zeros.
        rounding: how the implementation that is judged rounds.

    Returns:
        output (T, B, num_directions * hidden_size) and h_n (num_layers * num_directions, B, state_size).
    """
    if max(*case.x.shape, case.config.hidden_size) > LARGE and case.config.kind is ELMAN:
        try:
            return forward_large(case, rounding)
        except OutOfReach:
            pass
    return results(case, layer_passes(case, rounding))


def results(case: Case, passes: Sequence[Pass]) -> tuple[Ball, Ball]:
    """Return what `forward` returns, from the passes of all layers."""
    last = [Ball(*(part[:, -1] for part in made.states)) if case.steps else made.h_0 for made in passes]
    return blanked(case, in_order_of_time(heard(passes[-1].states, case.config))), concatenated(last)


def forward_large(case: Case, rounding: Rounding = EVERY_OPERATION) -> tuple[Ball, Ball]:
    """Compute what `forward` does, and keep no more than one layer's states and input."""
    arithmetic, x = arithmetic_of(case.config.dtype, rounding), case.blanked(case.x)
    sequence, x_grain, finals = Ball(x, np.broadcast_to(0.0, x.shape)), grain(x), []
    with np.errstate(all="ignore"):
        for number, start in enumerate(_starts(case)):
            layer = Layer(layer_cells(case, number), case.config, arithmetic)
            sequence, last, x_grain = run_layer(layer, sequence, x_grain, start, case.counts)
            sequence = blanked(case, sequence)
            finals.append(last)
    return sequence, concatenated(finals)


def layer_passes(case: Case, rounding: Rounding = EVERY_OPERATION) -> list[Pass]:
    """Return every layer's pass from the bottom up; arguments as for `forward`."""
    arithmetic, directions = arithmetic_for(case.config, rounding), case.config.num_directions
    valid = None if case.counts is None else in_order_of_processing(case.counts, directions)
    sequence, passes = exact(case.blanked(case.x)), []
    with np.errstate(all="ignore"):
        for number, start in enumerate(_starts(case)):
            layer, h_0 = Layer(layer_cells(case, number), case.config, arithmetic), exact(start)
            read = Ball(*(in_order_of_processing(part, directions) for part in sequence))
            gates: dict[str, Ball] = {}
            states = layer.run(read, h_0, valid, gates)
            passes.append(Pass(layer, read, h_0, states, valid, gates))
            sequence = blanked(case, in_order_of_time(heard(states, case.config)))
    return passes


def arithmetic_for(config: Config, rounding: Rounding) -> Arithmetic:
    """Return the operations of a network; of a gated cell, nothing is taken back for a wider accumulator."""
    return arithmetic_of(config.dtype, rounding if config.kind is ELMAN else no_wider(config, rounding))


def no_wider(config: Config, rounding: Rounding) -> Rounding:
    """Return the rounding model without the accuracy that a wider accumulator gives."""
    accumulate = rounding.accumulate
    if accumulate is not None and FORMATS[accumulate].unit_roundoff < FORMATS[config.dtype].unit_roundoff:
        return replace(rounding, accumulate=None, rounded="operations")
    return rounding


def _starts(case: Case) -> Array:
    """Return the initial states, a layer after the other: (num_layers, directions, B, state_size)."""
    config = case.config
    h_0 = np.zeros(config.state_shape(case.batch_size)) if case.h_0 is None else case.h_0
    return h_0.reshape(config.num_layers, config.num_directions, *h_0.shape[1:])


def blanked(case: Case, sequence: Ball) -> Ball:
    """Set all steps that do not count to exact zeros."""
    return Ball(*map(case.blanked, sequence))


def in_order_of_processing(sequence: npt.NDArray[Scalar], directions: int) -> npt.NDArray[Scalar]:
    """Turn (T, B, n) into (directions, T, B, n), the second direction's from its end."""
    return np.stack([sequence, sequence[::-1]]) if directions == 2 else sequence[None]


def in_order_of_time(states: Ball) -> Ball:
    """Turn (directions, T, B, H), each in its order of processing, into (T, B, directions * H), in order of time."""
    return Ball(*(_join(part) for part in states))


def _join(states: Array) -> Array:
    return np.concatenate([states[0], states[1][::-1]], axis=-1) if len(states) == 2 else states[0]


def side_by_side(directions: Sequence[Array]) -> Array:
    """Stack the arrays of one direction or two, leading with the direction."""
    return np.stack(directions) if len(directions) == 2 else np.ascontiguousarray(directions[0])[None]


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


def layer_cells(case: Case, number: int) -> list[Cell]:
    """Return the cells of a layer, one for each direction."""
    config, weights, found = case.config, case.weights, []
    for reverse in range(config.num_directions):
        suffix = config.suffixes()[number * config.num_directions + reverse]
        roles = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if config.bias else ()))
        parameters = [weights[f"{role}_{suffix}"] for role in roles]
        parameters += [np.zeros(len(parameters[0]))] * (4 - len(parameters))
        found.append(Cell(number, config.num_layers - 1, bool(reverse), *parameters))
    return found


class Layer:
    """One layer, its directions side by side: arrays lead with the direction, time runs in the order of processing."""

    def __init__(self, cells: Sequence[Cell], config: Config, arithmetic: Arithmetic) -> None:
        parameters = zip(*(cell[3:] for cell in cells), strict=True)
        self.w_ih, self.w_hh, self.b_ih, self.b_hh = map(side_by_side, parameters)
        self.arithmetic, self.config = arithmetic, config
        self.activation = arithmetic.activation(config.nonlinearity)
        self.kind, self.rows = config.kind, config.rows_of_gates()
        # The biases that meet with the input's products, and those that meet with the state's alone.
        joint, apart = np.stack([self.b_ih, self.b_hh], 1), np.zeros((len(self.b_hh), 1, self.b_hh.shape[-1]))
        for gate in self.kind.reset:
            rows = np.s_[..., self.rows[gate]]
            apart[rows], joint[:, 1][rows] = joint[:, 1:][rows], 0.0
        matrices = self.w_ih.swapaxes(-1, -2), self.w_hh.swapaxes(-1, -2), joint, apart
        of_input, self.of_state, with_biases, with_own = products_with(arithmetic, *matrices)
        biases = with_biases.rows()
        self.own_biases = with_own.rows()
        self.of_input, self.biases = of_input.at_every_step(), biases.each(lambda part: part[:, None])
        self.terms = of_input.terms + self.of_state.terms + biases.terms
        self.lost = of_input.lost + self.of_state.lost + biases.lost
        self.gamma = arithmetic.gamma(self.terms)
        self.growth = 1 + self.gamma

    def run(self, x: Ball, h: Ball, valid: Mask | None, gates: dict[str, Ball]) -> Ball:
        """Return all states, (directions, T, B, state_size) in order of processing; `gates` takes what steps made."""
        steps = (Steps if self.kind is ELMAN else GatedSteps)(self, x, h)
        shape = (*steps.read.mid.shape[:-1], self.config.hidden_size)
        states = Ball(*np.empty((2, *shape[:-1], self.config.state_size)))
        for t in range(shape[1]):
            steps.t, before, grains_before = t, h, steps.grains
            h = self.kind.step(steps, h)
            steps.grains = steps.grains_of(h)
            if valid is not None:
                h = Ball(*(np.where(valid[:, t], new, old) for new, old in zip(h, before, strict=True)))
                steps.grains = np.where(valid[:, t], steps.grains, grains_before)
            states.mid[:, t], states.rad[:, t] = h
            for name, ball in steps.made.items():
                kept = gates.setdefault(name, Ball(np.empty(shape), np.empty(shape)))
                kept.mid[:, t], kept.rad[:, t] = ball
        return states

    def careful_sum(self, x: Ball, h: Ball) -> Ball:
        """Return the sums where a term is not finite, or may overflow."""
        ones = np.ones((*h.mid.shape[:2], 2))
        operands = Ball(np.concatenate([x.mid, h.mid, ones], -1), np.concatenate([x.rad, h.rad, 0 * ones], -1))
        biases = np.stack([self.b_ih, self.b_hh], -1)
        weights = np.concatenate([self.w_ih, self.w_hh, biases], -1)
        sums = [
            self.arithmetic.sum_of_products(Ball(mid, rad), w, gamma[0])
            for mid, rad, w, gamma in zip(*operands, weights, self.gamma, strict=True)
        ]
        return Ball(*(np.stack(part) for part in zip(*sums, strict=True)))
