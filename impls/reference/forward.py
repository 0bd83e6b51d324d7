"""The reference: the recurrence over balls, in float64, with a proven bound for every element.

    a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh,    h_t = act(a_t)

Sums of small dyadic numbers are exact in every order: where all terms are multiples of q and their magnitudes add up
to less than 2^p q (p the bits of the significand), no partial sum is rounded, the radius is 0 and equality is bitwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from rnn_parity.contract import Array, Config, Rounding
from rnn_parity.reference.balls import Arithmetic, Ball, arithmetic_of, exact, grain
from rnn_parity.reference.large import LARGE, OutOfReach, run_layer

_EVERY_OPERATION = Rounding()
Mask: TypeAlias = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", np.float64, np.bool_)


class Pass(NamedTuple):
    """What one layer read and made; arrays lead with the direction, time runs in the order of processing."""

    layer: Layer
    #: (directions, T, B, features).
    x: Ball
    #: (directions, B, H).
    h_0: Ball
    #: (directions, T, B, H); beyond a sequence's end the state stays as it was.
    states: Ball
    #: (directions, T, B, 1): whether a step counts; None where all do.
    valid: Mask | None


def forward(
    config: Config,
    weights: Mapping[str, Array],
    x: Array,
    h_0: Array | None = None,
    rounding: Rounding | None = None,
    lengths: Sequence[int] | None = None,
) -> tuple[Ball, Ball]:
    """Return outputs and final hidden states of a network, as balls.

    Args:
        config: the network; `batch_first` is not looked at, arrays are always time-major here.
        weights: nn.RNN's parameters by name, float64 arrays of numbers that `config.dtype` can hold.
        x: (T, B, input_size).
        h_0: (num_layers * num_directions, B, hidden_size), or None for zeros.
        rounding: how the implementation that is judged rounds.
        lengths: how many steps of each row count, from 1 to T; None where all do. Outputs beyond them are zeros here.

    Returns:
        output (T, B, num_directions * hidden_size) and h_n (num_layers * num_directions, B, hidden_size).
    """
    if max(*x.shape, config.hidden_size) > LARGE:
        try:
            return _forward_large(config, weights, x, h_0, rounding, lengths)
        except OutOfReach:
            pass
    return results(layer_passes(config, weights, x, h_0, rounding, lengths), x, lengths)


def results(passes: Sequence[Pass], x: Array, lengths: Sequence[int] | None) -> tuple[Ball, Ball]:
    """Return what `forward` returns, from the passes of all layers."""
    output = _blank(in_order_of_time(passes[-1].states), counting(x, lengths))
    last = [Ball(*(part[:, -1] for part in made.states)) if len(x) else made.h_0 for made in passes]
    return output, Ball(*(np.concatenate(parts) for parts in zip(*last, strict=True)))


def _forward_large(
    config: Config,
    weights: Mapping[str, Array],
    x: Array,
    h_0: Array | None,
    rounding: Rounding | None,
    lengths: Sequence[int] | None,
) -> tuple[Ball, Ball]:
    """Compute what `forward` does, and keep no more than one layer's states and input."""
    arithmetic, directions = arithmetic_of(config.dtype, rounding or _EVERY_OPERATION), config.num_directions
    if h_0 is None:
        h_0 = np.zeros((config.num_layers * directions, x.shape[1], config.hidden_size))
    counts = counting(x, lengths)
    x = x if counts is None else np.where(counts, x, 0.0)
    sequence, x_grain, finals = Ball(x, np.broadcast_to(0.0, x.shape)), grain(x), []
    with np.errstate(all="ignore"):
        for number in range(config.num_layers):
            layer = Layer(config, weights, number, arithmetic)
            start = h_0[number * directions : (number + 1) * directions]
            sequence, last, x_grain = run_layer(layer, sequence, x_grain, start, counts)
            sequence = _blank(sequence, counts)
            finals.append(last)
    return sequence, Ball(*(np.concatenate(parts) for parts in zip(*finals, strict=True)))


def layer_passes(
    config: Config,
    weights: Mapping[str, Array],
    x: Array,
    h_0: Array | None,
    rounding: Rounding | None,
    lengths: Sequence[int] | None,
) -> list[Pass]:
    """Yield every layer's pass from the bottom up; arguments as for `forward`."""
    arithmetic = arithmetic_of(config.dtype, rounding or _EVERY_OPERATION)
    directions = config.num_directions
    if h_0 is None:
        h_0 = np.zeros((config.num_layers * directions, x.shape[1], config.hidden_size))
    counts = counting(x, lengths)
    x = _blank(exact(x), counts).mid
    valid = None if counts is None else in_order_of_processing(counts, directions)
    sequence, passes = exact(x), []
    x_grain = grain(x)
    with np.errstate(all="ignore"):
        for number in range(config.num_layers):
            layer = Layer(config, weights, number, arithmetic)
            start = exact(h_0[number * directions : (number + 1) * directions])
            read = Ball(*(in_order_of_processing(part, directions) for part in sequence))
            states, x_grain = layer.run(read, x_grain, start, valid)
            passes.append(Pass(layer, read, start, states, valid))
            sequence = _blank(in_order_of_time(states), counts)
    return passes


def _blank(sequence: Ball, counts: Mask | None) -> Ball:
    """Set everything beyond the sequences' ends to exact zeros."""
    return sequence if counts is None else Ball(*(np.where(counts, part, 0.0) for part in sequence))


def counting(x: Array, lengths: Sequence[int] | None) -> Mask | None:
    """Return the mask of valid steps of x (T, B, features), (T, B, 1); None where all are valid."""
    return None if lengths is None else (np.arange(len(x))[:, None] < np.array(lengths))[..., None]


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


class Layer:
    """One layer, its directions side by side: arrays lead with the direction, time runs in the order of processing."""

    def __init__(self, config: Config, weights: Mapping[str, Array], number: int, arithmetic: Arithmetic) -> None:
        suffixes = config.suffixes()[number * config.num_directions :][: config.num_directions]
        self.w_ih = side_by_side([weights[f"weight_ih_{suffix}"] for suffix in suffixes])
        self.w_hh = side_by_side([weights[f"weight_hh_{suffix}"] for suffix in suffixes])
        shape = (config.num_directions, config.hidden_size)
        if config.bias:
            self.b_ih = side_by_side([weights[f"bias_ih_{suffix}"] for suffix in suffixes])
            self.b_hh = side_by_side([weights[f"bias_hh_{suffix}"] for suffix in suffixes])
        else:
            self.b_ih = self.b_hh = np.zeros(shape)
        self.arithmetic, self.nonlinearity = arithmetic, config.nonlinearity
        self.activation = arithmetic.activation(config.nonlinearity)
        # Products with a zero weight are exact and so is adding them.
        self.terms = (self.w_ih != 0).sum(-1) + (self.w_hh != 0).sum(-1) + 2.0
        self.gamma = arithmetic.gamma(self.terms)[:, None, :]
        # What is flushed to zero takes no further part: a sum loses at most as many results as it has terms.
        self.lost = self.terms * arithmetic.underflow
        if config.bias:
            self.lost = self.lost + (arithmetic.flushed_exact(self.b_ih) + arithmetic.flushed_exact(self.b_hh))
        biases = (grain(self.b_ih), grain(self.b_hh)) if config.bias else (np.inf, np.inf)
        self.grains = [grain(self.w_ih), grain(self.w_hh), *biases]

    def run(self, x: Ball, x_grain: float, h: Ball, valid: Mask | None) -> tuple[Ball, float]:
        """Return all states, (directions, T, B, H) in order of processing, and their midpoints' grain (0: none)."""
        steps, largest = x.mid.shape[1], self.arithmetic.format.largest
        w_ih, w_hh = np.abs(self.w_ih).swapaxes(-1, -2), np.abs(self.w_hh).swapaxes(-1, -2)
        x_size = np.abs(x.mid) + x.rad
        mid_x = x.mid @ self.w_ih.swapaxes(-1, -2)[:, None] + (self.b_ih + self.b_hh)[:, None, None]
        size_x = x_size @ w_ih[:, None] + (np.abs(self.b_ih) + np.abs(self.b_hh))[:, None, None]
        w_ih_lost, w_hh_lost = self._weights_lost(self.w_ih[:, None], 0), self._weights_lost(self.w_hh, 1)
        spread_x = self._spread(np.zeros(()), x, x_grain, x_size, w_ih[:, None], w_ih_lost)
        rad_x = np.broadcast_to(spread_x + self.lost[:, None, None], mid_x.shape)
        w_hh_mid, growth = self.w_hh.swapaxes(-1, -2), 1 + self.gamma

        all_mid, all_rad = np.empty_like(mid_x), np.empty_like(mid_x)
        h_grain, least_grain = grain(h.mid), np.inf
        for t in range(steps):
            before, grain_before = h, h_grain
            h_size = np.abs(h.mid) + h.rad
            size = size_x[:, t] + h_size @ w_hh
            if (size * growth).max(initial=0.0) <= largest:
                rad = self._spread(rad_x[:, t], h, h_grain, h_size, w_hh, w_hh_lost) + self.gamma * size
                quantum = self._quantum(x_grain, h_grain)
                is_exact = size <= self.arithmetic.largest_whole * quantum
                h = self.activation(Ball(mid_x[:, t] + h.mid @ w_hh_mid, np.where(is_exact, 0.0, rad)))
                h_grain = quantum if not h.rad.any() else 0.0
            else:
                h = self._careful_step(Ball(x.mid[:, t], x.rad[:, t]), h)
                h_grain = 0.0
            if valid is not None:
                h = Ball(*(np.where(valid[:, t], new, old) for new, old in zip(h, before, strict=True)))
                h_grain = min(h_grain, grain_before)
            all_mid[:, t], all_rad[:, t] = h
            least_grain = min(least_grain, h_grain)
        return Ball(all_mid, all_rad), least_grain

    def _weights_lost(self, weight: Array, index: int) -> Array | None:
        """Bound the change that flushing makes to weights of this grain; None where it makes none."""
        if self.grains[index] >= self.arithmetic.format.smallest_normal:
            return None
        return self.arithmetic.flushed_exact(weight).swapaxes(-1, -2)

    def _spread(self, rad: Array, v: Ball, v_grain: float, size: Array, w: Array, w_lost: Array | None) -> Array:
        """Add to a radius what operands of this grain and these sizes contribute; exact ones contribute nothing."""
        if v_grain < self.arithmetic.format.smallest_normal:
            rad = rad + (v.rad + self.arithmetic.flushed(v)) @ w
        return rad if w_lost is None else rad + size @ w_lost

    def _quantum(self, x_grain: float, h_grain: float) -> float:
        """Return a power of two that divides every term of the sums; 0 if there is none or something underflows."""
        w_ih, w_hh, b_ih, b_hh = self.grains
        quantum = min(x_grain * w_ih, h_grain * w_hh, b_ih, b_hh)
        smallest = min(quantum, x_grain, h_grain, w_ih, w_hh)
        return quantum if smallest >= self.arithmetic.format.smallest_normal else 0.0

    def _careful_step(self, x: Ball, h: Ball) -> Ball:
        ones = np.ones((*h.mid.shape[:2], 2))
        operands = Ball(np.concatenate([x.mid, h.mid, ones], -1), np.concatenate([x.rad, h.rad, 0 * ones], -1))
        biases = np.stack([self.b_ih, self.b_hh], -1)
        weights = np.concatenate([self.w_ih, self.w_hh, biases], -1)
        sums = [
            self.arithmetic.sum_of_products(Ball(mid, rad), w, gamma[0])
            for mid, rad, w, gamma in zip(*operands, weights, self.gamma, strict=True)
        ]
        return self.activation(Ball(*(np.stack(part) for part in zip(*sums, strict=True))))
