"""Bug models of an activation that is wrong in a range: the range, and what comes there, are read off its own numbers.

What a layer read and what it returned are known where there is one layer. So its activation is: pairs of a
pre-activation and a state. The wrong ones tell what comes in the place of the right, and where; the bound between them
and the right ones is looked for with cases made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np

from rnn_parity import Config
from rnn_parity.contract import DTYPES, ELMAN, NONLINEARITIES, Array
from rnn_parity.contract.case import round_to
from rnn_parity.reference.balls import FORMATS, Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, Look
from rnn_parity.tests.judge.diagnosis.model import Model
from rnn_parity.tests.judge.diagnosis.narrowing import Probed, between, narrowed
from rnn_parity.tests.judge.diagnosis.wiring import Step, Wiring, only_for, sum_of

Mask = np.typing.NDArray[np.bool_]
#: Roundings granted to a state that was computed by other means.
_ROUNDINGS = 32.0
#: A bound is told where it is known to this part.
_SHARP = 0.02
#: Whole blocks of lanes are of these sizes.
_LANES = range(2, 65)
#: So many rows are looked at beyond a bound.
_BATCHES, _LATER_BATCHES = (1, 3, 7, 16), (2, 5, 12, 20)


class Pairs(NamedTuple):
    """Pre-activations and the states that came of them, element by element."""

    a: Array
    h: Array
    right: Array
    #: How far a state may be from a formula's value and still be it.
    near: Array
    #: The place of each in its batch, its hidden units, and both counted through; and how many there are of each.
    places: Array
    sizes: Array

    @property
    def wrong(self) -> Mask:
        """Which are not what they should be."""
        return ~_is(self.h, self.right, self.near)


def _is(h: Array, value: Array, near: Array) -> Mask:
    with np.errstate(all="ignore"):
        found: Mask = (np.abs(h - value) <= near) | (h == value) | (np.isnan(h) & np.isnan(value))
        return found


class Range(NamedTuple):
    """Pre-activations beyond a bound: what is compared with it, one that comes to that, and the bound in words."""

    measure: Callable[[Array], Array]
    back: Callable[[Array], Array]
    ends: Callable[[float, float], tuple[float, float]]


def _same(low: float, high: float) -> tuple[float, float]:
    return low, high


def _turned(low: float, high: float) -> tuple[float, float]:
    return -high, -low


RANGES: dict[str, Range] = {
    "where a is more than {}": Range(np.positive, np.positive, _same),
    "where a is less than {}": Range(np.negative, np.negative, _turned),
    "where |a| is more than {}": Range(np.abs, np.positive, _same),
    "where |a| is less than {}": Range(lambda a: -np.abs(a), np.negative, _turned),
}


class Value(NamedTuple):
    """What comes in the place of the right: in words, as a function of a, and how far it is known."""

    words: str
    of: Callable[[Array], Array]
    near: float = 0.0


#: In words that follow "is".
VALUES: dict[str, Callable[[Array], Array]] = {
    "NaN": lambda a: np.full(a.shape, np.nan),
    "1 or -1": np.sign,
    "a": lambda a: a,
    "0": lambda a: 0 * a,
}
#: The axis of places, and what is said of it.
AXES = ("rows of the batch", "hidden units", "the batch's hidden units, counted through,")


def models(evidence: Evidence, looks: Sequence[Look]) -> Iterator[Model]:
    """Yield what the looks determine of an activation that is wrong in a range; nothing where they show none."""
    for nonlinearity in NONLINEARITIES:
        # Dtypes in which nothing is wrong are told apart by a condition.
        measured = [(look, pairs) for look in looks if (pairs := _pairs(look, nonlinearity)) is not None]
        dtypes = {look.case.config.dtype for look, pairs in measured if pairs.wrong.any()}
        kept = [pairs for look, pairs in measured if look.case.config.dtype in dtypes]
        if kept:
            pairs = Pairs(*(np.concatenate(parts) for parts in zip(*kept, strict=True)))
            config = Config(1, 1, nonlinearity=nonlinearity, dtype=min(dtypes, key=DTYPES.index))
            yield from _ranges(evidence, config, pairs)


def _pairs(look: Look, nonlinearity: str) -> Pairs | None:
    case, config = look.case, look.case.config
    if (
        config.kind is not ELMAN
        or config.nonlinearity != nonlinearity
        or config.num_layers > 1
        or case.lengths
        or look.seen.error
        or not case.finite
    ):
        return None
    output = look.seen.parts["output"]
    if look.right is None or output.shape != look.right.parts["output"].mid.shape:
        return None
    output = output[:, None] if case.unbatched else output.swapaxes(0, 1) if config.batch_first else output
    found = [_of_direction(case, half, d) for d, half in enumerate(np.split(output, config.num_directions, -1))]
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _of_direction(case: Case, states: Array, d: int) -> Pairs:
    suffix, order = case.config.suffixes()[d], slice(None, None, -1 if d else 1)
    w_ih, w_hh = (case.weights[f"weight_{role}_{suffix}"] for role in ("ih", "hh"))
    x, states = case.x[order], states[order]
    start = np.zeros(states.shape[1:]) if case.h_0 is None else case.h_0[d]
    before = np.concatenate([start[None], states[:-1]])
    bias = sum(case.weights[f"bias_{role}_{suffix}"] for role in ("ih", "hh")) if case.config.bias else 0.0
    with np.errstate(all="ignore"):
        a = x @ w_ih.T + before @ w_hh.T + bias
        size = np.abs(x) @ np.abs(w_ih).T + np.abs(before) @ np.abs(w_hh).T + np.abs(bias)
        right = case.config.activation.plain(a)
        near = _ROUNDINGS * FORMATS[case.config.dtype].unit_roundoff * (size + np.abs(right))
    b, j = np.indices(states.shape[1:])
    batch, hidden = states.shape[1:]
    places = np.broadcast_to(np.stack([b, j, b * hidden + j], -1), (*states.shape, 3)).reshape(-1, 3)
    sizes = np.broadcast_to([batch, hidden, batch * hidden], places.shape)
    kept = np.isfinite(a).ravel()
    return Pairs(
        *(
            part.reshape(len(kept), *part.shape[3:])[kept] if part.ndim == 3 else part[kept]
            for part in (a, states, right, near, places, sizes)
        )
    )


def _ranges(evidence: Evidence, config: Config, pairs: Pairs) -> Iterator[Model]:
    wrong, nonlinearity = pairs.wrong, config.nonlinearity
    for value in _values(pairs):
        if not _is(pairs.h, value.of(pairs.a), pairs.near)[wrong].all():
            continue
        # Where both formulas come to the same, nothing is told.
        right = ~wrong & ~_is(value.of(pairs.a), pairs.right, 2 * pairs.near)
        for words, found in RANGES.items():
            size = found.measure(pairs.a)
            high = float(size[wrong].min())
            for where, place in _places_between(pairs, wrong, right & (size >= high)):
                low = float(size[right & place(pairs.places, pairs.sizes) & (size < high)].max(initial=-np.inf))
                if not np.isfinite(low):
                    continue
                bounds = narrowed(partial(_probed, evidence, config, found, value.of), low, high)
                if bounds[1] - bounds[0] > _SHARP * max(map(abs, bounds)):
                    continue
                _probe_around(evidence, config, found, bounds[1])
                yield Model.wired(
                    f"{nonlinearity}(a) is {value.words} {words.format(between(*found.ends(*bounds)))}{where}",
                    Wiring(step=only_for(nonlinearity, _step(value, found.measure, bounds, place))),
                    family=f"{nonlinearity}(a) is {value.words} {words}",
                    numbered=True,
                    special=2 + bool(where),
                )


def _values(pairs: Pairs) -> Iterator[Value]:
    """Yield the candidates for the wrong value, and any number that is the same wherever it is wrong."""
    yield from (Value(words, of) for words, of in VALUES.items())
    wrong = np.flatnonzero(pairs.wrong)
    sharpest = wrong[np.argmin(pairs.near[wrong] / np.maximum(np.abs(pairs.h[wrong]), 1e-300))]
    number, near = float(abs(pairs.h[sharpest])), float(pairs.near[sharpest])
    if number == 1.0:
        yield Value("1", lambda a: np.ones(a.shape))
    elif np.isfinite(number) and number:
        yield Value(f"{number:.6g}", lambda a: np.full(a.shape, number), near)
        yield Value(f"{number:.6g} or -{number:.6g}", lambda a: np.sign(a) * number, near)


Place: TypeAlias = Callable[[Array, Array], Mask]


def _places_between(pairs: Pairs, wrong: Mask, right: Mask) -> Iterator[tuple[str, Place]]:
    """Yield the places that are wrong, and none of them right: everywhere, in whole blocks, or beyond them."""
    if not right.any():
        yield "", lambda places, sizes: np.ones(places.shape[:-1], bool)
        return
    for axis, words in enumerate(AXES):
        for k in _LANES:
            for how, place in {
                f", in whole blocks of {k} of {words}": partial(_in_blocks, axis, k),
                f", beyond the last whole block of {k} of {words}": partial(_beyond_blocks, axis, k),
            }.items():
                if (
                    place(pairs.places[wrong], pairs.sizes[wrong]).all()
                    and not place(pairs.places[right], pairs.sizes[right]).any()
                ):
                    yield how.removesuffix(","), place


def _in_blocks(axis: int, k: int, places: Array, sizes: Array) -> Mask:
    return np.asarray(places[..., axis] < sizes[..., axis] // k * k)


def _beyond_blocks(axis: int, k: int, places: Array, sizes: Array) -> Mask:
    return ~_in_blocks(axis, k, places, sizes)


def _step(
    found: Value, measure: Callable[[Array], Array], bounds: tuple[float, float], place: Place
) -> Callable[[Step], Ball]:
    """Another value beyond a bound; anything, where a may be on either side."""
    low, high = bounds

    def step(step: Step) -> Ball:
        a = sum_of(step, step.h)
        right = step.operations.activate(a)
        b, j = np.indices(right.mid.shape)
        batch, hidden = right.mid.shape
        inside = place(
            np.stack([b, j, b * hidden + j], -1), np.broadcast_to([batch, hidden, batch * hidden], (*b.shape, 3))
        )
        size = measure(a.mid)
        with np.errstate(all="ignore"):
            beyond, unsure = size - a.rad >= high, ~(size + a.rad <= low)
            value = found.of(a.mid)
            unit = step.operations.arithmetic.format.unit_roundoff
            near = np.where(
                np.isin(value, (-1.0, 0.0, 1.0)) | np.isnan(value), 0.0, a.rad + found.near + 8 * unit * np.abs(value)
            )
        mid = np.where(inside & beyond, value, right.mid)
        rad = np.where(inside & beyond, near, np.where(inside & unsure, np.inf, right.rad))
        return Ball(mid, rad)

    return step


def _probe_around(evidence: Evidence, config: Config, found: Range, bound: float) -> None:
    """Look on both sides of a bound in every dtype; at other places, once conditions are to be confirmed."""
    dtypes = evidence.implementation.capabilities.dtypes
    for batches, look in ((_BATCHES, evidence.probe), (_LATER_BATCHES, evidence.later.append)):
        for dtype, batch in product(dtypes, batches):
            sizes = bound + abs(bound) * (1 - 1.75 * np.arange(batch) / batch)  # Most beyond it, some before.
            if (case := _case(evidence, replace(config, dtype=dtype), found, sizes)) is not None:
                look(case)


def _probed(evidence: Evidence, config: Config, found: Range, of: Callable[[Array], Array], sizes: Array) -> Probed:
    """Sizes at which the right value comes, and at which another does, of one step with one feature and one unit."""
    case = _case(evidence, config, found, sizes)
    pairs = None if case is None else _pairs(evidence.probe(case), config.nonlinearity)
    if pairs is None:
        return sizes[:0], sizes[:0]
    told = ~_is(of(pairs.a), pairs.right, 2 * pairs.near)
    size = found.measure(pairs.a)
    return size[told & ~pairs.wrong], size[pairs.wrong]


def _case(evidence: Evidence, config: Config, found: Range, sizes: Array) -> Case | None:
    """One step from pre-activations of these sizes; None where the dtype or the claims do not allow it."""
    a = round_to(config.dtype, found.back(sizes))
    case = Case(config, a.reshape(1, -1, 1), weights={"weight_ih_l0": np.ones((1, 1))})
    return case if np.isfinite(a).all() and not evidence.implementation.capabilities.objections(case) else None
