"""Which parts of a minimal case matter: one thing at a time is varied, and judged again.

Any failure of the property counts as one, whatever it looks like: what raises at one size and is wrong at another fails
at both. Where one choice makes it raise, and the case did not (or the other way round), that is told beside it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from impls.isolation import cpu_seconds
from strategies import Case
from tests.judge.counterexample import Counterexample, verdict_on
from tests.judge.trial import Trial
from tests.judge.variations import (
    FILLS,
    Change,
    Fill,
    options_of,
    plain,
    sized,
    sizes_of,
    special_in_words,
    zeros,
)
from tests.judge.wording import listed

#: Seconds of CPU for one counterexample, and for one of a dear implementation; and how many seconds each may last: what
#: waits for processes or devices takes little of the CPU.
SECONDS, DEAR_SECONDS = 1.0, 10.0
_LASTS = 5.0
#: How many fills a changed case is judged on, beside its own numbers, before it counts as passing.
_TRIES = 3
#: The largest size that is tried, where the case itself is no larger.
_LARGEST = 100


def what_matters(counterexample: Counterexample) -> str:
    """In a sentence or two, when it fails and what makes no difference; only what was tried."""
    return Variations(counterexample).told()


@dataclass
class Variations:
    """Varied cases around a minimal one, each judged."""

    counterexample: Counterexample
    #: The fills with which the case fails.
    failing: list[Fill] = field(default_factory=list)
    #: What is needed; what makes no difference, a size with the range that was tried.
    needed: list[str] = field(default_factory=list)
    indifferent: dict[str, str] = field(default_factory=dict)
    #: What fails in another way.
    otherwise: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        implementation = self.counterexample.implementation
        seconds = DEAR_SECONDS if implementation.dear else SECONDS
        self._ends = _cpu() + seconds, time.monotonic() + seconds * _LASTS
        self._trial = Trial(implementation, asked_for=self.counterexample.property.name)

    @property
    def case(self) -> Case:
        """The minimal case."""
        return self.counterexample.case

    def told(self) -> str:
        """The sentences; empty where nothing could be tried."""
        values = self._values()
        self._sizes()
        self._options()
        self._arrays()
        parts = [values, f"as long as {listed(self.needed, ', and ')}" if self.needed else ""]
        told = f"Fails {', '.join(filter(None, parts))}{_otherwise(self.otherwise)}." if any(parts) else ""
        same = _by_range(self.indifferent)
        return told + (f" Tried without difference: {same}." if same else "")

    # One case, and one change

    def _outcome(self, change: Change, fill: Fill | None) -> str | None:
        """The sort of a failure; empty where it passes, None where it cannot be judged or time is over."""
        if self._over():
            return None
        judged = self.counterexample.property
        try:
            case = change(self.case)
            case = change(fill.of(case)) if fill else case
            if not judged.admits(self._trial, case):
                return None
            found = verdict_on(judged, self.counterexample.implementation, case)
        except Exception:
            return None  # An error of the suite is no verdict.
        return _sort(found.kind) if found else ""

    def _over(self) -> bool:
        return _cpu() > self._ends[0] or time.monotonic() > self._ends[1]

    def _tried(self, name: str, change: Change) -> bool | None:
        """Whether it fails so changed, with its own numbers or one of a few fills; None where that is not known."""
        fills = (self.failing or FILLS)[:_TRIES]
        passed = []
        for fill in (None, *fills):
            outcome = self._outcome(change, fill)
            if outcome:
                if outcome != _sort(self.counterexample.disagreement.kind):
                    self.otherwise.setdefault(outcome, []).append(name)
                return True
            passed.append(outcome)
        return None if self._over() or passed.count("") == 0 else False

    # What is varied

    def _values(self) -> str:
        """For how many other inputs it fails."""
        outcomes = {fill: self._outcome(lambda case: case, fill) for fill in FILLS}
        self.failing = [fill for fill, outcome in outcomes.items() if outcome]
        tried = Counter(fill.sort for fill, outcome in outcomes.items() if outcome is not None)
        failed = Counter(fill.sort for fill in self.failing)
        if not tried:
            return ""
        if failed == tried:
            return f"for every input tried ({failed.total()} of {tried.total()})"
        if not failed:
            return f"only for numbers like its own (0 of {tried.total()} others tried)"
        return f"for {', '.join(f'{failed[sort]} of {tried[sort]} {sort}' for sort in tried)} inputs tried"

    def _options(self) -> None:
        for option in options_of(self.case):
            tried = {label: self._tried(option.says + label, change) for label, change in option.choices.items()}
            fails = [label for label, failed in tried.items() if failed]
            passes = [label for label, failed in tried.items() if failed is False]
            if fails and passes:
                few = len(fails) == 1 or len(passes) > 1
                self.needed.append(option.says + (" or ".join(fails) if few else f"not {passes[0]}"))
            elif len(fails) > 1:
                self.indifferent[option.name] = ""

    def _arrays(self) -> None:
        """Whether an array may be zero, and may do without NaN and the like."""
        nonzero = []
        for name, array in self.case.arrays.items():
            if words := special_in_words(array):
                if self._tried(f"{name} is plain", plain(name)) is False:
                    self.needed.append(f"{name} {words}")
            elif name != "h_0" and self._tried(f"{name} is zero", zeros(name)) is False:
                nonzero.append(name)
        if nonzero:
            self.needed.append(f"{listed(nonzero)} {'is' if len(nonzero) == 1 else 'are'} not zero")

    def _sizes(self) -> None:
        alone: dict[str, dict[int, bool]] = {}
        for name, own in sizes_of(self.case)._asdict().items():
            tried = {own: True} | dict(self._other_sizes(name, own))
            if len(tried) == 1:
                continue
            if all(tried.values()):
                self.indifferent[name] = f"{min(tried)} to {max(tried)}"
            elif sum(tried.values()) == 1 and own + 1 in tried:
                alone[name] = tried
            else:
                self.needed.append(sizes_in_words(name, tried))
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
                    self.needed.append(self._tie({name: own[name] for name in names}))
                    alone = {name: tried for name, tried in alone.items() if name not in names}
        self.needed += [sizes_in_words(name, tried) for name, tried in alone.items()]

    def _tied(self, sizes: Mapping[str, int]) -> bool:
        larger = [{name: factor * size for name, size in sizes.items()} for factor in (2, 3)]
        return all(self._tried(str(together), sized(**together)) for together in larger)

    def _tie(self, sizes: Mapping[str, int]) -> str:
        """Sizes that only change together, in words."""
        least = min(sizes.values())
        if least < max(sizes.values()):
            return f"{' : '.join(sizes)} = {' : '.join(map(str, sizes.values()))}"
        equal = " = ".join(sizes)
        smaller = {name: size - 1 for name, size in sizes.items()}
        return f"{equal} >= {least}" if least > 1 and self._tried(equal, sized(**smaller)) is False else equal


def sizes_in_words(name: str, tried: Mapping[int, bool]) -> str:
    """When it fails, of what was tried: from a size on, up to one, at multiples, or a list."""
    fails, passes = ([size for size in sorted(tried) if tried[size] is failed] for failed in (True, False))
    between = [size for size in passes if size > fails[0]]
    common, spared = math.gcd(*fails), math.gcd(*between)
    if not between and len(fails) > 1:
        return f"{name} >= {fails[0]}"
    if len(fails) > 1 and between[0] > fails[-1] and fails[0] == min(tried):
        return f"{name} <= {fails[-1]}"
    if common > 1 and len(fails) > 2 and all(size % common for size in passes):
        return f"{name} is a multiple of {common}"
    if fails[0] > 1 < spared and len(between) > 1 and all(size % spared for size in fails):
        return f"{name} >= {fails[0]} but no multiple of {spared}"
    return f"{name} = {', '.join(map(str, fails))} (not {', '.join(map(str, passes))})"


def _near(own: int) -> list[int]:
    """Sizes below, around and above: where blocks of a power of two begin and end, and twice and three times that."""
    below = {size for size in (1, 2, 3, own // 2, own - 2, own - 1) if 0 < size < own}
    above = {own + 1, own + 2, own + 3} | {factor * size for factor in (2, 3) for size in (own - 1, own)}
    return sorted(below | {size for size in above if own < size <= max(_LARGEST, own + 1)})


def _sort(kind: str) -> str:
    """Whether it raised, or returned what is wrong."""
    return kind if kind.startswith("raises") else "wrong"


def _otherwise(found: Mapping[str, list[str]]) -> str:
    """What happens elsewhere, and the first few of the places; empty where it fails in one way."""
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
