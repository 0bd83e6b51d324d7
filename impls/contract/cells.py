"""What a network is made of, as data: activations, and kinds of cells, whose step is written once, over an algebra.

An algebra is whatever has these operations for numbers of its own: balls (the reference and its edits), fractions and
what an adversary makes of them, tensors, or text. So the formula of a network stands here, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

N = TypeVar("N")


class Functions(Protocol[N]):
    """The activations of an algebra."""

    def tanh(self, a: N) -> N:
        """Return tanh(a)."""

    def relu(self, a: N) -> N:
        """Return max(0, a)."""


class Slopes(Protocol[N]):
    """What derivatives of activations are made of, out of an activation's result h."""

    def one_minus_square(self, h: N) -> N:
        """Return 1 - h^2."""

    def is_positive(self, h: N) -> N:
        """Return 1 where h > 0, else 0."""


class Activation(NamedTuple):
    """An activation, for every algebra."""

    of: Callable[[Functions[Any], Any], Any]
    #: Its derivative, out of its result.
    slope: Callable[[Slopes[Any], Any], Any]
    #: The number c in act'' = c h act', h being its result.
    curvature: float
    #: Of float64 arrays, as NumPy computes it.
    plain: Callable[[Any], Any]
    #: The largest magnitude that it can have.
    reach: float
    #: Whether act(-a) = -act(a).
    odd: bool
    #: Whether it is linear on both sides of zero, with a kink there: then libraries compute it without an error.
    piecewise_linear: bool


ACTIVATIONS = {
    "tanh": Activation(
        lambda functions, a: functions.tanh(a),
        lambda slopes, h: slopes.one_minus_square(h),
        curvature=-2.0,
        plain=np.tanh,
        reach=1.0,
        odd=True,
        piecewise_linear=False,
    ),
    "relu": Activation(
        lambda functions, a: functions.relu(a),
        lambda slopes, h: slopes.is_positive(h),
        curvature=0.0,
        plain=lambda a: np.maximum(a, 0.0),
        reach=math.inf,
        odd=False,
        piecewise_linear=True,
    ),
}


class Step(Protocol[N]):
    """One step of a cell in an algebra: it knows x_t and the parameters."""

    def affine(self, gate: str, h: N) -> N:
        """Return a gate's W_ih x_t + b_ih + W_hh h + b_hh; its terms may be added up in any order."""

    def reset_affine(self, gate: str, h: N, reset: N) -> N:
        """Return W_ih x_t + b_ih + reset * (W_hh h + b_hh)."""

    def activated(self, a: N) -> N:
        """Return the activation that the network is made with."""

    def gate(self, name: str, value: N) -> N:
        """Return the value of a gate, which is called so."""

    def tanh(self, a: N) -> N:
        """Return tanh(a)."""

    def sigmoid(self, a: N) -> N:
        """Return 1 / (1 + exp(-a))."""

    def mix(self, z: N, n: N, h: N) -> N:
        """Return (1 - z) n + z h, in whichever way it is written."""

    def times(self, a: N, b: N) -> N:
        """Return a * b."""

    def two_products(self, a: N, b: N, c: N, d: N) -> N:
        """Return a * b + c * d."""

    def parts(self, state: N) -> tuple[N, ...]:
        """Return the parts of a state that has several."""

    def joined(self, *parts: N) -> N:
        """Return the state out of its parts."""


class StepBack(Protocol[N]):
    """One step back through a cell in an algebra: it knows what the step made."""

    def gate(self, name: str) -> N:
        """Return a gate; with `_state` behind the name of one that is reset, its W_hh h + b_hh."""

    def parts(self, state: N) -> tuple[N, ...]:
        """Return the parts of a state that has several, or what comes back to each."""

    def finished(self, total: N, *terms: N) -> N:
        """Return a sum with these terms beside, which may be added up in any order."""

    def times_slope(self, grad_h: N) -> N:
        """Return a gradient times the derivative of the activation that the network is made with."""

    def mix_back(self, grad: N, z: N, n: N, h: N) -> tuple[N, N, N]:
        """Return what goes back to z, n and h."""

    def times(self, *factors: N) -> N:
        """Return the product of factors, in any order."""

    def products(self, *terms: tuple[N, ...]) -> list[N]:
        """Return several products of as many factors, each in any order."""

    def slope_of_tanh(self, n: N) -> N:
        """Return the derivative of a tanh whose result is n, 1 - n^2."""

    def slope_of_sigmoid(self, z: N) -> N:
        """Return the derivative of a sigmoid whose result is z, z (1 - z)."""


class Back(NamedTuple):
    """What goes back from one step: to each gate's sum, and straight to the state before."""

    #: To W_ih x_t + b_ih, by gate.
    sums: tuple[Any, ...]
    #: To W_hh h + b_hh, where that is another; None where it is the same.
    state_sums: tuple[Any, ...] | None = None
    #: To the state beside what goes through W_hh; None where there is nothing.
    straight: Any = None
    #: To the parts of the state that W_hh does not read.
    others: tuple[Any, ...] = ()


class Kind(NamedTuple):
    """A kind of cell."""

    name: str
    #: torch's module of it, by name.
    module: str
    #: In the order of their rows in weight_ih, weight_hh, bias_ih and bias_hh.
    gates: tuple[str, ...]
    #: The parts of the state; the first is what W_hh reads, and the output.
    states: tuple[str, ...]
    #: The next state, out of the one before.
    step: Callable[[Any, Any], Any]
    #: What goes back, out of what comes back to the next state, and the state before.
    back: Callable[[Any, Any, Any], Back]
    #: The largest magnitude of the next state, out of its activation's, that of its sums, and that of the one before.
    reach: Callable[[float, float, float], float]
    #: Gates that are a sigmoid's.
    sigmoids: tuple[str, ...] = ()
    #: Gates whose side of the state is multiplied by another gate, and so closed apart.
    reset: tuple[str, ...] = ()


def _gru(step: Step[N], h: N) -> N:
    r, z = (step.gate(name, step.sigmoid(step.affine(name, h))) for name in ("r", "z"))
    n = step.gate("n", step.tanh(step.reset_affine("n", h, r)))
    return step.mix(z, n, h)


def _gru_back(step: StepBack[N], grad_h: N, h: N) -> Back:
    r, z, n = (step.gate(name) for name in ("r", "z", "n"))
    to_z, to_n, to_h = step.mix_back(grad_h, z, n, h)
    a_z, a_n = step.times(to_z, step.slope_of_sigmoid(z)), step.times(to_n, step.slope_of_tanh(n))
    a_r = step.times(step.times(a_n, step.gate("n_state")), step.slope_of_sigmoid(r))
    return Back((a_r, a_z, a_n), (a_r, a_z, step.times(a_n, r)), to_h)


def _lstm(step: Step[N], state: N) -> N:
    h, before = step.parts(state)
    i, f, o = (step.gate(name, step.sigmoid(step.affine(name, h))) for name in ("i", "f", "o"))
    g = step.gate("g", step.tanh(step.affine("g", h)))
    c = step.two_products(f, before, i, g)
    return step.joined(step.times(o, step.gate("tanh_c", step.tanh(c))), c)


def _lstm_back(step: StepBack[N], grad: N, state: N) -> Back:
    _, before = step.parts(state)
    i, f, g, o, tanh_c = (step.gate(name) for name in ("i", "f", "g", "o", "tanh_c"))
    from_h, from_c = step.parts(grad)
    to_h = step.finished(from_h)
    to_c = step.finished(from_c, step.times(to_h, o, step.slope_of_tanh(tanh_c)))
    sums = step.products(
        (to_c, g, step.slope_of_sigmoid(i)),
        (to_c, before, step.slope_of_sigmoid(f)),
        (to_c, i, step.slope_of_tanh(g)),
        (to_h, tanh_c, step.slope_of_sigmoid(o)),
    )
    return Back(tuple(sums), others=(step.times(to_c, f),))


#: nn.RNN's: h_t = act(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh).
ELMAN = Kind(
    name="rnn",
    module="RNN",
    gates=("h",),
    states=("h",),
    step=lambda step, h: step.activated(step.affine("h", h)),
    back=lambda step, grad_h, h: Back((step.times_slope(grad_h),)),
    reach=lambda activation, sums, before: min(sums, activation),
)
#: nn.GRU's: h_t = (1 - z) n + z h_(t-1), with n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn)).
GRU = Kind(
    name="gru",
    module="GRU",
    gates=("r", "z", "n"),
    states=("h",),
    step=_gru,
    back=_gru_back,
    reach=lambda activation, sums, before: max(before, 1.0),
    sigmoids=("r", "z"),
    reset=("n",),
)
#: nn.LSTM's: c_t = f c_(t-1) + i g and h_t = o tanh(c_t).
LSTM = Kind(
    name="lstm",
    module="LSTM",
    gates=("i", "f", "g", "o"),
    states=("h", "c"),
    step=_lstm,
    back=_lstm_back,
    reach=lambda activation, sums, before: max(before, 1.0),
    sigmoids=("i", "f", "o"),
)
KINDS = {kind.name: kind for kind in (ELMAN, GRU, LSTM)}
