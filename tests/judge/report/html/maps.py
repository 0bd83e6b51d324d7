"""Pictures of a finding as heat maps: expected, got and error, a panel for each row of the batch and each direction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import number
from rnn_parity.tests.judge.report.html.plots import heat_map
from rnn_parity.tests.judge.trial.verdict import error_over_bound

#: With more columns or rows than these the numbers are no longer written into the cells: one more than a block of 16,
#: whose tail is where many are wrong.
_MOST_IN_CELLS = 17
#: No page shows more numbers: what comes later is told in words.
MOST_NUMBERS = 16_000
Index: TypeAlias = tuple[slice | int, ...]


@dataclass(frozen=True)
class Cell:
    """One number as it is written, and its shade: a class of the style sheet."""

    text: str
    shade: str


@dataclass(frozen=True)
class Map:
    """One of the three: a table with numbers in its cells, or an SVG where they are many."""

    title: str
    cells: list[list[Cell]]

    @property
    def drawn(self) -> str:
        """All of it as SVG."""
        return heat_map([[cell.shade for cell in row] for row in self.cells])


@dataclass(frozen=True)
class Panel:
    """Two axes of a picture."""

    title: str
    rows: list[str]
    columns: list[str]
    maps: list[Map]
    wrong: int
    of: int
    #: What a script tells of each number in full, and where it begins.
    numbers: dict[str, Any]

    @property
    def small(self) -> bool:
        """Whether there is room for the numbers."""
        return max(len(self.rows), len(self.columns)) <= _MOST_IN_CELLS

    @property
    def span(self) -> str:
        """What its axes go over."""
        ways = ((self.rows, "down"), (self.columns, "across"))
        return ", ".join(f"{names[0]} {way} to {names[-1]}" if len(names) > 1 else names[0] for names, way in ways)


@dataclass(frozen=True)
class Drawing:
    """One result: the panels in which something is wrong, and how many are right, or wrong and too many to draw."""

    name: str
    panels: list[Panel]
    right: int
    undrawn: int
    wrong: int
    of: int


@dataclass(frozen=True)
class Numbers:
    """Expected, got, allowed, and error over allowed, in one shape."""

    expected: Array
    got: Array
    allowed: Array
    ratio: Array

    @classmethod
    def of(cls, picture: Mapping[str, Any]) -> Numbers:
        """Those of a picture, whose numbers lie flat and may be text."""
        expected, got, allowed = (
            np.array([float(value) for value in picture[part]]).reshape(picture["shape"])
            for part in ("expected", "got", "allowed")
        )
        return cls(expected, got, allowed, error_over_bound(got, Ball(expected, allowed)))

    @property
    def wrong(self) -> np.typing.NDArray[np.bool_]:
        """Which lie outside of their bounds."""
        return ~(self.ratio <= RADIUS_SLACK)

    def at(self, index: Index) -> Numbers:
        """Two axes of them."""
        return Numbers(*(np.atleast_2d(part[index]) for part in (self.expected, self.got, self.allowed, self.ratio)))


class Gallery:
    """The drawings of one page, which share its room."""

    def __init__(self, room: int = MOST_NUMBERS) -> None:
        self._room = room

    def drawings(self, pictures: Iterable[Mapping[str, Any]], *, bidirectional: bool) -> list[Drawing]:
        """Return the pictures of one finding."""
        return [self._drawing(picture, 1 + bidirectional) for picture in pictures]

    def _drawing(self, picture: Mapping[str, Any], directions: int) -> Drawing:
        numbers = Numbers.of(picture)
        panels, right, undrawn = [], 0, 0
        for title, rows, columns, index in _slices(picture["axes"], picture["shape"], directions):
            part = numbers.at(index)
            if not part.wrong.any():
                right += 1
            elif part.got.size > self._room:
                undrawn += 1
            else:
                self._room -= part.got.size
                panels.append(_panel(title, rows, columns, part, _scale(numbers)))
        return Drawing(picture["name"], panels, right, undrawn, int(numbers.wrong.sum()), numbers.got.size)


#: Of the arrays of a case that have three.
_AXES = {
    "x": ("t", "b", "feature"),
    **dict.fromkeys(("h_0", "c_0", "grad_h_n", "grad_c_n"), ("row", "b", "unit")),
    "grad_output": ("t", "b", "unit"),
}


def matrices(case: Case) -> Iterator[Panel]:
    """Yield what a case holds, two axes of an array at a time; nothing of one that holds too many numbers."""
    if sum(array.size for array in case.arrays.values()) > MOST_NUMBERS:
        return
    for name, array in case.named_arrays().items():
        scale = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) or 1.0
        axes = _AXES.get(name) or ("unit", "input")[: array.ndim]
        for title, rows, columns, index in _slices(axes, array.shape, case.config.num_directions):
            cells = [
                [Cell(_written(float(found), 4), _shade(float(found), scale)) for found in row]
                for row in np.atleast_2d(array[index])
            ]
            yield Panel(title, rows, columns, [Map(f"{name} {title}".strip(), cells)], 0, array.size, {})


def _slices(
    axes: Sequence[str], shape: Sequence[int], directions: int
) -> Iterator[tuple[str, list[str], list[str], Index]]:
    """Two axes of a picture at a time: what is fixed, the names of rows and columns, and the index."""
    if len(axes) < 3:
        yield "", _named("j", shape[0]) if len(axes) == 2 else [""], _named("ji"[len(axes) - 1], shape[-1]), ()
        return
    ways, width = (directions, shape[2] // directions) if tuple(axes) == ("t", "b", "unit") else (1, shape[2])
    rows = _named("t", shape[0]) if axes[0] == "t" else _states(shape[0], directions)
    columns = _named("i" if axes[2] == "feature" else "j", width)
    for b in range(shape[1]):
        for way in range(ways):
            fixed = [f"b={b}"] * (shape[1] > 1) + [("forward", "reverse")[way]] * (ways > 1)
            yield ", ".join(fixed), rows, columns, (slice(None), b, slice(way * width, (way + 1) * width))


def _named(axis: str, size: int) -> list[str]:
    return [f"{axis}={place}" for place in range(size)]


def _states(rows: int, directions: int) -> list[str]:
    return [f"layer {row // directions}{' reverse' if row % directions else ''}" for row in range(rows)]


def _panel(title: str, rows: list[str], columns: list[str], part: Numbers, scale: float) -> Panel:
    digits = _digits(part)

    def value(found: float) -> Cell:
        return Cell(_written(found, digits), _shade(found, scale))

    errors = [
        [_error(*each) for each in zip(*row, strict=True)]
        for row in zip(part.expected, part.got, part.allowed, part.ratio, strict=True)
    ]
    maps = [Map("expected", _each(value, part.expected)), Map("got", _each(value, part.got)), Map("error", errors)]
    said = [
        [[number(float(e)), number(float(g)), f"{a:.3g}", error.text] for e, g, a, error in zip(*row, strict=True)]
        for row in zip(part.expected, part.got, part.allowed, errors, strict=True)
    ]
    at = [int(place[0]) for place in np.nonzero(part.wrong)]
    return Panel(
        title,
        rows,
        columns,
        maps,
        int(part.wrong.sum()),
        part.got.size,
        {"rows": rows, "columns": columns, "numbers": said, "at": at},
    )


def _each(cell: Callable[[float], Cell], values: Array) -> list[list[Cell]]:
    return [[cell(float(value)) for value in row] for row in values]


def _digits(part: Numbers) -> int:
    """As few digits as tell every wrong number from the right one."""
    pairs = list(zip(part.expected[part.wrong], part.got[part.wrong], strict=True))
    return next(
        (digits for digits in range(4, 17) if all(_written(e, digits) != _written(g, digits) for e, g in pairs)), 17
    )


_SPELLED = {"nan": "NaN", "inf": "∞", "-inf": "-∞"}


def _written(value: float, digits: int) -> str:
    return _SPELLED.get(str(float(value)), f"{value:.{digits}g}").replace("-", "\N{MINUS SIGN}")


def _scale(numbers: Numbers) -> float:
    """Return the magnitude of the darkest shade: the largest expected one, or else the largest returned."""
    for values in (numbers.expected, numbers.got):
        if largest := np.abs(values[np.isfinite(values)]).max(initial=0.0):
            return float(largest)
    return 1.0


def _shade(value: float, scale: float) -> str:
    """Return the class of a number: its sign and its magnitude in four steps, or that it is not finite."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    step = min(math.ceil(4 * abs(value) / scale), 4)
    return "zero" if not step else f"{'minus' if value < 0 else 'plus'}{step}"


def _error(expected: float, got: float, allowed: float, ratio: float) -> Cell:
    """Error over allowed; the plain error, marked, where nothing else is allowed."""
    if ratio <= RADIUS_SLACK:
        free = math.isinf(allowed) and math.isfinite(expected)
        return Cell("free" if free else f"{ratio:.2g}" if ratio else "0", "free" if free else "right")
    step = 4 if math.isinf(ratio) else min(1 + int(math.log10(ratio)), 4)
    off = abs(got - expected)
    if not math.isfinite(off):
        return Cell(_written(got, 4) if math.isfinite(expected) else f"not {_written(expected, 4)}", "wrong4")
    return Cell(f"Δ{off:.3g}" if not allowed else f"{ratio:.3g}×", f"wrong{step}")
