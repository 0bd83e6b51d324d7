"""Bug models of gradients: what is cut off, counted wrongly, or goes back through another derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from operator import eq
from typing import Any

import numpy as np

from rnn_parity import Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.backward import LayerBackward, gradients
from rnn_parity.reference.balls import FORMATS, Ball
from rnn_parity.reference.forward import Pass, layer_passes, results
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.going_back import (
    BACK,
    clipped,
    from_the_end,
    summed_over,
    where_step,
)
from rnn_parity.tests.judge.diagnosis.model import Calls, Model
from rnn_parity.tests.judge.diagnosis.wiring import Prediction, each
from rnn_parity.tests.judge.trial.by_name import gradients as by_names
from rnn_parity.tests.judge.trial.by_name import outputs

Gradients = Mapping[str, Ball]


def model_of_gradients(
    name: str,
    *,
    case: Callable[[Case], Case] = lambda case: case,
    back: type[LayerBackward] = LayerBackward,
    result: Callable[[Case, Gradients], Gradients] = lambda case, found: found,
    family: str = "",
    numbered: bool = False,
    special: int = 0,
    **facts: Any,
) -> Model:
    """Right forward, and wrong on the way back: in the cotangents, in a layer, or in the gradients."""

    def prediction(calls: Calls, rounding: Rounding) -> Prediction:
        given = calls[-1]
        made = passes(given, rounding)
        parts = outputs(given, *results(given, made))
        if given.has_cotangents:
            found = result(given, gradients(case(given), rounding, going_back=back, passes=made))
            parts |= by_names(given, "gradient of", dict(found))
        return Prediction(parts)

    special = special or int(numbered)
    return Model(name, prediction, family or name, order=1, numbered=numbered, special=special, **facts)


@lru_cache(maxsize=4)
def passes(case: Case, rounding: Rounding) -> list[Pass]:
    """Return what goes forward, which is the same for all models of one look."""
    return layer_passes(case, rounding)


#: Right forward and back.
REFERENCE = model_of_gradients("")


# Cotangents


def _without_last(case: Case) -> Case:
    if case.grad_output is None:
        return case
    last = case.grad_output.copy()
    last[-1:] = 0
    return replace(case, grad_output=last)


COTANGENTS: dict[str, Callable[[Case], Case]] = {
    "what is asked of h_n does not go back": lambda case: replace(case, grad_h_n=None, grad_output=_or_zeros(case)),
    "what is asked of the output does not go back": lambda case: replace(
        case, grad_output=None if case.grad_h_n is not None else _or_zeros(case) * 0
    ),
    "what is asked of the last output does not go back": _without_last,
    "what is asked of h_n goes back from the last layer only": lambda case: _h_n_of_layers(case, last=True),
    "what is asked of h_n goes back from the layers below the last only": lambda case: _h_n_of_layers(case, last=False),
    "what is asked of h_n goes back twice": lambda case: (
        case if case.grad_h_n is None else replace(case, grad_h_n=2 * case.grad_h_n)
    ),
}


def _or_zeros(case: Case) -> Array:
    return (
        np.zeros(case.config.output_shape(case.steps, case.batch_size))
        if case.grad_output is None
        else case.grad_output
    )


def _h_n_of_layers(case: Case, *, last: bool) -> Case:
    if case.grad_h_n is None:
        return case
    upper = np.arange(len(case.grad_h_n)) >= len(case.grad_h_n) - case.config.num_directions
    return replace(case, grad_h_n=np.where((upper == last)[:, None, None], case.grad_h_n, 0.0))


# Gradients


def scaled(factor: Callable[[Case], float], applies: Callable[[str], bool]) -> Callable[[Case, Gradients], Gradients]:
    """Multiply what comes of some arguments by a factor."""

    def result(case: Case, found: Gradients) -> Gradients:
        by = factor(case)
        unit = 4 * FORMATS[case.config.dtype].unit_roundoff

        def times(ball: Ball) -> Ball:
            rounded = 0.0 if by in (0.0, 0.5, 1.0, 2.0) else unit * np.abs(by * ball.mid)
            return Ball(by * ball.mid, by * ball.rad + rounded)

        return {name: times(ball) if applies(name) else ball for name, ball in found.items()}

    return result


PARAMETERS: dict[str, Callable[[str], bool]] = {
    "b_hh": lambda name: name.startswith("bias_hh"),
    "b_ih": lambda name: name.startswith("bias_ih"),
    "each bias": lambda name: name.startswith("bias"),
    "W_hh": lambda name: name.startswith("weight_hh"),
    "W_ih": lambda name: name.startswith("weight_ih"),
    "each weight": lambda name: name.startswith("weight"),
    "each parameter": lambda name: name.startswith(("weight", "bias")),
}
FACTORS: dict[str, Callable[[Case], float]] = {
    "{} gets no gradient": lambda case: 0.0,
    "the gradient of {} is counted twice": lambda case: 2.0,
    "the gradient of {} is counted half": lambda case: 0.5,
    "the gradient of {} is a mean over the batch, not a sum": lambda case: 1 / max(1, case.batch_size),
    "the gradient of {} is a mean over time, not a sum": lambda case: 1 / case.steps,
}
_PARTS = {
    "": lambda name: True,
    " in the reverse direction": lambda name: name.endswith("_reverse"),
    " in the first layer": lambda name: "_l0" in name,
    " in layers above the first": lambda name: "_l0" not in name,
}
STEPS: dict[str, Callable[[int, int], bool]] = {
    "the last step": lambda t, steps: t == steps - 1,
    "the first step": lambda t, steps: t == 0,
    "the steps after the first": lambda t, steps: t > 0,
    "the steps before the last": lambda t, steps: t < steps - 1,
}
#: Which of n rows or steps count, in blocks of k: by number.
BLOCKS: dict[str, Callable[[int, int, int], bool]] = {
    "the last block of {k} {}": lambda i, n, k: i // k == (n - 1) // k,
    "the first block of {k} {}": lambda i, n, k: i < k,
    "the blocks of {k} {} after the first": lambda i, n, k: i >= k,
    "the blocks of {k} {} before the last": lambda i, n, k: i // k < (n - 1) // k,
    "the whole blocks of {k} {}": lambda i, n, k: i < n // k * k,
    "the first {} of each block of {k}": lambda i, n, k: i % k == 0,
    "the last {} of each block of {k}": lambda i, n, k: i % k == k - 1 or i == n - 1,
}
#: An axis of gradients, what lies on it, and how many in a case.
BLOCKED: dict[str, tuple[int, Callable[[Case], int]]] = {
    "rows of the batch": (2, lambda case: case.batch_size),
    "steps": (1, lambda case: case.steps),
}
_SUMMED = {
    "the biases": ("bias_ih", "bias_hh"),
    "b_hh": ("bias_hh",),
    "b_ih": ("bias_ih",),
    "the weights": ("weight_ih", "weight_hh"),
    "W_hh": ("weight_hh",),
    "W_ih": ("weight_ih",),
    "the parameters": ("bias_ih", "bias_hh", "weight_ih", "weight_hh"),
}


#: W_hh's gradient without the first step is the one that takes h_0 for zero.
_SAID_OTHERWISE = {("the steps after the first", "W_hh")}


def _rows_of_h_0(zero: Callable[[Case, Array], Array]) -> Callable[[Case, Gradients], Gradients]:
    def result(case: Case, found: Gradients) -> Gradients:
        if "h_0" not in found:
            return found
        kept = np.logical_not(zero(case, np.arange(float(len(found["h_0"].mid)))))[:, None, None]
        return {**found, "h_0": each(lambda part: np.where(kept, part, 0.0), found["h_0"])}

    return result


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases that ask for gradients; none for others."""
    if not case.has_cotangents:
        return
    yield from (model_of_gradients(name, case=change) for name, change in COTANGENTS.items())
    yield from (model_of_gradients(name, back=back) for name, back in BACK.items())
    yield from _cut_off(case)
    yield from _summed_wrongly()
    yield from _summed_over_blocks(case)
    for wording, factor in FACTORS.items():
        for role, of_role in PARAMETERS.items():
            yield from in_parts(model_of_gradients, wording.format(role), factor, of_role)
        for argument in ("x", "h_0"):
            yield model_of_gradients(wording.format(argument), result=scaled(factor, partial(eq, argument)))
    yield model_of_gradients("h_0 gets a gradient in the first layer only", result=_rows_of_h_0(_above_first))
    yield model_of_gradients("h_0 gets a gradient in the forward direction only", result=_rows_of_h_0(_reverse))


def _cut_off(case: Case) -> Iterator[Model]:
    """Yield models with a number of steps, or a bound, that is solved for."""
    for k in range(1, case.steps + 1):
        yield model_of_gradients(
            f"the state is detached after every {k} steps",
            back=where_step(lambda t, k=k: t > 0 and t % k == 0),  # type: ignore[misc]
            family="the state is detached after every so many steps",
            numbered=True,
        )
        yield model_of_gradients(
            f"gradients go back {k} steps from the end, and no further",
            back=from_the_end(k),
            family="gradients go back so many steps",
            numbered=True,
        )
    for bound in (0.25, 0.5, 1, 2, 5, 10):
        yield model_of_gradients(
            f"what goes back from step to step is clipped to [-{bound:g}, {bound:g}]",
            back=clipped(bound),
            family="what goes back is clipped",
            numbered=True,
        )


def _summed_wrongly() -> Iterator[Model]:
    for what, steps in STEPS.items():
        for whose, roles in _SUMMED.items():
            if (what, whose) not in _SAID_OTHERWISE:
                yield model_of_gradients(
                    f"the gradients of {whose} are those of {what} only", back=summed_over(steps, roles)
                )


def _summed_over_blocks(case: Case) -> Iterator[Model]:
    """Yield models with blocks of every size that leaves something out on a failing case."""
    for things, (axis, size_of) in BLOCKED.items():
        for what, keeps in BLOCKS.items():
            for k in range(1, size_of(case) + 1):
                steps = lambda i, n, k=k, keeps=keeps: keeps(i, n, k)  # noqa: E731
                for whose, roles in _SUMMED.items():
                    name = f"the gradients of {whose} are those of {what.format(things, k='{k}')} only"
                    yield model_of_gradients(
                        name.format(k=k),
                        back=summed_over(steps, roles, axis),
                        family=name,
                        effect=lambda case, steps=steps, size_of=size_of: _left_out(steps, size_of(case)),
                        touches=lambda part, roles=roles: part.startswith(tuple(f"gradient of {r}" for r in roles)),
                        numbered=True,
                        special=2,
                    )


def _left_out(keeps: Callable[[int, int], bool], size: int) -> tuple[int, ...] | None:
    """By number, which of so many do not count; None where all do."""
    return tuple(i for i in range(size) if not keeps(i, size)) or None


def _above_first(case: Case, row: Array) -> Array:
    return np.asarray(row >= case.config.num_directions)


def _reverse(case: Case, row: Array) -> Array:
    return np.asarray((row % case.config.num_directions) == 1)


def in_parts(
    model: Callable[..., Model], name: str, factor: Callable[[Case], float], of_role: Callable[[str], bool]
) -> Iterator[Model]:
    """Yield models that multiply what comes of the parameters of a role, in all cells or in some."""
    for where, part in _PARTS.items():
        applies = lambda argument, part=part: of_role(argument) and part(argument)  # noqa: E731
        yield model(name + where, result=scaled(factor, applies), family=name, special=bool(where))
