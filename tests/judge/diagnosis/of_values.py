"""Bug models of special values: NaN and infinities that are swallowed, replaced or spread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.wiring import Step, Wiring, as_it_should, only_for, sum_of


def _of_nan(nonlinearity: str, value: float) -> Callable[[Step], Ball]:
    """Return an activation that makes a number of NaN."""

    def step(step: Step) -> Ball:
        new = as_it_should(step)
        nan = np.isnan(sum_of(step, step.h).mid)
        return Ball(np.where(nan, value, new.mid), np.where(nan, 0.0, new.rad))

    return only_for(nonlinearity, step)


def _largest(step: Step) -> Ball:
    new, largest = as_it_should(step), torch.finfo(step.case.config.dtype).max
    infinite = np.isinf(new.mid)
    return Ball(np.where(infinite, np.sign(new.mid) * largest, new.mid), np.where(infinite, 0.0, new.rad))


def _nan_of_infinity(step: Step) -> Ball:
    a = sum_of(step, step.h)
    new, lost = as_it_should(step), (a.mid == -np.inf) & (a.rad == 0)
    return Ball(np.where(lost, np.nan, new.mid), np.where(lost, 0.0, new.rad))


STEPS: dict[str, Callable[[Step], Ball]] = {
    "relu of NaN is 0": _of_nan("relu", 0.0),
    "tanh of NaN is 0": _of_nan("tanh", 0.0),
    "tanh of NaN is 1": _of_nan("tanh", 1.0),
    "tanh of NaN is -1": _of_nan("tanh", -1.0),
    "a state of NaN becomes 0": lambda step: _cleaned(as_it_should(step)),
    "an infinite state becomes the largest finite number": _largest,
    "relu of minus infinity is NaN": only_for("relu", _nan_of_infinity),
    "a row whose state holds a NaN goes on from zeros": lambda step: as_it_should(
        step._replace(states=[_without_nan_rows(step.h)])
    ),
}


def _cleaned(ball: Ball) -> Ball:
    return Ball(np.nan_to_num(ball.mid, nan=0.0, posinf=np.inf, neginf=-np.inf), ball.rad)


def _without_nan_rows(h: Ball) -> Ball:
    lost = np.isnan(h.mid).any(-1, keepdims=True)
    return Ball(np.where(lost, 0.0, h.mid), np.where(lost, 0.0, h.rad))


def _repaired(case: Case, array: Array) -> Array:
    """As torch.nan_to_num does it in the dtype of the case."""
    largest = torch.finfo(case.config.dtype).max
    return np.nan_to_num(array, nan=0.0, posinf=largest, neginf=-largest)


def _only_nan(case: Case, array: Array) -> Array:
    return np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf)


def _in(where: Callable[[str], bool], change: Callable[[Case, Array], Array]) -> Callable[[Case], Case]:
    return lambda case: case.with_arrays(**{k: change(case, v) for k, v in case.arrays.items() if where(k)})


ARRAYS: dict[str, Callable[[str], bool]] = {
    "the input": lambda name: name == "x",
    "h_0": lambda name: name == "h_0",
    "the parameters": lambda name: name.startswith(("weight", "bias")),
    "the weights": lambda name: name.startswith("weight"),
    "the biases": lambda name: name.startswith("bias"),
    "all arguments": lambda name: not name.startswith("grad"),
}


def _zeroed_rows(case: Case) -> Case:
    lost = ~np.isfinite(case.x).all(-1, keepdims=True)
    return replace(case, x=np.where(lost, 0.0, case.x))


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases that hold something special or come to it; none for others."""
    if case.finite:
        return
    for name, step in STEPS.items():
        yield from scoped(name, step=step)
    for what, where in ARRAYS.items():
        yield Model.wired(f"NaN becomes 0 in {what}", Wiring(case=_in(where, _only_nan)))
        yield Model.wired(
            f"NaN becomes 0, and infinities the largest number, in {what}", Wiring(case=_in(where, _repaired))
        )
    yield Model.wired("frames that hold a NaN or an infinity count as zeros", Wiring(case=_zeroed_rows))
