"""The first wrong number in the order of computation, with the sum that leads to it in the case's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from impls.backward import LayerBackward, gradients
from impls.balls import RADIUS_SLACK, Ball
from impls.contract import Array
from impls.reference import layer_passes
from strategies import Case
from tests.judge.diagnosis.evidence import Look
from tests.judge.gradients import in_layout
from tests.judge.verdict import error_over_bound
from tests.judge.wording import number

#: Terms of a sum that are written out; of more, those that are zero are left out, and then the rest.
_TERMS = 6


class _Sum(NamedTuple):
    """The terms of one pre-activation: the factors of products, and the biases."""

    input: list[tuple[float, float]]
    b_ih: float
    state: list[tuple[float, float]]
    b_hh: float
    nonlinearity: str
    bias: bool

    def value(self, *, input: float = 1, b_ih: float = 1, state: float = 1, b_hh: float = 1, act: str = "") -> float:
        """The new state, with each group of terms counted so many times, through an activation."""
        with np.errstate(all="ignore"):
            total = np.float64(0.0)
            for times, terms in ((input, self.input), (state, self.state)):
                total = total + (sum(w * v for w, v in terms) * times if times else 0.0)
            for times, bias in ((b_ih, self.b_ih), (b_hh, self.b_hh)):
                total = total + (bias * times if times else 0.0)
            return float(_ACTIVATIONS[act or self.nonlinearity](total))


_ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "tanh": lambda a: float(np.tanh(a)),
    "relu": lambda a: float(np.maximum(a, 0.0)),
    "none": lambda a: a,
}

#: What the number may be instead: in words that follow "what it would be".
INSTEAD: dict[str, Callable[[_Sum], float]] = {
    "without b_hh": lambda terms: terms.value(b_hh=0),
    "without b_ih": lambda terms: terms.value(b_ih=0),
    "without the biases": lambda terms: terms.value(b_ih=0, b_hh=0),
    "with b_ih twice and no b_hh": lambda terms: terms.value(b_ih=2, b_hh=0),
    "with b_hh twice and no b_ih": lambda terms: terms.value(b_ih=0, b_hh=2),
    "with b_ih twice": lambda terms: terms.value(b_ih=2),
    "with b_hh twice": lambda terms: terms.value(b_hh=2),
    "without W_hh h": lambda terms: terms.value(state=0),
    "without W_ih x": lambda terms: terms.value(input=0),
    "without W_hh h + b_hh": lambda terms: terms.value(state=0, b_hh=0),
    "without an activation": lambda terms: terms.value(act="none"),
    "with relu": lambda terms: terms.value(act="relu"),
    "with tanh": lambda terms: terms.value(act="tanh"),
    "if W_hh h counted twice": lambda terms: terms.value(state=2),
    "if W_hh h were subtracted": lambda terms: terms.value(state=-1),
}


class _Place(NamedTuple):
    layer: int
    way: int
    t: int
    b: int
    unit: int


def first_divergence(look: Look) -> list[str]:
    """Lines that write it out; none where shapes differ, or it raises."""
    if look.right is None or look.seen.error:
        return []
    if any(
        look.seen.parts[name].shape != ball.mid.shape
        for name, ball in look.right.parts.items()
        if name in look.seen.parts
    ):
        return []
    found = min(_wrong_states(look), default=None, key=lambda pair: pair[0])
    if found is not None:
        return _written_out(look, *found)
    return _first_gradient(look) if look.case.has_cotangents and not look.is_right else []


def _wrong_states(look: Look) -> Iterator[tuple[_Place, tuple[float, float]]]:
    """The place, in the order of processing, of every state that is wrong, and what was returned and allowed there."""
    case, config = look.case, look.case.config
    assert look.right is not None
    for name in ("output", "h_n"):
        if name not in look.seen.parts:
            continue
        ball, got = (
            Ball(*(_time_major(case, name, part) for part in look.right.parts[name])),
            _time_major(case, name, look.seen.parts[name]),
        )
        for index in np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK)):
            first, b, unit = (int(i) for i in index)
            if name == "h_n":
                layer, way = divmod(first, config.num_directions)
                t = (case.lengths[b] if case.lengths else case.steps) - 1
            else:
                layer, (way, unit) = config.num_layers - 1, divmod(unit, config.hidden_size)
                t = case.steps - 1 - first if way else first
            yield _Place(layer, way, t, b, unit), (float(got[tuple(index)]), float(ball.rad[tuple(index)]))


def _time_major(case: Case, name: str, part: Array) -> Array:
    if case.unbatched:
        return part[:, None]
    return part.swapaxes(0, 1) if case.config.batch_first and name == "output" else part


def _written_out(look: Look, place: _Place, seen: tuple[float, float]) -> list[str]:
    case = look.case
    passes = layer_passes(case.config, case.weights, case.x, case.h_0, look.rounding, case.lengths)
    made = passes[place.layer]
    x = made.x.mid[min(place.way, len(made.x.mid) - 1), place.t, place.b]
    h = (made.states.mid[place.way, place.t - 1] if place.t else made.h_0.mid[place.way])[place.b]
    layer, unit = made.layer, place.unit
    terms = _Sum(
        list(zip(layer.w_ih[place.way, unit], x, strict=True)),
        float(layer.b_ih[place.way, unit]),
        list(zip(layer.w_hh[place.way, unit], h, strict=True)),
        float(layer.b_hh[place.way, unit]),
        case.config.nonlinearity,
        case.config.bias,
    )
    got, allowed = seen
    expected = float(made.states.mid[place.way, place.t, place.b, unit])
    said, found = _both(expected, got)
    lines = [f"{_name(case, place)} = {case.config.nonlinearity}({_sum(terms)}) = {said}, got {found}"]
    instead = [
        words for words, value in INSTEAD.items() if _is(value(terms), got, allowed) and value(terms) != expected
    ]
    if instead:
        lines.append(f"  {found} is what it would be {instead[0]}")
    return lines


def _is(value: float, got: float, allowed: float) -> bool:
    return abs(value - got) <= 2 * allowed + 1e-12 * abs(got) if np.isfinite(got) else value == got


def _name(case: Case, place: _Place) -> str:
    t = case.steps - 1 - place.t if place.way and case.lengths is None else place.t
    where = [f"layer {place.layer}"] * (case.config.num_layers > 1) + ["reverse"] * place.way
    axes = [f"t={t}"] + [f"b={place.b}"] * (case.batch_size > 1) + [f"unit {place.unit}"]
    return f"h[{', '.join(where + axes)}]"


def _sum(terms: _Sum) -> str:
    """The sum in numbers: the products of W_ih x, b_ih, the products of W_hh h, b_hh."""
    products = [_products(terms.input), _products(terms.state)]
    biases = [_short(terms.b_ih), _short(terms.b_hh)] if terms.bias else []
    groups = [products[0], *biases[:1], products[1], *biases[1:]]
    return " + ".join(groups)


def _products(terms: list[tuple[float, float]]) -> str:
    shown = terms if len(terms) <= _TERMS else [(w, v) for w, v in terms if w and v]
    said = [f"{_factor(w)}*{_factor(v)}" for w, v in shown[:_TERMS]]
    if len(shown) > _TERMS:
        said.append(f"... ({len(shown) - _TERMS} more)")
    return " + ".join(said) or "0"


def _factor(value: float) -> str:
    text = _short(value)
    return f"({text})" if text.startswith("-") else text


def _short(value: float) -> str:
    value = float(value)
    return number(value) if value.is_integer() or not np.isfinite(value) else f"{value:.6g}"


def _both(expected: float, got: float) -> tuple[str, str]:
    """Two numbers, in as many digits as it takes to see that they differ."""
    short = _short(expected), _short(got)
    return short if short[0] != short[1] else (repr(float(expected)), repr(float(got)))


# Gradients


def _first_gradient(look: Look) -> list[str]:
    """The first wrong gradient on the way back: from the last layer down, biases, W_hh, W_ih; then h_0, then x."""
    case = look.case
    recorded: list[LayerBackward] = []

    class Recorded(LayerBackward):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            recorded.append(self)

    arguments = (
        case.config,
        case.weights,
        case.x,
        case.h_0,
        case.grad_output,
        case.grad_h_n,
        look.rounding,
        case.lengths,
    )
    expected = gradients(*arguments, going_back=Recorded)
    for layer in recorded:
        for d, suffix in list(enumerate(case.config.suffixes()[layer.number * case.config.num_directions :]))[
            : case.config.num_directions
        ]:
            for role in ("bias_hh", "bias_ih", "weight_hh", "weight_ih"):
                name = f"{role}_{suffix}"
                if name in expected and (lines := _gradient(look, name, expected[name], layer, d)):
                    return lines
    for name in ("h_0", "x"):
        if name in expected and (lines := _gradient(look, name, in_layout(case, name, expected[name]), None, 0)):
            return lines
    return []


def _gradient(look: Look, name: str, ball: Ball, layer: LayerBackward | None, d: int) -> list[str]:
    got = look.seen.parts[f"gradient of {name}"]
    wrong = np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK))
    if not len(wrong):
        return []
    index = tuple(int(i) for i in wrong[0])
    value, found = float(ball.mid[index]), float(got[index])
    place = f"gradient of {name}[{', '.join(map(str, index))}]"
    expected, returned = _both(value, found)
    terms = [] if layer is None else _terms_of(layer, name, index, d)
    if len(terms) < 2:
        return [f"{place} = {expected}, got {returned}", *_why(terms, found, float(ball.rad[index]), returned)]
    said = " + ".join(_factor(term) for term in terms[:_TERMS])
    more = f" + ... ({len(terms) - _TERMS} more)" if len(terms) > _TERMS else ""
    return [
        f"{place} = {said}{more} = {expected}, got {returned}",
        f"  a term for each step{'' if look.case.batch_size == 1 else ', all rows together,'} as the direction goes",
        *_why(terms, found, float(ball.rad[index]), returned),
    ]


def _why(terms: list[float], got: float, allowed: float, said: str) -> Iterator[str]:
    """What the gradient would be that is the number that came."""
    if got == 0:
        yield "  nothing came back"
        return
    instead = [words for words, other in _OTHERWISE.items() if terms and _is(other(terms), got, allowed)]
    yield from (f"  {said} is what it would be {words}" for words in instead[:1])


_OTHERWISE: dict[str, Callable[[list[float]], float]] = {
    "with the last step only": lambda terms: terms[-1],
    "with the first step only": lambda terms: terms[0],
    "without the first step": lambda terms: sum(terms[1:]),
    "without the last step": lambda terms: sum(terms[:-1]),
    "if it were counted twice": lambda terms: 2 * sum(terms),
    "as a mean over time": lambda terms: sum(terms) / max(1, len(terms)),
    "with the opposite sign": lambda terms: -sum(terms),
}


def _terms_of(layer: LayerBackward, name: str, index: tuple[int, ...], d: int) -> list[float]:
    """What each step adds to a parameter's gradient, rows of the batch summed up."""
    grad_a = layer.grad_a.mid[d, :, :, index[0]]
    if name.startswith("bias"):
        return [float(term) for term in grad_a.sum(1)]
    read = layer.read().mid[d] if name.startswith("weight_hh") else layer.made.x.mid[min(d, len(layer.made.x.mid) - 1)]
    return [float(term) for term in (grad_a * read[..., index[1]]).sum(1)]
