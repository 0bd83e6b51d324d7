"""Bug models of precision: something is rounded to another dtype than that of the case."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rnn_parity import Rounding
from rnn_parity.contract import Array, dtype_name
from rnn_parity.contract.case import round_to
from rnn_parity.reference.balls import FORMATS, Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Calls, Model
from rnn_parity.tests.judge.diagnosis.operations import Operations
from rnn_parity.tests.judge.diagnosis.wiring import (
    Prediction,
    Step,
    Wiring,
    as_it_should,
    only_for,
    predict,
    sum_of,
)


@dataclass(frozen=True)
class Narrow:
    """A way to round to fewer bits: of numbers, and its unit roundoff."""

    name: str
    round: Callable[[Array], Array]
    unit: float
    smallest: float
    dtype: torch.dtype | None = None

    def narrower_than(self, dtype: torch.dtype) -> bool:
        """Return whether rounding to it changes numbers of a dtype; float16 and bfloat16 change each other's."""
        return self.unit > FORMATS[dtype].unit_roundoff or self.smallest > FORMATS[dtype].smallest_normal

    def ball(self, ball: Ball) -> Ball:
        """Round a ball: exactly, where its radius is 0."""
        with np.errstate(all="ignore"):
            size = np.abs(ball.mid) + ball.rad
            wider = ball.rad + self.unit * size + self.smallest
            return Ball(np.where(ball.rad == 0, self.round(ball.mid), ball.mid), np.where(ball.rad == 0, 0.0, wider))


def _of(dtype: torch.dtype) -> Narrow:
    found, name = FORMATS[dtype], dtype_name(dtype)
    return Narrow(name, lambda values: round_to(dtype, values), found.unit_roundoff, found.smallest_normal, dtype)


def _cut(values: Array) -> Array:
    """float32 with the last 13 bits of its significand cut off."""
    bits = np.ascontiguousarray(values, np.float64).astype(np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)


def _nearest(values: Array) -> Array:
    """Eleven bits of significand, to the nearest."""
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(values)
        rounded = np.ldexp(np.rint(fraction * 2.0**11), exponent - 11)
    return np.asarray(np.where(np.isfinite(values), rounded, values))


_TINY = FORMATS[torch.float32].smallest_normal
#: The tightest first: of two that explain the same, the first is meant.
NARROW = (
    _of(torch.float32),
    Narrow("TensorFloat32", _nearest, 2.0**-11, _TINY),
    Narrow("TensorFloat32, towards zero,", _cut, 2.0**-10, _TINY),
    _of(torch.float16),
    _of(torch.bfloat16),
)


def models(case: Case) -> Iterator[Model]:
    """All of them that mean anything in the dtype of a failing case."""
    for narrow in NARROW:
        if narrow.narrower_than(case.config.dtype):
            digits = int(-np.log2(narrow.unit))
            yield from (replace(model, digits=digits) for model in _rounding_to(narrow))
    for dtype in FORMATS:
        name = dtype_name(dtype)
        yield _returned(f"results are {name} whatever was asked for", dtype, "output", "h_n")
        yield _returned(f"h_n is {name} whatever was asked for", dtype, "h_n")


def _rounding_to(narrow: Narrow) -> Iterator[Model]:
    yield from _rounded_operands(narrow)
    if narrow.dtype is not None:
        yield from _computed(narrow, narrow.dtype)


def _returned(name: str, dtype: torch.dtype, *parts: str) -> Model:
    """Return some results of another dtype, rounded to it where it is narrower."""
    narrow = _of(dtype)

    def prediction(calls: Calls, rounding: Rounding) -> Prediction:
        case = calls[-1]
        right = predict(case, Wiring(), rounding)
        computed = (
            predict(case.in_dtype(dtype), Wiring(), rounding) if narrow.narrower_than(case.config.dtype) else right
        )
        return replace(
            right,
            parts={**right.parts, **{part: computed.parts[part] for part in parts}},
            dtypes=dict.fromkeys(parts, dtype),
        )

    return Model(name, prediction, name)


def _with_digits(narrow: Narrow, applies: Callable[[Case], bool], model: Model) -> Model:
    """Return the same model, which predicts of results, too, that they have no more digits."""

    def prediction(calls: Calls, rounding: Rounding) -> Prediction:
        found, case = model.predict(calls, rounding), calls[-1]
        lost = narrow.narrower_than(case.config.dtype) and applies(case)
        return replace(found, digits=narrow.round) if lost else found

    return replace(model, predict=prediction)


def _where(narrow: Narrow, edit: Callable[[Step], Ball]) -> Callable[[Step], Ball]:
    """Return the edit, applied in dtypes that the rounding changes."""
    return lambda step: (edit if narrow.narrower_than(step.case.config.dtype) else as_it_should)(step)


def _has_effect(narrow: Narrow) -> Callable[[Case], Hashable]:
    return lambda case: narrow.name if narrow.narrower_than(case.config.dtype) else None


def _rounded_operands(narrow: Narrow) -> Iterator[Model]:
    def operands(step: Step) -> Ball:
        cell = step.cell._replace(w_ih=narrow.round(step.cell.w_ih), w_hh=narrow.round(step.cell.w_hh))
        rounded = step._replace(cell=cell, x=narrow.ball(step.x))
        return _from(rounded, narrow.ball(step.h))

    def cells(*roles: str) -> Callable[[Step], Ball]:
        def edit(step: Step) -> Ball:
            rounded: dict[str, Any] = {role: narrow.round(getattr(step.cell, role)) for role in roles}
            return as_it_should(step._replace(cell=step.cell._replace(**rounded)))

        return edit

    for what, edit in {
        "the operands of matrix products are": operands,
        "the parameters are": cells("w_ih", "w_hh", "b_ih", "b_hh"),
        "the weights are": cells("w_ih", "w_hh"),
        "the biases are": cells("b_ih", "b_hh"),
        "W_hh is": cells("w_hh"),
        "W_ih is": cells("w_ih"),
        "what a layer reads is": lambda step: as_it_should(step._replace(x=narrow.ball(step.x))),
        "the state is carried from step to step": lambda step: narrow.ball(as_it_should(step)),
        "the state that a step reads is": lambda step: _from(step, narrow.ball(step.h)),
        "the sum before the activation is": lambda step: step.operations.activate(narrow.ball(sum_of(step, step.h))),
    }.items():
        how = "in" if "carried" in what else "rounded to"
        name = f"{what} {how} {narrow.name}"
        model = Model.wired(name, Wiring(step=_where(narrow, edit)), effect=_has_effect(narrow))
        yield _with_digits(narrow, lambda case: True, model) if "carried" in what else model


def _from(step: Step, h: Ball) -> Ball:
    return step.operations.activate(sum_of(step, h))


def _computed(narrow: Narrow, dtype: torch.dtype) -> Iterator[Model]:
    def within(case: Case) -> Operations:
        return Operations(case.in_dtype(dtype).config, Rounding())

    def products(step: Step) -> Ball:
        inside, cell = within(step.case), step.cell
        halves = [
            inside.affine([(narrow.ball(v), narrow.round(w))]) for v, w in ((step.x, cell.w_ih), (step.h, cell.w_hh))
        ]
        biased = step.operations.add(halves[0], _number(step, cell.b_ih))
        return step.operations.activate(
            step.operations.add(step.operations.add(biased, halves[1]), _number(step, cell.b_hh))
        )

    def tanh(step: Step) -> Ball:
        return within(step.case).activated("tanh", narrow.ball(sum_of(step, step.h)))

    yield Model.wired(f"matrix products are computed in {narrow.name}", Wiring(step=_where(narrow, products)))
    yield _with_digits(
        narrow,
        lambda case: not case.config.activation.piecewise_linear,
        Model.wired(f"tanh is computed in {narrow.name}", Wiring(step=_where(narrow, only_for("tanh", tanh)))),
    )

    def everything(calls: Calls, rounding: Rounding) -> Prediction:
        case = calls[-1]
        seen = case.in_dtype(dtype) if narrow.narrower_than(case.config.dtype) else case
        return predict(seen, Wiring(), rounding)

    model = Model(f"everything is computed in {narrow.name}", everything, f"everything in {narrow.name}")
    yield _with_digits(narrow, lambda case: True, model)


def _number(step: Step, bias: Array) -> Ball:
    values = np.broadcast_to(bias, step.h.mid.shape)
    return Ball(values, np.zeros(values.shape))
