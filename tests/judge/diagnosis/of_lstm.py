"""Bug models of the step of an LSTM, and of its two states: c for h, gates in another place, what is clipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, scoped
from rnn_parity.tests.judge.diagnosis.of_gru import SIGMOIDS
from rnn_parity.tests.judge.diagnosis.wiring import Step, Wiring, each

#: Up to what c, or the sum of a gate, may be clipped.
_BOUNDS = (1, 3, 5, 10, 50)


def _gate(step: Step, name: str) -> Ball:
    return step.sigmoid(step.affine(name, step.parts(step.h)[0]))


def _sum_of_g(step: Step) -> Ball:
    return step.affine("g", step.parts(step.h)[0])


def _step(step: Step, **others: Callable[[Step], Ball]) -> Ball:
    """Make a step in which gates, the candidate g or the new c are computed otherwise."""
    made: dict[str, Callable[[Step], Ball]] = {name: partial(_gate, name=name) for name in ("i", "f", "o")}
    made |= {"g": lambda step: step.tanh(_sum_of_g(step)), **others}
    i, f, g, o = (made[name](step) for name in ("i", "f", "g", "o"))
    c = step.two_products(f, step.parts(step.h)[1], i, g)
    return step.joined(step.times(o, step.tanh(c)), c)


def _other(**others: Callable[[Step], Ball]) -> Callable[[Step], Ball]:
    return lambda step: _step(step, **others)


def _one_less(step: Step, name: str) -> Ball:
    """Return 1 minus a gate."""
    gate = _gate(step, name)
    return Ball(1 - gate.mid, gate.rad + 2 * step.operations.arithmetic.format.unit_roundoff)


def _one_more(step: Step, name: str) -> Ball:
    """Return a gate plus 1."""
    gate = _gate(step, name)
    return step.operations.add(gate, Ball(np.ones(gate.mid.shape), np.zeros(gate.mid.shape)))


def _ones(step: Step) -> Ball:
    shape = step.parts(step.h)[0].mid.shape
    return Ball(np.ones(shape), np.zeros(shape))


def _zeros(step: Step) -> Ball:
    return each(lambda part: 0 * part, _ones(step))


def _parts(step: Step) -> tuple[Ball, Ball, Ball, Ball, Ball]:
    """Return i, f, g, o, and the c before."""
    i, f, o = (_gate(step, name) for name in ("i", "f", "o"))
    return i, f, step.tanh(_sum_of_g(step)), o, step.parts(step.h)[1]


def _of_c(change: Callable[[Step, Ball], Ball]) -> Callable[[Step], Ball]:
    """Make h of the new c, or of what is made of it in the place of tanh."""

    def made(step: Step) -> Ball:
        i, f, g, o, before = _parts(step)
        c = step.two_products(f, before, i, g)
        return step.joined(step.times(o, change(step, c)), c)

    return made


def _of_old_c(step: Step) -> Ball:
    i, f, g, o, before = _parts(step)
    return step.joined(step.times(o, step.tanh(before)), step.two_products(f, before, i, g))


def _new_c(change: Callable[..., Ball]) -> Callable[[Step], Ball]:
    """Make c out of the step, i, f, g and the c before."""

    def made(step: Step) -> Ball:
        i, f, g, o, before = _parts(step)
        c = change(step, i, f, g, before)
        return step.joined(step.times(o, step.tanh(c)), c)

    return made


def _clipped(ball: Ball, bound: float) -> Ball:
    """Clipping moves no two numbers apart."""
    certain = np.abs(ball.mid) - ball.rad >= bound
    return Ball(np.clip(ball.mid, -bound, bound), np.where(certain, 0.0, ball.rad))


#: The steps of nn.LSTM, c' = f c + i g and h' = o tanh(c'), with one thing otherwise.
STEPS: dict[str, Callable[[Step], Ball]] = {
    "f is 1 - i, as where both are coupled": _other(f=lambda step: _one_less(step, "i")),
    "i is 1 - f, as where both are coupled": _other(i=lambda step: _one_less(step, "f")),
    "f c is left out": _other(f=_zeros),
    "i g is left out": _other(i=_zeros),
    "c is added without f": _other(f=_ones),
    "the candidate is added without i": _other(i=_ones),
    "h is tanh(c), without o": _other(o=_ones),
    "h is o c, without a tanh": _of_c(lambda step, c: c),
    "h is o sigmoid(c), and not o tanh(c)": _of_c(lambda step, c: step.sigmoid(c)),
    "h is made of the c before the step": _of_old_c,
    "1 - f is used in the place of f": _other(f=lambda step: _one_less(step, "f")),
    "1 is added to f, behind its sigmoid": _other(f=lambda step: _one_more(step, "f")),
    "i and g are added, and not multiplied": _new_c(
        lambda step, i, f, g, c: step.operations.add(step.times(f, c), i, g)
    ),
    **{
        f"{one} is used in the place of {other}": _other(**{other: lambda step, one=one: _gate(step, one)})
        for one in ("i", "f", "o")
        for other in ("i", "f", "o")
        if one != other
    },
    "no tanh is applied to the candidate": _other(g=_sum_of_g),
    "the candidate goes through a sigmoid, and not through tanh,": _other(g=lambda step: step.sigmoid(_sum_of_g(step))),
    "the candidate goes through relu, and not through tanh,": _other(
        g=lambda step: step.operations.arithmetic.relu(_sum_of_g(step))
    ),
    **{
        f"{words} {what}": _other(
            **{
                name: lambda step, name=name, other=other: other(step, step.affine(name, step.parts(step.h)[0]))
                for name in gates
            }
        )
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
        clipping = _new_c(lambda step, i, f, g, c, bound=bound: _clipped(step.two_products(f, c, i, g), bound))
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
