"""Bug models of gated cells on the way back: a gate, or a part of the state, through which nothing goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.going_back import OF_PARTS, without_gate
from rnn_parity.tests.judge.diagnosis.model import Model
from rnn_parity.tests.judge.diagnosis.of_gradients import model_of_gradients


def models(case: Case) -> Iterator[Model]:
    """All of them, for gated cells of which gradients are asked."""
    kind = case.config.kind
    if len(kind.gates) == 1 or not case.has_cotangents:
        return
    for place, gate in enumerate(kind.gates):
        yield model_of_gradients(f"nothing goes back through {gate}", back=without_gate(place))
    yield from (model_of_gradients(name, back=back) for name, back in OF_PARTS[len(kind.states)].items())
    if len(kind.states) > 1:
        yield from (model_of_gradients(name, case=_asked_of(part)) for part, name in enumerate(_OF_PARTS))


#: Of states of two parts, by which one is left out.
_OF_PARTS = "what is asked of h_n does not go back, and of c_n it does", "what is asked of c_n does not go back"


def _asked_of(without: int) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        if case.grad_h_n is None:
            return case
        parts = np.split(case.grad_h_n, 2, -1)
        parts[without] = 0 * parts[without]
        return replace(case, grad_h_n=np.concatenate(parts, -1))

    return change
