"""Bug models of gated cells: gates in another order, of other biases, in another place, or of another function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np

from rnn_parity import Config
from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.of_activations import hard_sigmoid
from rnn_parity.tests.judge.diagnosis.wiring import Step

#: The parameters whose rows may be in another order.
_ROLES = {
    "": ("w_ih", "w_hh", "b_ih", "b_hh"),
    ", in W_ih and b_ih": ("w_ih", "b_ih"),
    ", in W_hh and b_hh": ("w_hh", "b_hh"),
}
#: What may happen to a gate's rows of a bias, in words.
_BIASES: dict[str, Callable[[Array], Array]] = {"is left out": np.zeros_like, "is added twice": lambda bias: 2 * bias}

#: What may happen to a gate's sum, in words.
_SUMS: dict[str, Callable[[Array], Array]] = {
    "1 is added to": lambda bias: bias + 1,
    "1 is taken from": lambda bias: bias - 1,
}


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
_FUNCTIONS: dict[str, Callable[[Step, Ball], Ball]] = {
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
        for what, other in _FUNCTIONS.items()
    },
}


def models(case: Case) -> Iterator[Model]:
    """All of them, for cells that have gates."""
    gates = case.config.kind.gates
    if len(gates) == 1:
        return
    for order in list(permutations(gates))[1:]:
        for where, roles in _ROLES.items():
            name = f"the rows of the gates are read as {' '.join(order)}, where they are {' '.join(gates)}{where}"
            yield from scoped(name, cell=_in_order(order, roles))
    for gate in gates:
        for role in ("b_ih", "b_hh"):
            for what, change in _BIASES.items():
                yield from scoped(f"{role} of {gate} {what}", cell=_changed(gate, role, change))
        for what, change in _SUMS.items():
            yield from scoped(f"{what} the sum of {gate}", cell=_changed(gate, "b_ih", change))
    for name, step in STEPS.items():
        yield from scoped(name, step=step)


Edit = Callable[[Cell, object, Config], Cell]


def _in_order(order: tuple[str, ...], roles: tuple[str, ...]) -> Edit:
    def edit(cell: Cell, cells: object, config: Config) -> Cell:
        rows = config.rows_of_gates()
        blocks = [rows[gate] for gate in config.kind.gates]
        # Rows that hold gate g are taken for those of the gate at their place in the order.
        moved: dict[str, Any] = {
            role: np.concatenate([getattr(cell, role)[blocks[order.index(gate)]] for gate in config.kind.gates])
            for role in roles
        }
        return cell._replace(**moved)

    return edit


def _changed(gate: str, role: str, change: Callable[[Array], Array]) -> Edit:
    def edit(cell: Cell, cells: object, config: Config) -> Cell:
        bias = getattr(cell, role).copy()
        rows = config.rows_of_gates()[gate]
        bias[rows] = change(bias[rows])
        changed: dict[str, Any] = {role: bias}
        return cell._replace(**changed)

    return edit
