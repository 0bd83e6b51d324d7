"""Bug models of the step of an LSTM, and of its two states: c for h, gates in another place, what is clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball, exact
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.of_gru import SIGMOIDS
from rnn_parity.tests.judge.diagnosis.of_states import clipped
from rnn_parity.tests.judge.diagnosis.wiring import Step, Wiring, each

#: Up to what c, or the sum of a gate, may be clipped.
_BOUNDS = (1, 3, 5, 10, 50)


def _sum_of(step: Step, gate: str) -> Ball:
    return step.affine(gate, step.parts(step.h)[0])


def _gate(step: Step, name: str) -> Ball:
    return step.sigmoid(_sum_of(step, name))


#: A gate, or the candidate g, out of a step.
Gate = Callable[[Step], Ball]
_GATES: dict[str, Gate] = {
    **{name: partial(_gate, name=name) for name in ("i", "f", "o")},
    "g": lambda step: step.tanh(_sum_of(step, "g")),
}


def _with(
    gates: Mapping[str, Gate],
    c: Callable[[Step, Ball, Ball, Ball, Ball], Ball] = lambda step, i, f, g, c: step.two_products(f, c, i, g),
    h: Callable[[Step, Ball, Ball, Ball], Ball] = lambda step, o, c, old: step.times(o, step.tanh(c)),
) -> Callable[[Step], Ball]:
    """Make another step: other gates, c out of i, f, g and the c before, and h out of o, c and the c before."""

    def made(step: Step) -> Ball:
        i, f, g, o = (gates.get(name, _GATES[name])(step) for name in ("i", "f", "g", "o"))
        old = step.parts(step.h)[1]
        new = c(step, i, f, g, old)
        return step.joined(h(step, o, new, old), new)

    return made


def _one_less(name: str) -> Gate:
    """Return 1 minus a gate."""

    def rest(step: Step) -> Ball:
        gate = _gate(step, name)
        return Ball(1 - gate.mid, gate.rad + 2 * step.operations.arithmetic.format.unit_roundoff)

    return rest


def _through(function: Callable[[Step, Ball], Ball], name: str, step: Step) -> Ball:
    return function(step, _sum_of(step, name))


def _constant(value: float) -> Gate:
    return lambda step: exact(np.full(step.parts(step.h)[0].mid.shape, value))


#: The steps of nn.LSTM, c' = f c + i g and h' = o tanh(c'), with one thing otherwise.
STEPS: dict[str, Callable[[Step], Ball]] = {
    "f is 1 - i, as where both are coupled": _with({"f": _one_less("i")}),
    "i is 1 - f, as where both are coupled": _with({"i": _one_less("f")}),
    "f c is left out": _with({"f": _constant(0.0)}),
    "i g is left out": _with({"i": _constant(0.0)}),
    "c is added without f": _with({"f": _constant(1.0)}),
    "the candidate is added without i": _with({"i": _constant(1.0)}),
    "h is tanh(c), without o": _with({"o": _constant(1.0)}),
    "h is o c, without a tanh": _with({}, h=lambda step, o, c, old: step.times(o, c)),
    "h is o sigmoid(c), and not o tanh(c)": _with({}, h=lambda step, o, c, old: step.times(o, step.sigmoid(c))),
    "h is made of the c before the step": _with({}, h=lambda step, o, c, old: step.times(o, step.tanh(old))),
    "1 - f is used in the place of f": _with({"f": _one_less("f")}),
    "1 is added to f, behind its sigmoid": _with(
        {"f": lambda step: step.operations.add(_gate(step, "f"), _constant(1.0)(step))}
    ),
    "i and g are added, and not multiplied": _with(
        {}, c=lambda step, i, f, g, c: step.operations.add(step.times(f, c), i, g)
    ),
    **{
        f"{one} is used in the place of {other}": _with({other: _GATES[one]})
        for one in ("i", "f", "o")
        for other in ("i", "f", "o")
        if one != other
    },
    "no tanh is applied to the candidate": _with({"g": lambda step: _sum_of(step, "g")}),
    "the candidate goes through a sigmoid, and not through tanh,": _with({"g": lambda step: _gate(step, "g")}),
    "the candidate goes through relu, and not through tanh,": _with(
        {"g": lambda step: step.operations.arithmetic.relu(_sum_of(step, "g"))}
    ),
    **{
        f"{words} {what}": _with({name: partial(_through, other, name) for name in gates})
        for gates, words in {
            "ifo": "the sigmoid of every gate is",
            "i": "the sigmoid of i is",
            "f": "the sigmoid of f is",
            "o": "the sigmoid of o is",
        }.items()
        for what, other in SIGMOIDS.items()
    },
}


def _swapped(state: Array) -> Array:
    first, second = np.split(state, 2, -1)
    return np.concatenate([second, first], -1)


def _of_first(state: Array) -> Array:
    first, _ = np.split(state, 2, -1)
    return np.concatenate([first, first], -1)


def _of_second(state: Array) -> Array:
    _, second = np.split(state, 2, -1)
    return np.concatenate([second, second], -1)


def _without(part: int) -> Callable[[Array], Array]:
    def change(state: Array) -> Array:
        parts = np.split(state, 2, -1)
        parts[part] = 0 * parts[part]
        return np.concatenate(parts, -1)

    return change


#: What is read in the place of h_0 and c_0, one behind the other.
STARTS: dict[str, Callable[[Array], Array]] = {
    "c_0 is ignored": _without(1),
    "h_0 is ignored, and c_0 is not": _without(0),
    "h_0 and c_0 change places": _swapped,
    "h_0 is read in the place of c_0, too": _of_first,
    "c_0 is read in the place of h_0, too": _of_second,
}
#: What is returned in the place of h_n and c_n.
FINALS: dict[str, Callable[[Array], Array]] = {
    "h_n and c_n change places": _swapped,
    "c_n is h_n": _of_first,
    "h_n is c_n": _of_second,
    "c_n is zeros": _without(1),
}


def models(case: Case) -> Iterator[Model]:
    """All of them."""
    for name, step in STEPS.items():
        yield from scoped(name, step=step)
    yield from scoped("the output is c, and not h", hand_on=lambda cell, start, states: each(_of_second, states))
    for bound in _BOUNDS:
        clipping = _with({}, c=lambda step, i, f, g, c, k=bound: clipped(step.two_products(f, c, i, g), k))  # type: ignore[misc]
        yield Model.wired(f"c is clipped to [-{bound}, {bound}]", Wiring(step=clipping), family="c is clipped")
    for name, change in STARTS.items():
        yield Model.wired(name, Wiring(case=_started(change)))
    for name, change in FINALS.items():
        yield Model.wired(
            name,
            Wiring(result=lambda case, output, h_n, change=change: (output, each(change, h_n))),  # type: ignore[misc]
        )


def _started(change: Callable[[Array], Array]) -> Callable[[Case], Case]:
    return lambda case: case if case.h_0 is None else replace(case, h_0=change(case.h_0))
