"""Bug models of gradients: what is cut off, counted wrongly, or goes back through another derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from operator import eq
from typing import Any

import numpy as np

from impls import Rounding
from impls.backward import LayerBackward, Sum, gradients
from impls.balls import FORMATS, Ball
from impls.contract import Array
from strategies import Case
from tests.judge.diagnosis.model import Calls, Model
from tests.judge.diagnosis.wiring import Prediction, Wiring, each, predict
from tests.judge.trial.gradients import in_layout

Gradients = Mapping[str, Ball]


def _model(
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
        right = predict(given, Wiring(), rounding)
        if not given.has_cotangents:
            return right
        seen = case(given)
        arguments = seen.config, seen.weights, seen.x, seen.h_0, seen.grad_output, seen.grad_h_n, rounding, seen.lengths
        found = result(given, gradients(*arguments, going_back=back))
        laid_out = {f"gradient of {key}": in_layout(given, key, ball) for key, ball in found.items()}
        return replace(right, parts={**right.parts, **laid_out})

    special = special or int(numbered)
    return Model(name, prediction, family or name, backward=True, numbered=numbered, special=special, **facts)


#: Right in every respect, forward and back.
REFERENCE = _model("")


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
    shape = case.steps, case.batch_size, case.config.num_directions * case.config.hidden_size
    return np.zeros(shape) if case.grad_output is None else case.grad_output


def _h_n_of_layers(case: Case, *, last: bool) -> Case:
    if case.grad_h_n is None:
        return case
    upper = np.arange(len(case.grad_h_n)) >= len(case.grad_h_n) - case.config.num_directions
    return replace(case, grad_h_n=np.where((upper == last)[:, None, None], case.grad_h_n, 0.0))


# On the way back


def _nothing(total: Sum) -> Sum:
    """Return a sum without terms."""
    zeros = np.zeros(total.mid.shape)
    return Sum(np.inf, zeros, zeros, zeros, zeros, zeros)


def _where_step(forgets: Callable[[int], bool]) -> type[LayerBackward]:
    """Nothing goes back from a step to the state before it, where it is detached there."""

    class Detached(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            return _nothing(before) if forgets(t) else before

    return Detached


class _LayersDetached(LayerBackward):
    def of_input(self) -> Sum:
        total = super().of_input()
        return _nothing(total) if self.number else total


class _ReverseDetached(LayerBackward):
    def of_input(self) -> Sum:
        grads = self.grad_a
        if len(grads.mid) == 1:
            return super().of_input()
        self.grad_a = each(lambda part: np.stack([part[0], 0 * part[1]]), grads)
        total = super().of_input()
        self.grad_a = grads
        return total


class _ReverseNotTurned(LayerBackward):
    """What goes to the input from the reverse direction stays in the order of processing."""

    def of_input(self) -> Sum:
        grads = self.grad_a
        if len(grads.mid) == 1:
            return super().of_input()
        self.grad_a = each(lambda part: np.stack([part[0], part[1, ::-1]]), grads)
        total = super().of_input()
        self.grad_a = grads
        return total


class _NotTransposed(LayerBackward):
    def recurrent(self) -> Array:
        return super().recurrent().swapaxes(-1, -2)


class _ReadsNewState(LayerBackward):
    def read(self) -> Ball:
        return self.made.states


class _ReadsZeroAtFirst(LayerBackward):
    def read(self) -> Ball:
        first = np.arange(self.made.states.mid.shape[1])[:, None, None] == 0
        return each(lambda part: np.where(first, 0.0, part), super().read())


def _slope(change: Callable[[LayerBackward], Ball | None]) -> type[LayerBackward]:
    """Another derivative; None where it is as it should be."""

    class Sloped(LayerBackward):
        def slope(self) -> Ball:
            found = change(self)
            return super().slope() if found is None else found

    return Sloped


def _as_relu(layer: LayerBackward) -> Ball | None:
    h = layer.made.states
    if layer.made.layer.nonlinearity != "tanh":
        return None
    uncertain = np.abs(h.mid) <= h.rad
    mid = np.where(uncertain & (h.rad > 0), 0.5, (h.mid > 0) * 1.0)
    return Ball(mid, np.where(uncertain & (h.rad > 0), 0.5, 0.0))


def _as_tanh(layer: LayerBackward) -> Ball | None:
    h = layer.made.states
    if layer.made.layer.nonlinearity != "relu":
        return None
    unit = layer.arithmetic.format.unit_roundoff
    size = np.abs(h.mid) + h.rad
    return Ball(1 - h.mid**2, np.where(h.mid == 0, 0.0, h.rad * (2 * size + h.rad) + 8 * unit * (1 + size * size)))


def _at_zero(value: float) -> Callable[[LayerBackward], Ball | None]:
    def slope(layer: LayerBackward) -> Ball | None:
        if layer.made.layer.nonlinearity != "relu":
            return None
        right = LayerBackward.slope(layer)
        a = _pre_activations(layer)
        zero = (a.mid == 0) & (a.rad == 0)
        return Ball(np.where(zero, value, right.mid), np.where(zero, 0.0, right.rad))

    return slope


def _pre_activations(layer: LayerBackward) -> Ball:
    """Midpoints of W_ih x + b_ih + W_hh h + b_hh, and whether they are exact, as the layer's states are."""
    made = layer.made
    parts = made.layer
    before = LayerBackward.read(layer)
    mid = made.x.mid @ parts.w_ih.swapaxes(-1, -2)[:, None] + before.mid @ parts.w_hh.swapaxes(-1, -2)[:, None]
    return Ball(mid + (parts.b_ih + parts.b_hh)[:, None, None], made.states.rad)


def _ones(layer: LayerBackward) -> Ball:
    return Ball(np.ones(layer.made.states.mid.shape), np.zeros(layer.made.states.mid.shape))


def _linear_tanh(layer: LayerBackward) -> Ball | None:
    if layer.made.layer.nonlinearity != "tanh":
        return None
    h, unit = layer.made.states, layer.arithmetic.format.unit_roundoff
    return Ball(1 - np.abs(h.mid), np.where((h.mid == 0) & (h.rad == 0), 0.0, h.rad + 4 * unit))


BACK: dict[str, type[LayerBackward]] = {
    "the state is detached before every step": _where_step(lambda t: True),
    "layers above the first send nothing back to those below": _LayersDetached,
    "the reverse direction sends nothing back to its input": _ReverseDetached,
    "what the reverse direction sends back to its input stays in the order of processing": _ReverseNotTurned,
    "on the way back W_hh is not transposed": _NotTransposed,
    "W_hh's gradient is made of the states that the steps return, not of those that they read": _ReadsNewState,
    "W_hh's gradient takes h_0 for zero": _ReadsZeroAtFirst,
    "tanh goes back as relu does": _slope(_as_relu),
    "relu goes back as tanh does": _slope(_as_tanh),
    "relu' is 1 at exactly zero": _slope(_at_zero(1.0)),
    "relu' is a half at exactly zero": _slope(_at_zero(0.5)),
    "no derivative of the activation is applied": _slope(_ones),
    "tanh' is 1 - |h| instead of 1 - h^2": _slope(_linear_tanh),
}


def _clipped(bound: float) -> type[LayerBackward]:
    class Clipped(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            mid = np.clip(before.mid, -bound, bound)
            return Sum(
                min(before.grain, bound), mid, before.rad, np.minimum(before.size, bound), before.terms, before.lost
            )

    return Clipped


def _summed_over(keeps: Callable[[int, int], bool], roles: tuple[str, ...], axis: int = 1) -> type[LayerBackward]:
    """Parameters whose gradients are summed up over some steps only: by number, in the order of processing, and T.

    On the next axis: over some rows of the batch, by number and B.
    """

    class Summed(LayerBackward):
        def of_parameters(self, bias: bool) -> dict[str, Ball]:
            right, grads = super().of_parameters(bias), self.grad_a
            size = grads.mid.shape[axis]
            kept = np.array([keeps(i, size) for i in range(size)], bool).reshape(-1, *[1] * (3 - axis))
            self.grad_a = each(lambda part: np.where(kept, part, 0.0), grads)
            some = super().of_parameters(bias)
            self.grad_a = grads
            return {role: (some if role in roles else right)[role] for role in right}

    return Summed


# Gradients


def _scaled(factor: Callable[[Case], float], applies: Callable[[str], bool]) -> Callable[[Case, Gradients], Gradients]:
    def result(case: Case, found: Gradients) -> Gradients:
        by = factor(case)
        unit = 4 * FORMATS[case.config.dtype].unit_roundoff

        def scaled(ball: Ball) -> Ball:
            rounded = 0.0 if by in (0.0, 0.5, 1.0, 2.0) else unit * np.abs(by * ball.mid)
            return Ball(by * ball.mid, by * ball.rad + rounded)

        return {name: scaled(ball) if applies(name) else ball for name, ball in found.items()}

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
    yield from (_model(name, case=change) for name, change in COTANGENTS.items())
    yield from (_model(name, back=back) for name, back in BACK.items())
    yield from _cut_off(case)
    yield from _summed_wrongly()
    yield from _summed_over_blocks(case)
    for wording, factor in FACTORS.items():
        for role, of_role in PARAMETERS.items():
            yield from _in_parts(wording.format(role), factor, of_role)
        for argument in ("x", "h_0"):
            yield _model(wording.format(argument), result=_scaled(factor, partial(eq, argument)))
    yield _model("h_0 gets a gradient in the first layer only", result=_rows_of_h_0(_above_first))
    yield _model("h_0 gets a gradient in the forward direction only", result=_rows_of_h_0(_reverse))


def _cut_off(case: Case) -> Iterator[Model]:
    """Yield models with a number of steps, or a bound, that is solved for."""
    for k in range(1, case.steps + 1):
        yield _model(
            f"the state is detached after every {k} steps",
            back=_where_step(lambda t, k=k: t > 0 and t % k == 0),  # type: ignore[misc]
            family="the state is detached after every so many steps",
            numbered=True,
        )
        yield _model(
            f"gradients go back {k} steps from the end, and no further",
            back=_from_the_end(k),
            family="gradients go back so many steps",
            numbered=True,
        )
    for bound in (0.25, 0.5, 1, 2, 5, 10):
        yield _model(
            f"what goes back from step to step is clipped to [-{bound:g}, {bound:g}]",
            back=_clipped(bound),
            family="what goes back is clipped",
            numbered=True,
        )


def _summed_wrongly() -> Iterator[Model]:
    for what, steps in STEPS.items():
        for whose, roles in _SUMMED.items():
            if (what, whose) not in _SAID_OTHERWISE:
                yield _model(f"the gradients of {whose} are those of {what} only", back=_summed_over(steps, roles))


def _summed_over_blocks(case: Case) -> Iterator[Model]:
    """Yield models with blocks of every size that leaves something out on a failing case."""
    for things, (axis, size_of) in BLOCKED.items():
        for what, keeps in BLOCKS.items():
            for k in range(1, size_of(case) + 1):
                steps = lambda i, n, k=k, keeps=keeps: keeps(i, n, k)  # noqa: E731
                for whose, roles in _SUMMED.items():
                    name = f"the gradients of {whose} are those of {what.format(things, k='{k}')} only"
                    yield _model(
                        name.format(k=k),
                        back=_summed_over(steps, roles, axis),
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


def _in_parts(name: str, factor: Callable[[Case], float], of_role: Callable[[str], bool]) -> Iterator[Model]:
    for where, part in _PARTS.items():
        applies = lambda argument, part=part: of_role(argument) and part(argument)  # noqa: E731
        yield _model(name + where, result=_scaled(factor, applies), family=name, special=bool(where))


def _from_the_end(k: int) -> type[LayerBackward]:
    class FromTheEnd(LayerBackward):
        def carried(self, before: Sum, t: int) -> Sum:
            return _nothing(before) if t <= self.made.states.mid.shape[1] - k else before

    return FromTheEnd
