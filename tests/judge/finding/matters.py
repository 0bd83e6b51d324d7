"""Which parts of a minimal case matter: one thing at a time is varied, then several, and each case is judged again.

Any failure of the property counts as one, whatever it looks like: what raises at one size and is wrong at another fails
at both. Where one choice makes it raise, and the case did not (or the other way round), that is told beside it.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from impls.isolation import cpu_seconds
from strategies import Case
from tests.judge.base.telling import keep_error
from tests.judge.base.variations import (
    FILLS,
    SPREAD,
    Change,
    Fill,
    Option,
    Sizes,
    batched,
    options_of,
    plain,
    sized,
    sizes_of,
    special_in_words,
    zeros,
)
from tests.judge.base.words import listed
from tests.judge.finding.claims import Claim, Point, of_quantities, of_size
from tests.judge.reduction.counterexample import Counterexample, verdict_on
from tests.judge.trial.trial import Trial

#: Seconds of CPU for one counterexample, and for one of a dear implementation; and how many seconds each may last: what
#: waits for processes or devices takes little of the CPU.
SECONDS, DEAR_SECONDS = 1.5, 10.0
_LASTS = 5.0
#: How many fills a changed case is judged on, beside its own numbers, before it counts as passing.
_TRIES = 3
#: The largest size that is tried, where the case itself is no larger.
_LARGEST = 100
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


def what_matters(counterexample: Counterexample) -> str:
    """Return in a sentence or two when it fails and what has no effect; only what was tried."""
    return Variations(counterexample).told


@dataclass
class Variations:
    """Varied cases around a minimal one, each judged: one axis at a time, and then several at once.

    What is needed is said where no case in which two axes differ, or many, says otherwise. Where one does, a product or
    a sum of sizes may be what counts; else what happened is told as it happened.
    """

    counterexample: Counterexample
    #: The fills with which the case fails.
    fills: list[Fill] = field(default_factory=list)
    #: What is needed: of sizes and options, and of arrays.
    claims: list[Claim] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)
    #: What makes no difference, a size with the range that was tried.
    indifferent: dict[str, str] = field(default_factory=dict)
    #: What fails in another way.
    otherwise: dict[str, list[str]] = field(default_factory=dict)
    #: What happened where axes matter together, in sentences.
    facts: list[str] = field(default_factory=list)
    #: Every case that failed, as the call that did: of some properties another than the case.
    failing: list[Case] = field(default_factory=list)
    #: By axis, whether it failed at each value, all else being as it is.
    _values_of: dict[str, dict[int | str, bool]] = field(default_factory=dict)
    _options_of: dict[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        implementation = self.counterexample.implementation
        seconds = DEAR_SECONDS if implementation.dear else SECONDS
        self._ends = _cpu() + seconds, time.monotonic() + seconds * _LASTS
        self._trial = Trial(implementation, asked_for=self.counterexample.property.name)
        self.case = self.counterexample.case
        values = self._values()
        self._batched()
        self._sizes()
        self._options()
        self._arrays()
        finished = not (self.claims or self.indifferent) or self._together()
        self.told = self._said(values, finished)

    def _said(self, values: str, finished: bool) -> str:
        """Return the sentences; empty where nothing could be tried."""
        needed = [claim.words for claim in self.claims] + self.arrays
        parts = [values, f"as long as {listed(needed, ', and ')}" if needed else ""]
        fails = "Fails" if finished else "With one thing changed at a time, it fails"
        told = [f"{fails} {', '.join(filter(None, parts))}{_otherwise(self.otherwise)}."] if any(parts) else []
        told += self.facts
        told += [f"Tried without difference: {_by_range(self.indifferent)}."] if self.indifferent else []
        if told and not finished:
            told.append("There was no time to change several at once.")
        return " ".join(told)

    # One case, and one change

    def _outcome(self, change: Change, fill: Fill | None) -> str | None:
        """Return the sort of a failure; empty where it passes, None where it cannot be judged or time is over."""
        if self._over():
            return None
        judged = self.counterexample.property
        try:
            # Of another size, a case's own numbers would be others: they are spread before.
            case = change(SPREAD.of(self.case) if fill is SPREAD else self.case)
            case = change(fill.of(case)) if fill and fill is not SPREAD else case
        except ValueError:
            return None  # There is no such case.
        try:
            if not judged.admits(self._trial, case):
                return None
            found = verdict_on(judged, self.counterexample.implementation, case)
        except Exception:
            keep_error()  # It is no verdict.
            return None
        if found is None:
            return ""
        self.failing.append((found.calls or (case,))[-1])
        return _sort(found.kind)

    def _over(self) -> bool:
        return _cpu() > self._ends[0] or time.monotonic() > self._ends[1]

    def _tried(self, name: str, change: Change, tries: int = _TRIES) -> bool | None:
        """Return whether it fails so changed, with its own numbers or one of a few fills; None where not known."""
        fills = self.fills[:tries]
        passed = []
        for fill in (None, *fills):
            outcome = self._outcome(change, fill)
            if outcome:
                if name and outcome != _sort(self.counterexample.disagreement.kind):
                    self.otherwise.setdefault(outcome, []).append(name)
                return True
            passed.append(outcome)
        return None if self._over() or passed.count("") == 0 else False

    # What is varied

    def _values(self) -> str:
        """For how many other inputs it fails."""
        outcomes = {fill: self._outcome(lambda case: case, fill) for fill in FILLS}
        self.fills = [fill for fill, outcome in outcomes.items() if outcome]
        tried = Counter(fill.sort for fill, outcome in outcomes.items() if outcome is not None)
        failed = Counter(fill.sort for fill in self.fills)
        if not self.fills and self._outcome(lambda case: case, SPREAD):
            self.fills = [SPREAD]
        if not tried:
            return ""
        if failed == tried:
            return f"for every input tried ({failed.total()} of {tried.total()})"
        if not failed:
            return f"only for numbers like its own (0 of {tried.total()} others tried)"
        return f"for {', '.join(f'{failed[sort]} of {tried[sort]} {sort}' for sort in tried)} inputs tried"

    def _batched(self) -> None:
        """Vary an unbatched case as a batch of one, where it fails as that, too: B may change then."""
        if self.case.unbatched and self._tried("x is a batch of one", batched):
            self.case = batched(self.case)

    def _options(self) -> None:
        for option in options_of(self.case):
            tried = {label: self._chosen(option, label) for label in option.choices}
            known = {label: failed for label, failed in tried.items() if failed is not None}
            self._options_of[option.name], self._values_of[option.name] = option, dict(known.items())
            fails = [label for label, failed in known.items() if failed]
            passes = [label for label, failed in known.items() if not failed]
            if fails and passes:
                few = len(fails) == 1 or len(passes) > 1
                words = option.says + (" or ".join(fails) if few else f"not {passes[0]}")
                self.claims.append(_of_option(option, words, fails))
            elif len(fails) > 1:
                self.indifferent[option.name] = ", ".join(fails) if len(known) < len(tried) else ""

    def _chosen(self, option: Option, label: str) -> bool | None:
        """Return whether it fails so; None where it passes, and does so by sizes alone that had to change with it."""
        change = option.choices[label]
        failed = self._tried(option.says + label, change)
        if failed is False and (sizes := sizes_of(change(self.case))) != sizes_of(self.case):
            return False if self._tried("", sized(**sizes._asdict())) else None
        return failed

    def _arrays(self) -> None:
        """Find out whether an array may be zero, and may do without special numbers."""
        nonzero = []
        for name, array in self.case.arrays.items():
            if words := special_in_words(array):
                if self._tried(f"{name} is plain", plain(name)) is False:
                    self.arrays.append(f"{name} {words}")
            elif name != "h_0" and self._tried(f"{name} is zero", zeros(name)) is False:
                nonzero.append(name)
        if nonzero:
            self.arrays.append(f"{listed(nonzero)} {'is' if len(nonzero) == 1 else 'are'} not zero")

    def _sizes(self) -> None:
        alone: dict[str, dict[int, bool]] = {}
        for name, own in sizes_of(self.case)._asdict().items():
            tried = {own: True} | dict(self._other_sizes(name, own))
            self._values_of[name] = dict(tried.items())
            if len(tried) == 1:
                continue
            if all(tried.values()):
                self.indifferent[name] = f"{min(tried)} to {max(tried)}"
            elif sum(tried.values()) == 1 and own + 1 in tried:
                alone[name] = tried
            else:
                self.claims.append(of_size(name, tried))
        self._ties(alone)

    def _other_sizes(self, name: str, own: int) -> Iterator[tuple[int, bool]]:
        for size in _near(own):
            failed = self._tried(f"{name} = {size}", sized(**{name: size}))
            if failed is not None:
                yield size, failed

    def _ties(self, alone: dict[str, dict[int, bool]]) -> None:
        """Sizes of which each fails at its own value alone: whether they may change together."""
        own = sizes_of(self.case)._asdict()
        for count in range(2, len(alone) + 1):
            for names in itertools.combinations(list(alone), count):
                if set(names) <= set(alone) and self._tied({name: own[name] for name in names}):
                    self.claims.append(self._tie({name: own[name] for name in names}))
                    alone = {name: tried for name, tried in alone.items() if name not in names}
        self.claims += [of_size(name, tried) for name, tried in alone.items()]

    def _tied(self, sizes: Mapping[str, int]) -> bool:
        larger = [{name: factor * size for name, size in sizes.items()} for factor in (2, 3)]
        return all(self._tried(str(together), sized(**together)) for together in larger)

    def _tie(self, sizes: Mapping[str, int]) -> Claim:
        """Sizes that only change together."""
        (first, least), *others = sizes.items()
        axes = frozenset(sizes)

        def in_step(point: Point) -> bool:
            return all(int(point[name]) * least == int(point[first]) * size for name, size in others)

        if len(set(sizes.values())) > 1:
            return Claim(f"{' : '.join(sizes)} = {' : '.join(map(str, sizes.values()))}", axes, in_step)
        smaller = {name: size - 1 for name, size in sizes.items()}
        equal = " = ".join(sizes)
        if least > 1 and self._tried(equal, sized(**smaller)) is False:
            return Claim(f"{equal} >= {least}", axes, lambda point: in_step(point) and int(point[first]) >= least)
        return Claim(equal, axes, in_step)

    # Several axes at once

    def _together(self) -> bool:
        """Withdraw what is not so where several axes differ; whether there was time for it."""
        own = self._own()
        judged: list[Judged] = []
        contradicted: list[Judged] = []
        for points in self._points(own):
            judged += [(point, failed) for point in points if (failed := self._fails_at(own, point)) is not None]
            if of_sizes := {axis for point, _ in self._contradicted(judged) for axis in _sizes_changed(own, point)}:
                self._quantity(own, judged, of_sizes)
        contradicted = [self._reduced(own, found) for found in self._contradicted(judged)[:_REDUCED]]
        doubtful = {axis for point, _ in contradicted for axis in _changed(own, point)}
        self.facts = list(self._happened(own, contradicted))
        self.claims = [claim for claim in self.claims if not claim.axes & doubtful]
        self.indifferent = {name: tried for name, tried in self.indifferent.items() if name not in doubtful}
        return not self._over()

    def _own(self) -> dict[str, int | str]:
        """Return the values of the case itself."""
        written = repr(self.case)
        labels = {
            name: next((label for label, change in option.choices.items() if repr(change(self.case)) == written), "")
            for name, option in self._options_of.items()
        }
        return {**sizes_of(self.case)._asdict(), **labels}

    def _points(self, own: Point) -> tuple[list[Point], ...]:
        """Return combinations of two axes, one of which makes it pass, and of many, with which it should fail.

        First what is known to be taken for one another: sizes, and how tensors lie.
        """
        pairs = [
            point
            for axis, tried in self._values_of.items()
            for value in _nearest([value for value, failed in tried.items() if not failed], own[axis])
            for point in self._beside(own, axis, value)
        ]
        first = [point for point in pairs if _are_confounded(_changed(own, point))]
        rest = [point for point in pairs if not _are_confounded(_changed(own, point))]
        return first, [*self._drawn(own), *rest]

    def _drawn(self, own: Point) -> Iterator[Point]:
        draw = random.Random(0)
        failing = {axis: [v for v, failed in tried.items() if failed] for axis, tried in self._values_of.items()}
        small = {axis: [v for v in values if not isinstance(v, int) or v <= _SMALL] for axis, values in failing.items()}
        for _ in range(_DRAWN):
            yield {axis: draw.choice(values) if (values := small[axis]) else own[axis] for axis in own}

    def _beside(self, own: Point, axis: str, value: int | str) -> Iterator[Point]:
        for other, tried in self._values_of.items():
            if other == axis:
                continue
            beside = sorted((v for v in tried if v != own[other]), key=lambda v: _distance(v, own[other]))
            if isinstance(value, int) and isinstance(own[axis], int) and isinstance(own[other], int):
                # The product or the sum of both as it was.
                here, there = int(own[axis]), int(own[other])
                kept = {-(-here * there // max(1, value)), there + here - value}
                beside = [*(size for size in sorted(kept - {there}) if 0 < size <= _LARGEST), *beside[:1]]
            yield from ({**own, axis: value, other: v} for v in beside)

    def _fails_at(self, own: Point, point: Point) -> bool | None:
        """Return whether it fails there; None where such a case cannot be made or judged."""
        return self._tried("", lambda case: self._at(own, point, case), _TRIES_TOGETHER)

    def _at(self, own: Point, point: Point, case: Case) -> Case:
        """Change a case to all these values.

        Raises:
            ValueError: they do not go together.
        """
        if set(_changed(own, point)) >= _BOTH_OF_LENGTHS:
            raise ValueError("the order of lengths is that of other lengths")
        sizes = Sizes(*(int(point[name]) for name in Sizes._fields))
        case = sized(**sizes._asdict())(case)
        for name in _changed(own, point):
            if name in self._options_of:
                case = self._options_of[name].choices[str(point[name])](case)
        if sizes_of(case) != sizes:
            raise ValueError(f"no case of {point}")
        return case

    def _reduced(self, own: Point, judged: Judged) -> Judged:
        """Reduce a contradiction of what is claimed to as few axes as it takes."""
        point, failed = judged
        for axis in _changed(own, point):
            plainer = {**point, axis: own[axis]}
            if (found := self._fails_at(own, plainer)) is not None and self._contradicted([(plainer, found)]):
                point, failed = plainer, found
        return point, failed

    def _contradicted(self, judged: Sequence[Judged]) -> list[Judged]:
        return [(point, failed) for point, failed in judged if failed != all(c.holds(point) for c in self.claims)]

    def _quantity(self, own: Point, judged: Sequence[Judged], doubtful: set[str]) -> None:
        """Put a product or a sum of sizes in the place of what was claimed of each, where one fits all cases."""
        names = sizes_of(self.case)._fields
        mine = [claim for claim in self.claims if claim.axes <= set(names) and claim.axes & doubtful]
        if not mine:
            return
        rest = [claim for claim in self.claims if claim not in mine]
        alone = [({**own, name: v}, failed) for name in names for v, failed in self._values_of[name].items()]
        draw = random.Random(1)
        drawn = [{**own, **{name: draw.randint(1, _VARIED) for name in names}} for _ in range(_DRAWN_SIZES)]
        more = [(point, failed) for point in drawn if (failed := self._fails_at(own, point)) is not None]
        known = [found for found in (*judged, *alone, *more) if all(claim.holds(found[0]) for claim in rest)]
        for _ in range(_ROUNDS):
            fitting = list(
                of_quantities([({name: int(point[name]) for name in names}, found) for point, found in known])
            )
            if len(fitting) < 2:
                break
            telling = [point for point in _grid(own, fitting) if len({claim.holds(point) for claim in fitting}) > 1]
            chosen = draw.sample(telling, min(_TELLING, len(telling)))
            known += [(point, failed) for point in chosen if (failed := self._fails_at(own, point)) is not None]
        # Where several fit, which of them it is is not known.
        if len(fitting) == 1:
            self.claims = [*fitting, *rest]
            self.indifferent = {name: tried for name, tried in self.indifferent.items() if name not in fitting[0].axes}

    def _happened(self, own: Point, contradicted: Sequence[Judged]) -> Iterator[str]:
        """Yield a sentence for each of the first few contradictions: what happens there, and at each axis alone."""
        told: set[frozenset[str]] = set()
        for point, failed in sorted(contradicted, key=lambda judged: len(_changed(own, judged[0]))):
            axes = frozenset(_changed(own, point))
            if any(axes & before for before in told) or len(axes) > 2 or len(told) == _TOLD:
                continue
            told.add(axes)
            alone = {axis: self._values_of[axis].get(point[axis]) for axis in axes}
            places = {axis: self._in_words(axis, point[axis]) for axis in sorted(axes)}
            single = [f"{_VERBS[bool(v)]} where {places[axis]}" for axis, v in sorted(alone.items()) if v is not None]
            both = f"{_VERBS[failed]} where {listed(list(places.values()))}"
            yield f"Together matter {listed(sorted(axes))}: it {listed([*single, both], ', and ')}."

    def _in_words(self, axis: str, value: int | str) -> str:
        return f"{axis} = {value}" if isinstance(value, int) else f"{self._options_of[axis].says}{value}"


def _of_option(option: Option, words: str, fails: Sequence[str]) -> Claim:
    return Claim(words, frozenset([option.name]), lambda point: point[option.name] in ("", *fails))


def _changed(own: Point, point: Point) -> list[str]:
    return [axis for axis in own if own[axis] != point[axis]]


def _grid(own: Point, claims: Sequence[Claim]) -> Iterator[Point]:
    """Small sizes in every combination, of the axes that some claims are about."""
    axes = sorted(frozenset[str]().union(*(claim.axes for claim in claims)))
    for sizes in itertools.product(range(1, _VARIED + 1), repeat=len(axes)):
        yield {**own, **dict(zip(axes, sizes, strict=True))}


def _sizes_changed(own: Point, point: Point) -> set[str]:
    """Return the sizes that differ, where nothing else differs."""
    changed = set(_changed(own, point))
    return changed if changed <= set(Sizes._fields) else set()


def _are_confounded(axes: Sequence[str]) -> bool:
    return set(axes) <= set(Sizes._fields) or set(axes) == {"layout", "memory"}


def _nearest(values: Sequence[int | str], own: int | str) -> Sequence[int | str]:
    """Return the size nearest to the case's own; or all choices, up to a few."""
    if isinstance(own, int):
        return sorted(values, key=lambda value: _distance(value, own))[:1]
    return values[:_PASSING]


def _distance(value: int | str, own: int | str) -> int:
    return abs(value - own) if isinstance(value, int) and isinstance(own, int) else 0


def _near(own: int) -> list[int]:
    """Sizes below, around and above: where blocks of a power of two begin and end, and twice and three times that."""
    below = {size for size in (1, 2, 3, own // 2, own - 2, own - 1) if 0 < size < own}
    above = {own + 1, own + 2, own + 3} | {factor * size for factor in (2, 3) for size in (own - 1, own)}
    return sorted(below | {size for size in above if own < size <= max(_LARGEST, own + 1)})


def _sort(kind: str) -> str:
    """Return whether it raised, or returned what is wrong."""
    return kind if kind.startswith("raises") else "wrong"


def _otherwise(found: Mapping[str, list[str]]) -> str:
    """Return in words what else happens where, the first few places of each; empty where nothing else happens."""
    told = []
    for outcome, places in found.items():
        more = f" and {len(places) - 2} more" if len(places) > 2 else ""
        what = "it returns what is wrong" if outcome == "wrong" else f"it {outcome}"
        told.append(f"{what} where {', '.join(places[:2])}{more}")
    return f" ({'; '.join(told)})" if told else ""


def _by_range(tried: Mapping[str, str]) -> str:
    """Names; behind those that have a range, that range, once for neighbours that share it."""
    groups = itertools.groupby(tried.items(), key=lambda item: item[1])
    return ", ".join(", ".join(name for name, _ in group) + (f" ({size})" if size else "") for size, group in groups)


def _cpu() -> float:
    return time.process_time() + cpu_seconds()
