"""Bug models of the step of a GRU: r, z and the candidate, in another place or of another function."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.of_activations import hard_sigmoid
from rnn_parity.tests.judge.diagnosis.wiring import Step


def _r(step: Step) -> Ball:
    return step.sigmoid(step.affine("r", step.h))


def _z(step: Step) -> Ball:
    return step.sigmoid(step.affine("z", step.h))


def _sum_of_n(step: Step) -> Ball:
    return step.reset_affine("n", step.h, _r(step))


def _n(step: Step) -> Ball:
    return _reset_by(step, _r(step))


def _reset_by(step: Step, reset: Ball) -> Ball:
    """Return the candidate, with this in the place of r."""
    return step.tanh(step.reset_affine("n", step.h, reset))


def _mixed(step: Step, n: Ball) -> Ball:
    return step.mix(_z(step), n, step.h)


def _reset_before(step: Step) -> Ball:
    return _mixed(step, step.tanh(step.affine("n", step.times(_r(step), step.h))))


def _bias_outside(step: Step) -> Ball:
    w_ih, w_hh, b_ih, b_hh = step.parameters("n")
    product = step.times(_r(step), step.operations.affine([(step.h, w_hh)]))
    total = step.operations.affine([(step.x, w_ih), (product, np.eye(len(b_ih)))], [b_ih, b_hh])
    return _mixed(step, step.tanh(total))


def _with_sigmoid(name: str, other: Callable[[Step, Ball], Ball]) -> Callable[[Step], Ball]:
    """Compute one of the gates, or both, by another function."""

    def gate(step: Step, gate: str) -> Ball:
        total = step.affine(gate, step.h)
        return other(step, total) if gate in name else step.sigmoid(total)

    return lambda step: step.mix(gate(step, "z"), _reset_by(step, gate(step, "r")), step.h)


#: Other functions in the place of the sigmoid, in words.
SIGMOIDS: dict[str, Callable[[Step, Ball], Ball]] = {
    "clipping a / 6 + 1/2 to [0, 1], a hard sigmoid,": lambda step, a: hard_sigmoid(1 / 6)(step.operations, a),
    "clipping 0.2 a + 1/2 to [0, 1], a hard sigmoid,": lambda step, a: hard_sigmoid(0.2)(step.operations, a),
    "a tanh": lambda step, a: step.tanh(a),
}
#: The steps of nn.GRU, h' = (1 - z) n + z h and n = tanh(W_in x + b_in + r (W_hn h + b_hn)), with one thing otherwise.
STEPS: dict[str, Callable[[Step], Ball]] = {
    "r multiplies h before W_hn does, and not W_hn h + b_hn": _reset_before,
    "r is not applied": lambda step: _mixed(step, step.tanh(step.affine("n", step.h))),
    "b_hn is added outside of what r multiplies": _bias_outside,
    "r multiplies all of the candidate's sum": lambda step: _mixed(
        step, step.tanh(step.times(_r(step), step.affine("n", step.h)))
    ),
    "r multiplies z h, too": lambda step: step.mix(_z(step), _n(step), step.times(_r(step), step.h)),
    "z and 1 - z change places": lambda step: step.mix(_z(step), step.h, _n(step)),
    "z is used in the place of r": lambda step: _mixed(step, _reset_by(step, _z(step))),
    "r is used in the place of z": lambda step: step.mix(_r(step), _n(step), step.h),
    "the candidate is the new state, without z": _n,
    "z h is left out": lambda step: step.mix(_z(step), _n(step), Ball(0 * step.h.mid, 0 * step.h.rad)),
    "no tanh is applied to the candidate": lambda step: _mixed(step, _sum_of_n(step)),
    "the candidate goes through a sigmoid, and not through tanh,": lambda step: _mixed(
        step, step.sigmoid(_sum_of_n(step))
    ),
    "the candidate goes through relu, and not through tanh,": lambda step: _mixed(
        step, step.operations.arithmetic.relu(_sum_of_n(step))
    ),
    **{
        f"{words} {what}": _with_sigmoid(gates, other)
        for gates, words in {
            "rz": "the sigmoid of both gates is",
            "r": "the sigmoid of r is",
            "z": "the sigmoid of z is",
        }.items()
        for what, other in SIGMOIDS.items()
    },
}


def models(case: Case) -> Iterator[Model]:
    """All of them."""
    for name, step in STEPS.items():
        yield from scoped(name, step=step)
