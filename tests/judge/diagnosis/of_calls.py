"""Bug models of memory: something of earlier calls comes back in the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from rnn_parity import Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Calls, Model
from rnn_parity.tests.judge.diagnosis.operations import Operations
from rnn_parity.tests.judge.diagnosis.wiring import Prediction, Wiring, each, joined, predict, row_of


def _goes_on(calls: Calls, rounding: Rounding) -> Prediction:
    """Without an h_0, from the final state of the call before, where it fits."""
    case, before = calls[-1], calls[-2]
    if case.h_0 is not None or before.batch_size != case.batch_size:
        return predict(case, Wiring(), rounding)
    _, *finals = predict(replace(before, unbatched=False), Wiring(), rounding).parts.values()
    h_n = joined(finals)

    def start(case: Case, cell: Cell, h_0: Array, states: Mapping[tuple[int, bool], Ball]) -> Ball:
        return each(lambda part: part[row_of(case, cell)], h_n)

    return predict(case, Wiring(start=start), rounding)


def _same_h_0(calls: Calls, rounding: Rounding) -> Prediction:
    case, before = calls[-1], calls[-2]
    if case.h_0 is not None or before.h_0 is None or before.batch_size != case.batch_size:
        return predict(case, Wiring(), rounding)
    return predict(replace(case, h_0=before.h_0), Wiring(), rounding)


def _same_results(calls: Calls, rounding: Rounding) -> Prediction:
    fits = calls[-2].x.shape == calls[-1].x.shape
    return predict(calls[-2] if fits else calls[-1], Wiring(), rounding)


def _same_input(calls: Calls, rounding: Rounding) -> Prediction:
    case, before = calls[-1], calls[-2]
    return predict(replace(case, x=before.x) if before.x.shape == case.x.shape else case, Wiring(), rounding)


def _added(calls: Calls, rounding: Rounding) -> Prediction:
    one, other = (predict(case, Wiring(), rounding) for case in calls[-2:])
    if calls[-2].x.shape != calls[-1].x.shape:
        return other
    output = Operations(calls[-1].config, rounding).add(one.parts["output"], other.parts["output"])
    return replace(other, parts={**other.parts, "output": output})


def _same_steps(calls: Calls, rounding: Rounding) -> Prediction:
    case, before = calls[-1], calls[-2]
    return predict(replace(case, x=case.x[: before.steps]), Wiring(), rounding)


MODELS: dict[str, Callable[[Calls, Rounding], Prediction]] = {
    "a call without h_0 goes on from the final state of the call before, where the batch is as large": _goes_on,
    "a call without h_0 starts from the h_0 of the call before, where the batch is as large": _same_h_0,
    "a call returns the results of the one before, where the shapes are the same": _same_results,
    "the input of the call before is read again, where the shapes are the same": _same_input,
    "the outputs of the call before are added to those of the next, where the shapes are the same": _added,
    "no call makes more steps than an earlier one": _same_steps,
}


def models(case: Case) -> Iterator[Model]:
    """All of them."""
    for name, prediction in MODELS.items():
        yield Model(name, prediction, name)
