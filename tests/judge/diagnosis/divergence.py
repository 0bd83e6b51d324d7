"""The first wrong number in the order of computation, with the sum that leads to it in the case's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from rnn_parity.contract import ACTIVATIONS, ELMAN, Array
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.reference.forward import Pass, layer_passes
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.evidence import Look
from rnn_parity.tests.judge.diagnosis.first_gradient import first_gradient
from rnn_parity.tests.judge.diagnosis.first_wrong import NOTHING, TERMS, Divergence, both, factor, is_near, short
from rnn_parity.tests.judge.diagnosis.gates_in_text import GatesInText
from rnn_parity.tests.judge.trial.verdict import error_over_bound

#: So many other failing cases may refute what is said of a number.
_OTHERS = 24


Products: TypeAlias = list[tuple[float, float]]


class _Sum(NamedTuple):
    """The terms of one pre-activation: the factors of products, and the biases."""

    input: Products
    b_ih: float
    state: Products
    b_hh: float
    nonlinearity: str
    bias: bool

    def value(self, *, input: float = 1, b_ih: float = 1, state: float = 1, b_hh: float = 1, act: str = "") -> float:
        """Return the new state: each group of terms times its count, added up, through an activation."""
        step = _InNumbers(self, (input, state), (b_ih, b_hh), act or self.nonlinearity)
        with np.errstate(all="ignore"):
            return float(ELMAN.step(step, self.state))


class _InNumbers(NamedTuple):
    """The algebra of numbers in which each group of terms counts so many times; a state is its products with W_hh."""

    terms: _Sum
    products: tuple[float, float]
    biases: tuple[float, float]
    nonlinearity: str

    def affine(self, gate: str, h: Products) -> float:
        """Add up the groups; what counts 0 times adds nothing, not even a NaN."""
        total = np.float64(0.0)
        for times, terms in zip(self.products, (self.terms.input, h), strict=True):
            total = total + (sum(w * v for w, v in terms) * times if times else 0.0)
        for times, bias in zip(self.biases, (self.terms.b_ih, self.terms.b_hh), strict=True):
            total = total + (bias * times if times else 0.0)
        return total

    def activated(self, a: float) -> float:
        """Return the activation of a sum; the sum itself where it is to be none."""
        return a if self.nonlinearity == "none" else float(ACTIVATIONS[self.nonlinearity].plain(a))


class _InText(NamedTuple):
    """The algebra of text, in a case's own numbers; a state is its products with W_hh."""

    terms: _Sum

    def affine(self, gate: str, h: Products) -> str:
        """Write the sum out: the products of W_ih x, b_ih, the products of W_hh h, b_hh."""
        biases = [short(self.terms.b_ih), short(self.terms.b_hh)] if self.terms.bias else []
        return " + ".join([_products(self.terms.input), *biases[:1], _products(h), *biases[1:]])

    def activated(self, a: str) -> str:
        """Write the activation around its sum."""
        return f"{self.terms.nonlinearity}({a})"


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
    """Where a state is wrong, in the order of computation: a part that another is made of comes before it."""

    layer: int
    way: int
    t: int
    b: int
    unit: int
    #: The part of the state, from the last one down: 0 is h.
    part: int = 0


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
    hint = [f"  {NOTHING if words == NOTHING else f'{found.got} is what it would be {words}'}" for words in instead[:1]]
    return [*found.lines, *hint]


def _alike(look: Look, others: Sequence[Look]) -> Iterator[Look]:
    """Those in which the first wrong number is the first that is computed, too: of no more layers."""
    layers = look.case.config.num_layers
    kept = [other for other in others if other is not look and other.case.config.num_layers <= layers]
    yield from kept[:_OTHERS]


def _located(look: Look) -> Divergence | None:
    if look.right is None or look.seen.error or look.is_right or next(wrong_shapes(look), ""):
        return None
    found = min(_wrong_states(look), default=None, key=lambda pair: pair[0])
    if found is not None:
        return _written_out(look, *found)
    return first_gradient(look) if look.case.has_cotangents else None


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
    finals = [f"{state}_n" for state in config.kind.states]
    for name in ("output", *finals):
        if name not in look.seen.parts:
            continue
        ball, got = (
            Ball(*(_time_major(case, name, part) for part in look.right.parts[name])),
            _time_major(case, name, look.seen.parts[name]),
        )
        for index in np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK)):
            first, b, unit = (int(i) for i in index)
            if name in finals:
                layer, way = divmod(first, config.num_directions)
                t = (case.lengths[b] if case.lengths else case.steps) - 1
            else:
                layer, (way, unit) = config.num_layers - 1, divmod(unit, config.hidden_size)
                t = case.steps - 1 - first if way else first
            part = -finals.index(name) if name in finals else 0
            yield _Place(layer, way, t, b, unit, part), (float(got[tuple(index)]), float(ball.rad[tuple(index)]))


def _time_major(case: Case, name: str, part: Array) -> Array:
    if case.unbatched:
        return part[:, None]
    return part.swapaxes(0, 1) if case.config.batch_first and name == "output" else part


def _written_out(look: Look, place: _Place, seen: tuple[float, float]) -> Divergence:
    case = look.case
    passes = layer_passes(case, look.rounding)
    made = passes[place.layer]
    if case.config.kind is not ELMAN:
        return _written_with_gates(case, made, place, seen)
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
    said, found = both(expected, got)
    line = f"{_name(case, place)} = {ELMAN.step(_InText(terms), terms.state)} = {said}, got {found}"
    instead = [
        words for words, value in INSTEAD.items() if is_near(value(terms), got, allowed) and value(terms) != expected
    ]
    return Divergence("h", [line], found, instead)


def _written_with_gates(case: Case, made: Pass, place: _Place, seen: tuple[float, float]) -> Divergence:
    """Write the last line of a gated cell's step, with its gates in numbers."""
    kind, at = case.config.kind, (place.way, place.t, place.b, place.unit)
    before = made.states.mid[place.way, place.t - 1] if place.t else made.h_0.mid[place.way]
    gates = {name: short(made.gates[name].mid[at]) for name in kind.gates}
    units = [place.unit + part * case.config.hidden_size for part in range(len(kind.states))]
    olds = [factor(float(before[place.b, unit])) for unit in units]
    news = [float(made.states.mid[(*at[:-1], unit)]) for unit in units]
    said, found = both(news[-place.part], seen[0])
    step = GatesInText(
        {name: f"({text})" if text.startswith("-") else text for name, text in gates.items()}
        | {f"tanh_{state}": f"tanh({short(new)})" for state, new in zip(kind.states, news, strict=True)}
    )
    formula = kind.step(step, olds if len(olds) > 1 else olds[0])
    if len(olds) > 1:
        formula = formula[-place.part]
    lines = [
        f"{_name(case, place)} = {formula} = {said}, got {found}",
        f"  with {', '.join(f'{name} = {text}' for name, text in gates.items())}",
    ]
    return Divergence("h", lines, found, [])


def _name(case: Case, place: _Place) -> str:
    t = case.steps - 1 - place.t if place.way and case.lengths is None else place.t
    where = [f"layer {place.layer}"] * (case.config.num_layers > 1) + ["reverse"] * place.way
    axes = [f"t={t}"] + [f"b={place.b}"] * (case.batch_size > 1) + [f"unit {place.unit}"]
    return f"{case.config.kind.states[-place.part]}[{', '.join(where + axes)}]"


def _products(terms: Products) -> str:
    shown = terms if len(terms) <= TERMS else [(w, v) for w, v in terms if w and v]
    said = [f"{factor(w)}*{factor(v)}" for w, v in shown[:TERMS]]
    if len(shown) > TERMS:
        said.append(f"... ({len(shown) - TERMS} more)")
    return " + ".join(said) or "0"
