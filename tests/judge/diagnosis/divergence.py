"""The first wrong number in the order of computation, with the sum that leads to it in the case's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from impls.backward import LayerBackward, gradients
from impls.balls import RADIUS_SLACK, Ball
from impls.contract import Array
from impls.reference import layer_passes
from strategies import Case
from tests.judge.base.words import number
from tests.judge.diagnosis.evidence import Look
from tests.judge.trial.gradients import in_layout
from tests.judge.trial.verdict import error_over_bound

#: Terms of a sum that are written out; of more, those that are zero are left out, and then the rest.
_TERMS = 6
#: So many other failing cases may refute what is said of a number.
_OTHERS = 24


class _Sum(NamedTuple):
    """The terms of one pre-activation: the factors of products, and the biases."""

    input: list[tuple[float, float]]
    b_ih: float
    state: list[tuple[float, float]]
    b_hh: float
    nonlinearity: str
    bias: bool

    def value(self, *, input: float = 1, b_ih: float = 1, state: float = 1, b_hh: float = 1, act: str = "") -> float:
        """Return the new state: each group of terms times its count, added up, through an activation."""
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


class _Divergence(NamedTuple):
    """A first wrong number: which it is, in lines, and what it may be instead."""

    #: "h", or the role of the parameter whose gradient it is.
    role: str
    lines: list[str]
    #: The number that came, as it is written.
    got: str
    #: Words out of `INSTEAD` or `_OTHERWISE`, or `_NOTHING`.
    instead: list[str]


_NOTHING = "nothing came back"


def first_divergence(look: Look, others: Sequence[Look] = ()) -> list[str]:
    """Lines that write it out; none where shapes differ, or it raises.

    What the number would be instead is said only where it is so in every one of the others that fails in its way.
    """
    found = _located(look)
    if found is None:
        return []
    instead = found.instead
    for other in _alike(look, others):
        if not instead:
            break
        if (located := _located(other)) and located.role == found.role:
            instead = [words for words in instead if words in located.instead]
    hint = [
        f"  {_NOTHING if words == _NOTHING else f'{found.got} is what it would be {words}'}" for words in instead[:1]
    ]
    return [*found.lines, *hint]


def _alike(look: Look, others: Sequence[Look]) -> Iterator[Look]:
    """Those in which the first wrong number is the first that is computed, too: of no more layers."""
    layers = look.case.config.num_layers
    kept = [other for other in others if other is not look and other.case.config.num_layers <= layers]
    yield from kept[:_OTHERS]


def _located(look: Look) -> _Divergence | None:
    if look.right is None or look.seen.error or look.is_right or next(wrong_shapes(look), ""):
        return None
    found = min(_wrong_states(look), default=None, key=lambda pair: pair[0])
    if found is not None:
        return _written_out(look, *found)
    return _first_gradient(look) if look.case.has_cotangents else None


def wrong_shapes(look: Look) -> Iterator[str]:
    """Each result whose shape is wrong, in words."""
    for name, ball in (look.right.parts if look.right else {}).items():
        got = look.seen.parts.get(name)
        if got is not None and got.shape != ball.mid.shape:
            yield f"{name} has shape {got.shape} where {ball.mid.shape} is right"


def telling_shape(looks: Sequence[Look]) -> list[str]:
    """Return a wrong shape on the smallest case whose sizes all differ, so that it tells which axis is which."""
    telling = [look for look in looks if _sizes_differ(look.case) and next(wrong_shapes(look), "")]
    smallest = sorted(telling, key=lambda look: (look.case.x.size * look.case.config.hidden_size, look.case.descriptor))
    return [f"{next(wrong_shapes(look))} ({look.case.descriptor})" for look in smallest[:1]]


def _sizes_differ(case: Case) -> bool:
    sizes = [case.steps, case.batch_size, case.config.hidden_size]
    rows = len(case.config.suffixes())
    seen = sizes[::2] if case.unbatched else sizes
    return min(seen) > 1 and len({*sizes, case.config.input_size}) == 4 and rows not in sizes


def _wrong_states(look: Look) -> Iterator[tuple[_Place, tuple[float, float]]]:
    """Yield every wrong state in order of processing: its place, and what was returned and allowed there."""
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


def _written_out(look: Look, place: _Place, seen: tuple[float, float]) -> _Divergence:
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
    line = f"{_name(case, place)} = {case.config.nonlinearity}({_sum(terms)}) = {said}, got {found}"
    instead = [
        words for words, value in INSTEAD.items() if _is(value(terms), got, allowed) and value(terms) != expected
    ]
    return _Divergence("h", [line], found, instead)


def _is(value: float, got: float, allowed: float) -> bool:
    return abs(value - got) <= 2 * allowed + 1e-12 * abs(got) if np.isfinite(got) else value == got


def _name(case: Case, place: _Place) -> str:
    t = case.steps - 1 - place.t if place.way and case.lengths is None else place.t
    where = [f"layer {place.layer}"] * (case.config.num_layers > 1) + ["reverse"] * place.way
    axes = [f"t={t}"] + [f"b={place.b}"] * (case.batch_size > 1) + [f"unit {place.unit}"]
    return f"h[{', '.join(where + axes)}]"


def _sum(terms: _Sum) -> str:
    """Return the sum in numbers: the products of W_ih x, b_ih, the products of W_hh h, b_hh."""
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


def _first_gradient(look: Look) -> _Divergence | None:
    """Return the first wrong gradient on the way back: from the last layer down, biases, W_hh, W_ih; then h_0, x."""
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
                if name in expected and (found := _gradient(look, name, expected[name], layer, d)):
                    return found
    for name in ("h_0", "x"):
        if name in expected and (found := _gradient(look, name, in_layout(case, name, expected[name]), None, 0)):
            return found
    return None


def _gradient(look: Look, name: str, ball: Ball, layer: LayerBackward | None, d: int) -> _Divergence | None:
    got = look.seen.parts[f"gradient of {name}"]
    wrong = np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK))
    if not len(wrong):
        return None
    index = tuple(int(i) for i in wrong[0])
    value, found = float(ball.mid[index]), float(got[index])
    place = f"gradient of {name}[{', '.join(map(str, index))}]"
    expected, returned = _both(value, found)
    terms = [] if layer is None else _terms_of(layer, name, index, d)
    role = name.rpartition("_l")[0] or name
    instead = [_NOTHING] * (not got.any()) + [
        words for words, other in _OTHERWISE.items() if terms and _is(other(terms), found, float(ball.rad[index]))
    ]
    if len(terms) < 2:
        return _Divergence(role, [f"{place} = {expected}, got {returned}"], returned, instead)
    said = " + ".join(_factor(term) for term in terms[:_TERMS])
    more = f" + ... ({len(terms) - _TERMS} more)" if len(terms) > _TERMS else ""
    lines = [
        f"{place} = {said}{more} = {expected}, got {returned}",
        f"  a term for each step{'' if look.case.batch_size == 1 else ', all rows together,'} as the direction goes",
    ]
    return _Divergence(role, lines, returned, instead)


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
    """Return what each step adds to a parameter's gradient, rows of the batch summed up."""
    grad_a = layer.grad_a.mid[d, :, :, index[0]]
    if name.startswith("bias"):
        return [float(term) for term in grad_a.sum(1)]
    read = layer.read().mid[d] if name.startswith("weight_hh") else layer.made.x.mid[min(d, len(layer.made.x.mid) - 1)]
    return [float(term) for term in (grad_a * read[..., index[1]]).sum(1)]
