"""A case varied in several axes at once: what was claimed of each alone is withdrawn where it is not so."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TypeAlias

from rnn_parity.contract.changes import Sizes, sized, sizes_of
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.finding.claims import Claim, Point, of_quantities
from rnn_parity.tests.judge.finding.one_axis import LARGEST, OneAxis
from rnn_parity.tests.judge.finding.varied import Varied

#: Of cases in which several axes differ: how many choices with which each passes are tried beside all others; how many
#: are drawn in which all differ, with sizes up to which; how many in which sizes alone do, with sizes up to which; on
#: how many fills each is judged; how many that contradict are told, and how many are looked at.
_PASSING, _DRAWN, _SMALL, _DRAWN_SIZES, _VARIED, _TRIES_TOGETHER, _TOLD, _REDUCED = 2, 12, 12, 24, 6, 1, 2, 6
#: Where several products and sums fit, how often cases are looked for that tell them apart, and how many.
_ROUNDS, _TELLING = 4, 6
#: Options of which one undoes what the other does.
_BOTH_OF_LENGTHS = {"lengths", "order of lengths"}
_VERBS = {True: "fails", False: "passes"}
#: Values of all axes, and whether it fails there.
Judged: TypeAlias = tuple[Point, bool]


class SeveralAxes:
    """What is needed, and what makes no difference, once several axes of a case were varied at once.

    What is needed is said where no case in which two axes differ, or many, says otherwise. Where one does, a product or
    a sum of sizes may be what counts; else what happened is told as it happened.
    """

    def __init__(self, varied: Varied, alone: OneAxis) -> None:
        self._varied, self._alone = varied, alone
        self.claims, self.indifferent = alone.claims, alone.indifferent
        #: What happened where axes matter together, in sentences.
        self.facts: list[str] = []
        #: Whether there was time for it.
        self.finished = not (self.claims or self.indifferent) or self._together()

    @cached_property
    def _own(self) -> dict[str, int | str]:
        """The values of the case itself."""
        case, written = self._varied.case, repr(self._varied.case)
        labels = {
            name: next((label for label, change in option.choices.items() if repr(change(case)) == written), "")
            for name, option in self._alone.options.items()
        }
        return {**sizes_of(case)._asdict(), **labels}

    def _together(self) -> bool:
        """Withdraw what is not so where several axes differ; whether there was time for it."""
        judged: list[Judged] = []
        for points in self._points():
            judged += [(point, failed) for point in points if (failed := self._fails_at(point)) is not None]
            if of_sizes := {axis for point, _ in self._contradicted(judged) for axis in self._sizes_changed(point)}:
                self._quantity(judged, of_sizes)
        contradicted = [self._reduced(found) for found in self._contradicted(judged)[:_REDUCED]]
        doubtful = {axis for point, _ in contradicted for axis in self._changed(point)}
        self.facts = list(self._happened(contradicted))
        self.claims = [claim for claim in self.claims if not claim.axes & doubtful]
        self.indifferent = {name: tried for name, tried in self.indifferent.items() if name not in doubtful}
        return not self._varied.over()

    def _points(self) -> tuple[list[Point], ...]:
        """Return combinations of two axes, one of which makes it pass, and of many, with which it should fail.

        First what is known to be taken for one another: sizes, and how tensors lie.
        """
        pairs = [
            point
            for axis, tried in self._alone.values.items()
            for value in _nearest([value for value, failed in tried.items() if not failed], self._own[axis])
            for point in self._beside(axis, value)
        ]
        first = [point for point in pairs if _are_confounded(self._changed(point))]
        rest = [point for point in pairs if not _are_confounded(self._changed(point))]
        return first, [*self._drawn(), *rest]

    def _drawn(self) -> Iterator[Point]:
        draw = random.Random(0)
        failing = {axis: [v for v, failed in tried.items() if failed] for axis, tried in self._alone.values.items()}
        small = {axis: [v for v in values if not isinstance(v, int) or v <= _SMALL] for axis, values in failing.items()}
        for _ in range(_DRAWN):
            yield {axis: draw.choice(values) if (values := small[axis]) else self._own[axis] for axis in self._own}

    def _beside(self, axis: str, value: int | str) -> Iterator[Point]:
        for other, tried in self._alone.values.items():
            if other == axis:
                continue
            here, there = self._own[axis], self._own[other]
            beside = sorted((v for v in tried if v != there), key=partial(_distance, own=there))
            if isinstance(value, int) and isinstance(here, int) and isinstance(there, int):
                # The product or the sum of both as it was.
                kept = {-(-here * there // max(1, value)), there + here - value}
                beside = [*(size for size in sorted(kept - {there}) if 0 < size <= LARGEST), *beside[:1]]
            yield from ({**self._own, axis: value, other: v} for v in beside)

    def _fails_at(self, point: Point) -> bool | None:
        """Return whether it fails there; None where such a case cannot be made or judged."""
        return self._varied.tried("", lambda case: self._at(point, case), _TRIES_TOGETHER)

    def _at(self, point: Point, case: Case) -> Case:
        """Change a case to all these values.

        Raises:
            ValueError: they do not go together.
        """
        if set(self._changed(point)) >= _BOTH_OF_LENGTHS:
            raise ValueError("the order of lengths is that of other lengths")
        sizes = Sizes(*(int(point[name]) for name in Sizes._fields))
        case = sized(**sizes._asdict())(case)
        for name in self._changed(point):
            if name in self._alone.options:
                case = self._alone.options[name].choices[str(point[name])](case)
        if sizes_of(case) != sizes:
            raise ValueError(f"no case of {point}")
        return case

    def _reduced(self, judged: Judged) -> Judged:
        """Reduce a contradiction of what is claimed to as few axes as it takes."""
        point, failed = judged
        for axis in self._changed(point):
            plainer = {**point, axis: self._own[axis]}
            if (found := self._fails_at(plainer)) is not None and self._contradicted([(plainer, found)]):
                point, failed = plainer, found
        return point, failed

    def _contradicted(self, judged: Sequence[Judged]) -> list[Judged]:
        return [(point, failed) for point, failed in judged if failed != all(c.holds(point) for c in self.claims)]

    def _quantity(self, judged: Sequence[Judged], doubtful: set[str]) -> None:
        """Put a product or a sum of sizes in the place of what was claimed of each, where one fits all cases."""
        names = sizes_of(self._varied.case)._fields
        mine = [claim for claim in self.claims if claim.axes <= set(names) and claim.axes & doubtful]
        if not mine:
            return
        rest = [claim for claim in self.claims if claim not in mine]
        alone = [({**self._own, name: v}, failed) for name in names for v, failed in self._alone.values[name].items()]
        draw = random.Random(1)
        drawn = [{**self._own, **{name: draw.randint(1, _VARIED) for name in names}} for _ in range(_DRAWN_SIZES)]
        more = [(point, failed) for point in drawn if (failed := self._fails_at(point)) is not None]
        known = [found for found in (*judged, *alone, *more) if all(claim.holds(found[0]) for claim in rest)]
        for _ in range(_ROUNDS):
            by_size = [({name: int(point[name]) for name in names}, found) for point, found in known]
            fitting = list(of_quantities(by_size))
            if len(fitting) < 2:
                break
            telling = [point for point in self._grid(fitting) if len({claim.holds(point) for claim in fitting}) > 1]
            chosen = draw.sample(telling, min(_TELLING, len(telling)))
            known += [(point, failed) for point in chosen if (failed := self._fails_at(point)) is not None]
        # Where several fit, which of them it is is not known.
        if len(fitting) == 1:
            self.claims = [*fitting, *rest]
            self.indifferent = {name: tried for name, tried in self.indifferent.items() if name not in fitting[0].axes}

    def _happened(self, contradicted: Sequence[Judged]) -> Iterator[str]:
        """Yield a sentence for each of the first few contradictions: what happens there, and at each axis alone."""
        told: set[frozenset[str]] = set()
        for point, failed in sorted(contradicted, key=lambda judged: len(self._changed(judged[0]))):
            axes = frozenset(self._changed(point))
            if any(axes & before for before in told) or len(axes) > 2 or len(told) == _TOLD:
                continue
            told.add(axes)
            alone = {axis: self._alone.values[axis].get(point[axis]) for axis in axes}
            places = {axis: self._in_words(axis, point[axis]) for axis in sorted(axes)}
            single = [f"{_VERBS[bool(v)]} where {places[axis]}" for axis, v in sorted(alone.items()) if v is not None]
            both = f"{_VERBS[failed]} where {listed(list(places.values()))}"
            yield f"Together matter {listed(sorted(axes))}: it {listed([*single, both], ', and ')}."

    def _in_words(self, axis: str, value: int | str) -> str:
        return f"{axis} = {value}" if isinstance(value, int) else f"{self._alone.options[axis].says}{value}"

    def _changed(self, point: Point) -> list[str]:
        return [axis for axis in self._own if self._own[axis] != point[axis]]

    def _sizes_changed(self, point: Point) -> set[str]:
        """Return the sizes that differ, where nothing else differs."""
        changed = set(self._changed(point))
        return changed if changed <= set(Sizes._fields) else set()

    def _grid(self, claims: Sequence[Claim]) -> Iterator[Point]:
        """Small sizes in every combination, of the axes that some claims are about."""
        axes = sorted(frozenset[str]().union(*(claim.axes for claim in claims)))
        for sizes in itertools.product(range(1, _VARIED + 1), repeat=len(axes)):
            yield {**self._own, **dict(zip(axes, sizes, strict=True))}


def _are_confounded(axes: Sequence[str]) -> bool:
    return set(axes) <= set(Sizes._fields) or set(axes) == {"layout", "memory"}


def _nearest(values: Sequence[int | str], own: int | str) -> Sequence[int | str]:
    """Return the size nearest to the case's own; or all choices, up to a few."""
    if isinstance(own, int):
        return sorted(values, key=lambda value: _distance(value, own))[:1]
    return values[:_PASSING]


def _distance(value: int | str, own: int | str) -> int:
    return abs(value - own) if isinstance(value, int) and isinstance(own, int) else 0
