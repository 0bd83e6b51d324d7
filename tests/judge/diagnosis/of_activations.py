"""Bug models of activations: another one, none, or one in the wrong place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnn_parity.reference.balls import Ball, exact
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.operations import Operations
from rnn_parity.tests.judge.diagnosis.wiring import Step, only_for, sum_of

#: What is granted to formulas that are not those of the reference, in units of their results' roundoff.
_ULPS = 8.0


def _instead(nonlinearity: str, other: Callable[[Operations, Ball], Ball]) -> Callable[[Step], Ball]:
    """Another activation in the place of one of nn.RNN's two."""
    return only_for(nonlinearity, lambda step: other(step.operations, sum_of(step, step.h)))


def monotonic(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Operations, Ball], Ball]:
    """Apply a non-decreasing function to balls: what it makes of a ball lies between what it makes of its ends."""

    def activate(operations: Operations, a: Ball) -> Ball:
        with np.errstate(all="ignore"):
            low, mid, high = (function(part) for part in (a.mid - a.rad, a.mid, a.mid + a.rad))
            rounding = operations.arithmetic.format
            rounded = _ULPS * rounding.unit_roundoff * np.abs(mid) + rounding.smallest_normal
            rad = np.maximum(high - mid, mid - low)
        return Ball(mid, np.where(rad > 0, rad + rounded, np.where(mid == np.rint(mid * 64) / 64, 0.0, rounded)))

    return activate


def _softplus(operations: Operations, a: Ball) -> Ball:
    """As torch has it, linear from 20 on, or as the formula says."""
    found = monotonic(lambda a: np.logaddexp(0, a))(operations, a)
    return Ball(found.mid, found.rad + np.where(a.mid + a.rad > 20, np.exp(-20.0), 0.0))


def hard_sigmoid(slope: float) -> Callable[[Operations, Ball], Ball]:
    """Clip slope * a + 1/2 to [0, 1]; where it is nearly 0, terms cancel."""
    clipped = monotonic(lambda a: np.clip(slope * a + 0.5, 0, 1))

    def activate(operations: Operations, a: Ball) -> Ball:
        found, unit = clipped(operations, a), operations.arithmetic.format.unit_roundoff
        return Ball(found.mid, found.rad + np.where(found.rad > 0, _ULPS * unit, 0.0))

    return activate


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-a)))


#: In the place of which activation, and what.
OTHERS: dict[str, Callable[[Step], Ball]] = {
    "relu is computed where tanh is asked for": _instead("tanh", lambda operations, a: operations.activated("relu", a)),
    "tanh is computed where relu is asked for": _instead("relu", lambda operations, a: operations.activated("tanh", a)),
    "no activation is applied": lambda step: sum_of(step, step.h),
    "tanh is clipping to [-1, 1]": _instead("tanh", monotonic(lambda a: np.clip(a, -1, 1))),
    "tanh is a sigmoid": _instead("tanh", monotonic(_sigmoid)),
    "tanh is clipping to [0, 1], a hard sigmoid,": _instead("tanh", hard_sigmoid(1 / 6)),
    "tanh is a / (1 + |a|), softsign,": _instead("tanh", monotonic(lambda a: a / (1 + np.abs(a)))),
    "relu has a slope of 0.01 below zero": _instead("relu", monotonic(lambda a: np.where(a > 0, a, 0.01 * a))),
    "relu has a slope of 0.2 below zero": _instead("relu", monotonic(lambda a: np.where(a > 0, a, 0.2 * a))),
    "relu is a softplus, log(1 + exp(a))": _instead("relu", _softplus),
    "relu is an elu": _instead("relu", monotonic(lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))))),
    "relu is the absolute value": _instead("relu", lambda operations, a: Ball(np.abs(a.mid), a.rad)),
}


def _input_half(step: Step) -> Ball:
    return step.operations.affine([(step.x, step.cell.w_ih)], [step.cell.b_ih])


def _state_half(step: Step) -> Ball:
    return step.operations.affine([(step.h, step.cell.w_hh)], [step.cell.b_hh])


def _with_bias_after(step: Step, *biases: str) -> Ball:
    cell = step.cell
    none: dict[str, Any] = {bias: np.zeros_like(cell.b_ih) for bias in biases}
    bare = step._replace(cell=cell._replace(**none))
    activated = step.operations.activate(sum_of(bare, step.h))
    after = [exact(np.broadcast_to(getattr(cell, bias), activated.mid.shape)) for bias in biases]
    return step.operations.add(activated, *after)


def _along_batch(step: Step) -> Ball:
    cell, rows = step.cell, len(step.h.mid)
    if rows != len(cell.b_ih):
        return step.operations.activate(sum_of(step, step.h))
    products = step.operations.affine([(step.x, cell.w_ih), (step.h, cell.w_hh)])
    biases = [exact(np.broadcast_to(bias[:, None], products.mid.shape)) for bias in (cell.b_ih, cell.b_hh)]
    return step.operations.activate(step.operations.add(products, *biases))


def _elementwise(step: Step) -> Ball:
    """As a notebook has it: relu(W_ih.T * x + b_ih + h * W_hh.T + b_hh), h being 0 before the first step without h_0.

    ValueError where shapes cannot be broadcast.
    """
    cell, h = step.cell, step.h
    if step.case.h_0 is None and not step.t:
        h = exact(np.zeros(()))
    products = [Ball(v.mid * w.T, v.rad * np.abs(w.T)) for v, w in ((step.x, cell.w_ih), (h, cell.w_hh))]
    return step.operations.activate(step.operations.add(*products, exact(cell.b_ih), exact(cell.b_hh)))


#: The activation, or a bias, in the wrong place.
PLACES: dict[str, Callable[[Step], Ball]] = {
    "the activation is applied twice": lambda step: step.operations.activate(
        step.operations.activate(sum_of(step, step.h))
    ),
    "the activation is applied before the biases are added": lambda step: _with_bias_after(step, "b_ih", "b_hh"),
    "b_hh is added after the activation": lambda step: _with_bias_after(step, "b_hh"),
    "b_ih is added after the activation": lambda step: _with_bias_after(step, "b_ih"),
    "b_hh is added to the state before W_hh is applied": lambda step: step.operations.activate(
        step.operations.affine(
            [
                (step.x, step.cell.w_ih),
                (step.operations.add(step.h, exact(step.cell.b_hh + 0 * step.h.mid)), step.cell.w_hh),
            ],
            [step.cell.b_ih],
        )
    ),
    "the activation is applied to the input's half and to the state's half, which are then added": lambda step: (
        step.operations.add(step.operations.activate(_input_half(step)), step.operations.activate(_state_half(step)))
    ),
    "the activation is applied to the input's half only": lambda step: step.operations.add(
        step.operations.activate(_input_half(step)), _state_half(step)
    ),
    "the activation is applied to the state's half only": lambda step: step.operations.add(
        _input_half(step), step.operations.activate(_state_half(step))
    ),
    "the activation is applied to the state before W_hh, and not after,": lambda step: sum_of(
        step, step.operations.activate(step.h)
    ),
    "products with weights are taken element by element, * in the place of @": _elementwise,
    "biases are added along the batch where it is as large as the hidden size": _along_batch,
}


def models(case: Case) -> Iterator[Model]:
    """All of them; no number is left open."""
    for name, step in (OTHERS | PLACES).items():
        yield from scoped(name, step=step)
