"""Back-propagation through time over balls: gradients with a proven bound for every element.

    d_t = act'(a_t),    da_t = dh_t * d_t,    dh_(t-1) = W_hh^T da_t + (what is asked of h_(t-1) from above)
    dx_t = W_ih^T da_t,    dW_ih = sum_t da_t x_t^T,    dW_hh = sum_t da_t h_(t-1)^T,    db_ih = db_hh = sum_t da_t

tanh' = 1 - h^2 of the state's ball; ReLU' is 0 or 1, 0 at exactly 0 as torch documents, and uncertain where the ball of
the pre-activation holds 0. Every sum is granted gamma(n) of its magnitudes for all n of its terms together, because an
implementation may add them up in any order, interleaved as well. Of an accumulator that is wider than the dtype nothing
is taken back, nor of fewer roundings beside it: gradients are accumulated over time in the dtype. What is not finite
going forward, or may overflow going back, leaves everything that depends on it free.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any, cast

import numpy as np

from rnn_parity.contract import ELMAN, Array, Case, Rounding
from rnn_parity.contract.cells import Back
from rnn_parity.reference import gates
from rnn_parity.reference.balls import Arithmetic, Ball, concatenated, exact, free_where_undefined
from rnn_parity.reference.forward import EVERY_OPERATION, Pass, layer_passes, no_wider
from rnn_parity.reference.steps import heard, parts_of
from rnn_parity.reference.sums import Sum, close, given, grains, is_exact, products_with, quantum_of_products


def gradients(
    case: Case,
    rounding: Rounding = EVERY_OPERATION,
    times: int = 1,
    going_back: type[LayerBackward] | None = None,
    passes: Sequence[Pass] | None = None,
) -> dict[str, Ball]:
    """Return the gradients of sum(output * grad_output) + sum(h_n * grad_h_n), as balls.

    Args:
        case: the case; gradients that come in at steps that do not count are not looked at.
        rounding: how the implementation that is judged rounds.
        times: how often gradients are accumulated: their terms may be added up in any order, those of one time between
            those of another.
        going_back: how a layer goes back, where it is not as it should: a bug's model.
        passes: of `rnn_parity.reference.forward.layer_passes` on the same case, where they are known already.

    Returns:
        A ball of its shape for `x`, `h_0` where it is given, and every parameter, by name.
    """
    if passes is None:
        passes = layer_passes(case, rounding)
    config = case.config
    arithmetic = Arithmetic(config.dtype, no_wider(config, rounding))
    above = given(arithmetic, asked_of_outputs(case))
    found: dict[str, Ball] = {}
    starts: list[Ball] = []
    with np.errstate(all="ignore"):
        for number, made in reversed(list(enumerate(passes))):
            rows = slice(number * config.num_directions, (number + 1) * config.num_directions)
            asked = None if case.grad_h_n is None else case.grad_h_n[rows]
            layer = (going_back or LayerBackward)(arithmetic, made, asked, times, number)
            start, above = layer.run(above)
            starts.insert(0, start)
            suffixes = config.suffixes()[rows]
            for name, ball in layer.of_parameters(config.bias).items():
                found |= {f"{name}_{suffix}": Ball(ball.mid[d], ball.rad[d]) for d, suffix in enumerate(suffixes)}
        found["x"] = close(arithmetic, above.repeated(times))
    if case.h_0 is not None:
        found["h_0"] = concatenated(starts)
    return found


def asked_of_outputs(case: Case) -> Array:
    """Return the gradient of the output that comes in, zeros where there is none."""
    if case.grad_output is None:
        return np.zeros(case.config.output_shape(case.steps, case.batch_size))
    return case.blanked(case.grad_output)


class LayerBackward:
    """One layer on the way back, its directions side by side, in the order of processing."""

    def __init__(self, arithmetic: Arithmetic, made: Pass, grad_h_n: Array | None, times: int, number: int) -> None:
        self.arithmetic, self.made, self.times_over, self.number = arithmetic, made, times, number
        self.eta = arithmetic.format.smallest_normal
        self.kind = made.layer.kind
        #: The step that is gone back through.
        self.t = 0
        self.grad_h_n = np.zeros(made.h_0.mid.shape) if grad_h_n is None else grad_h_n
        shape = (*made.states.mid.shape[:-1], made.layer.w_hh.shape[-2])
        #: Of the sums of all gates, (directions, T, B, rows); and of their sides of the state, where those differ.
        self.grad_a = Ball(np.empty(shape), np.empty(shape))
        self.grad_state = Ball(np.empty(shape), np.empty(shape)) if self.kind.reset else self.grad_a
        #: A power of two that divides all of a direction's, (directions, 1, 1, 1); 0 where one is not exact.
        self.grain = np.full((len(made.states.mid), 1, 1, 1), np.inf)

    @cached_property
    def derivative(self) -> Ball:
        """The derivative of the activation at every step, of cells that have one."""
        return self.slope()

    def slope(self) -> Ball:
        """Return the activation's derivative at every step."""
        return cast("Ball", self.made.layer.config.activation.slope(self.arithmetic, self.made.states))

    def recurrent(self) -> Array:
        """Return W_hh, (directions, H, H), through which gradients go back."""
        return self.made.layer.w_hh

    def carried(self, before: Sum, t: int) -> Sum:
        """Return what goes back from step t to the state before it."""
        return before

    def sent(self, back: Back) -> Back:
        """Return what goes back from a step."""
        return back

    def run(self, above: Sum) -> tuple[Ball, Sum]:
        """Go back from the output's gradient, (T, B, directions * H), to the gradients of h_0 and of the input."""
        directions, steps = self.made.states.mid.shape[:2]
        asked = self.of_whole_state(above.each(lambda part: split(part, directions)))
        products = products_with(self.arithmetic, self.recurrent())[0]
        carry = given(self.arithmetic, self.grad_h_n)
        for t in reversed(range(steps)):
            self.t = t
            total = asked.each(lambda part, t=t: part[:, t]).plus(carry)  # type: ignore[misc]
            back = self.sent(self.kind.back(self, total, self.before(t)))
            sides = [concatenated(sums, -1) for sums in (back.sums, back.state_sums) if sums is not None]
            grain_a = self.grains_of(sides)
            before = products(sides[-1], grain_a)
            if back.straight is not None:
                before = before.plus(back.straight)
            if back.others:
                before = side_by_side([before, *map(gates.term, back.others)])
            before = self.carried(before, t)
            if self.made.valid is not None:
                valid = self.made.valid[:, t]
                before = before.where(valid, carry)
                sides = [Ball(*(np.where(valid, part, 0.0) for part in side)) for side in sides]
                grain_a = np.where(valid, grain_a, np.inf)
            self.grain = np.minimum(self.grain, grain_a.min(1, initial=np.inf)[:, None, None])
            for kept, side in zip((self.grad_a, self.grad_state), sides, strict=False):
                kept.mid[:, t], kept.rad[:, t] = side
            carry = before
        return close(self.arithmetic, carry.repeated(self.times_over)), self.of_input()

    def of_whole_state(self, asked: Sum) -> Sum:
        """Return what is asked of the outputs beside zeros for the parts of the state that are none."""
        others = len(self.kind.states) - 1
        if not others:
            return asked
        return side_by_side([asked, *[given(self.arithmetic, np.zeros(asked.mid.shape))] * others])

    def before(self, t: int) -> Ball:
        """Return the state before step t."""
        return at(self.made.states, t - 1) if t else self.made.h_0

    def grains_of(self, sides: Sequence[Ball]) -> Array:
        """Return the grains of a step's gradients, of both sides."""
        return self._grains if self.kind is ELMAN else np.minimum.reduce([grains(side) for side in sides])

    def times_slope(self, grad_h: Sum) -> Ball:
        """Return the gradient of the pre-activation, and note the grains of its rows: 0 where one has none."""
        closed = close(self.arithmetic, grad_h, goes_on=True)
        mid, rad = self.derivative.mid[:, self.t], self.derivative.rad[:, self.t]
        size, slope = np.abs(closed.mid) + closed.rad, np.abs(mid) + rad
        is_zero = ((size == 0) & np.isfinite(slope)) | ((slope == 0) & np.isfinite(size))
        exact = is_zero | (is_exact(self.arithmetic, grad_h) & (rad == 0) & (mid == 1))
        spread = size * rad + closed.rad * np.abs(mid)
        rounded = self.arithmetic.gamma(np.ones(())) * size * slope + self.eta * (1 + size + slope)
        grad_a = Ball(closed.mid * mid, np.where(is_zero, 0.0, spread + rounded))
        quantum = np.where(is_zero, np.inf, grad_h.quantum).min(-1, keepdims=True, initial=np.inf)
        self._grains = np.where(exact.all(-1, keepdims=True), quantum, 0.0)
        return free_where_undefined(grad_a)

    def gate(self, name: str) -> Ball:
        """Return what the step made under a name."""
        return at(self.made.gates[name], self.t)

    def parts(self, state: Ball | Sum) -> tuple[Any, ...]:
        """Return the parts of a state, or of what comes back to it."""
        return parts_of(state, self.made.layer.config)

    def finished(self, total: Sum, *terms: Ball) -> Ball:
        """Return a sum with these terms beside, which goes on."""
        return close(self.arithmetic, reduce(Sum.plus, map(gates.term, terms), total), goes_on=True)

    def times(self, *factors: Ball) -> Ball:
        """Return a product."""
        return gates.times(self.arithmetic, *factors)

    def products(self, *terms: tuple[Ball, ...]) -> list[Ball]:
        """Return several products, computed at once."""
        return gates.products(self.arithmetic, *terms)

    def slope_of_tanh(self, n: Ball) -> Ball:
        """Return the derivative of a tanh whose result is n."""
        return self.arithmetic.one_minus_square(n)

    def slope_of_sigmoid(self, z: Ball) -> Ball:
        """Return the derivative of a sigmoid whose result is z."""
        return gates.slope_of_sigmoid(self.arithmetic, z)

    def mix_back(self, grad: Sum, z: Ball, n: Ball, h: Ball) -> tuple[Ball, Ball, Sum]:
        """Return what goes back to z, n and h."""
        return gates.mix_back(self.arithmetic, grad, z, n, h)

    def of_input(self) -> Sum:
        """Return the gradient of the layer's input, (T, B, features): the sum over its directions."""
        products = products_with(self.arithmetic, self.made.layer.w_ih)[0].at_every_step()
        return self.to_input(products(self.grad_a, self.grain))

    def to_input(self, both: Sum) -> Sum:
        """Add up what the directions send back, in the order of time."""
        whole = both.whole()
        ways = [
            whole.each(lambda part, d=d: part[d, :: -1 if d else 1])  # type: ignore[misc]
            for d in range(len(both.mid))
        ]
        total = ways[0] if len(ways) == 1 else ways[0].plus(ways[1])
        if self.made.valid is None:
            return total
        return total.where(self.made.valid[0], given(self.arithmetic, np.zeros(total.mid.shape)))

    def read(self) -> Ball:
        """Return the state that W_hh reads at each step."""
        return heard(one_before(self.made.h_0, self.made.states), self.made.layer.config)

    def of_parameters(self, bias: bool) -> dict[str, Ball]:
        """Return the gradients of the parameters by role, each leading with the direction."""
        found = {"weight_ih": (self.grad_a, self.made.x), "weight_hh": (self.grad_state, self.read())}
        if bias:
            found |= {"bias_ih": (self.grad_a, self.ones())}
        if bias and self.kind.reset:
            found |= {"bias_hh": (self.grad_state, self.ones())}
        balls = {
            role: close(self.arithmetic, self.outer(grad, read, self.grain[..., 0]).repeated(self.times_over))
            for role, (grad, read) in found.items()
        }
        for role in ("bias_ih", "bias_hh") if bias else ():
            # Where the sums of both sides are the same, so are the gradients of both biases.
            balls[role] = Ball(*(part[..., 0] for part in balls[role])) if role in found else balls["bias_ih"]
        return balls

    def ones(self) -> Ball:
        """Return the ones that biases are multiplied by."""
        return exact(np.ones((*self.grad_a.mid.shape[:3], 1)))

    def outer(self, g: Ball, v: Ball, g_grain: Array) -> Sum:
        """Sum g[t, b, j] v[t, b, k] over t and b, all g of this grain: (directions, H, n)."""
        if self.made.valid is not None:
            v = Ball(*(np.where(self.made.valid, part, 0.0) for part in v))
        terms = v.mid.shape[1] * v.mid.shape[2]
        (g_mid, g_rad), (v_mid, v_rad) = (
            [part.reshape(len(part), terms, part.shape[-1]) for part in ball] for ball in (g, v)
        )
        g_mid, g_rad = g_mid.swapaxes(-1, -2), g_rad.swapaxes(-1, -2)
        quantum = quantum_of_products(g_grain, grains(Ball(v_mid, v_rad), -2), self.eta)
        g_size, v_size = np.abs(g_mid) + g_rad, np.abs(v_mid) + v_rad
        rad = g_rad @ v_size + np.abs(g_mid) @ v_rad
        lost = self.eta * (terms + g_size.sum(-1)[..., None] + v_size.sum(-2)[:, None, :])
        return Sum(quantum, g_mid @ v_mid, rad, g_size @ v_size, np.array(float(terms)), lost)


def side_by_side(sums: Sequence[Sum]) -> Sum:
    """Return sums one behind the other along the last axis."""
    return Sum(*(np.concatenate(parts, -1) for parts in zip(*(each.whole() for each in sums), strict=True)))


def at(ball: Ball, t: int) -> Ball:
    """Return a step of balls that lead with direction and time."""
    return Ball(ball.mid[:, t], ball.rad[:, t])


def one_before(h_0: Ball, states: Ball) -> Ball:
    """Return the state that each step reads: h_0, then every state but the last."""
    pairs = zip(h_0, states, strict=True)
    return Ball(*(np.concatenate([start[:, None], after[:, :-1]], 1) for start, after in pairs))


def split(joined: Array, directions: int) -> Array:
    """Split (T, B, directions * H), in order of time, into (directions, T, B, H), each in its order of processing."""
    halves = np.split(joined, directions, -1)
    return np.stack([half[:: -1 if d else 1] for d, half in enumerate(halves)])
