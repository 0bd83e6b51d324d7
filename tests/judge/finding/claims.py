"""What is claimed of the axes of a case, and whether cases in which several of them differ agree with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

#: A value for each axis: a size, or the label of a choice.
Point: TypeAlias = Mapping[str, "int | str"]
#: Sizes that are told from each other, alone, multiplied and added up, from the plainest on.
_SIZES = ("T", "B", "input_size", "hidden_size", "num_layers")
_PRODUCTS = (
    *(("B", "hidden_size"), ("T", "B"), ("B", "input_size"), ("T", "hidden_size"), ("T", "input_size")),
    *(("input_size", "hidden_size"), ("num_layers", "hidden_size"), ("num_layers", "B")),
    *(("T", "B", "hidden_size"), ("T", "B", "input_size")),
)
_SUMS = ("input_size", "hidden_size"), ("B", "hidden_size"), ("T", "B"), ("T", "hidden_size")


class Quantity(NamedTuple):
    """A size, a product or a sum of some."""

    names: tuple[str, ...]
    combined: Callable[[Iterable[int]], int]
    sign: str = ""

    def of(self, sizes: Point) -> int:
        """Return the size of what the condition is about."""
        return self.combined(int(sizes[name]) for name in self.names)

    @property
    def words(self) -> str:
        """Its formula."""
        return f" {self.sign} ".join(self.names)


QUANTITIES = [
    *(Quantity((name,), sum) for name in _SIZES),
    *(Quantity(names, math.prod, "*") for names in _PRODUCTS),
    *(Quantity(names, sum, "+") for names in _SUMS),
]


@dataclass(frozen=True)
class Claim:
    """A condition under which a case fails: in words, of which axes, and whether a point meets it."""

    words: str
    axes: frozenset[str]
    holds: Callable[[Point], bool]


def of_size(name: str, tried: Mapping[int, bool]) -> Claim:
    """Return when it fails, of the sizes that were tried: from a size on, up to one, at multiples, or a list."""
    words, holds = _sizes(name, tried)
    return Claim(words, frozenset([name]), lambda point: holds(int(point[name])))


def sizes_in_words(name: str, tried: Mapping[int, bool]) -> str:
    """Return the condition in words alone."""
    return _sizes(name, tried)[0]


def _sizes(name: str, tried: Mapping[int, bool]) -> tuple[str, Callable[[int], bool]]:
    fails, passes = ([size for size in sorted(tried) if tried[size] is failed] for failed in (True, False))
    between = [size for size in passes if size > fails[0]]
    common, spared = math.gcd(*fails), math.gcd(*between)
    if not between and len(fails) > 1:
        return f"{name} >= {fails[0]}", lambda size: size >= fails[0]
    if len(fails) > 1 and between[0] > fails[-1] and fails[0] == min(tried):
        return f"{name} <= {fails[-1]}", lambda size: size <= fails[-1]
    if common > 1 and len(fails) > 2 and all(size % common for size in passes):
        return f"{name} is a multiple of {common}", lambda size: size % common == 0
    if fails[0] > 1 < spared and len(between) > 1 and all(size % spared for size in fails):
        words = f"{name} >= {fails[0]} but no multiple of {spared}"
        return words, lambda size: size >= fails[0] and size % spared != 0
    return f"{name} = {', '.join(map(str, fails))} (not {', '.join(map(str, passes))})", lambda size: size in fails


def of_quantities(judged: Sequence[tuple[Point, bool]]) -> Iterator[Claim]:
    """Every size, product and sum that tells all failing cases from all others, from a number on or up to one."""
    for quantity in QUANTITIES:
        fails, passes = (
            {quantity.of(sizes) for sizes, failed in judged if failed is wanted} for wanted in (True, False)
        )
        if not fails or not passes or fails & passes:
            continue
        words, holds = _sizes(quantity.words, dict.fromkeys(fails, True) | dict.fromkeys(passes, False))
        if " = " not in words:
            yield Claim(words, frozenset(quantity.names), partial(_meets, quantity, holds))


def _meets(quantity: Quantity, holds: Callable[[int], bool], point: Point) -> bool:
    return holds(quantity.of(point))
