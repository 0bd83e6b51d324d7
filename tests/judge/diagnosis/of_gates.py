"""Bug models of gated cells: gates in another order, of other biases, in another place, or of another function.

Those of one kind's own step, and of its state, are in `of_gru` and `of_lstm`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, permutations
from typing import Any

import numpy as np

from rnn_parity import Config
from rnn_parity.contract import Array
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis import of_gru, of_lstm
from rnn_parity.tests.judge.diagnosis.model import Model, scoped

#: The parameters whose rows may be in another order.
_ROLES = {
    "": ("w_ih", "w_hh", "b_ih", "b_hh"),
    ", in W_ih and b_ih": ("w_ih", "b_ih"),
    ", in W_hh and b_hh": ("w_hh", "b_hh"),
}
#: Of more gates there are many orders.
_MANY = 3
#: What may happen to a gate's rows of a bias, in words.
_BIASES: dict[str, Callable[[Array], Array]] = {"is left out": np.zeros_like, "is added twice": lambda bias: 2 * bias}

#: What may happen to a gate's sum, in words.
_SUMS: dict[str, Callable[[Array], Array]] = {
    "1 is added to": lambda bias: bias + 1,
    "1 is taken from": lambda bias: bias - 1,
}


def models(case: Case) -> Iterator[Model]:
    """All of them, for cells that have gates."""
    gates = case.config.kind.gates
    if len(gates) == 1:
        return
    for order in list(permutations(gates))[1:]:
        for where, roles in _ROLES.items():
            name = f"the rows of the gates are read as {' '.join(order)}, where they are {' '.join(gates)}{where}"
            # Of many orders, those of some rows alone are tried everywhere, and not in each scope.
            alone = where and len(gates) > _MANY
            yield from islice(scoped(name, cell=_in_order(order, roles)), 1 if alone else None)
    for gate in gates:
        for role in ("b_ih", "b_hh"):
            for what, change in _BIASES.items():
                yield from scoped(f"{role} of {gate} {what}", cell=_changed(gate, role, change))
        for what, change in _SUMS.items():
            yield from scoped(f"{what} the sum of {gate}", cell=_changed(gate, "b_ih", change))
    yield from _OF_KINDS[case.config.cell](case)


_OF_KINDS: dict[str, Callable[[Case], Iterator[Model]]] = {"gru": of_gru.models, "lstm": of_lstm.models}
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
