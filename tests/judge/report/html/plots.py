"""The plots, as SVG without words: what they show stands beside them as text, where it is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import svg

_BAR, _HEIGHT = 10, 32


def distribution(own: Sequence[int], others: Sequence[int]) -> str:
    """Plot one implementation's cases by bin, as bars, and those of all others, as a line; each in shares."""
    shares, outline = _shares(own), _shares(others)
    highest = max(*shares, *outline) or 1.0
    return str(
        svg.SVG(
            viewBox=svg.ViewBoxSpec(0, 0, _BAR * len(own), _HEIGHT + 1),
            class_=["distribution"],
            elements=[
                svg.Path(class_=["own"], d=list(_bars([share / highest for share in shares]))),
                svg.Path(class_=["others"], d=list(_steps([share / highest for share in outline]))),
                svg.Path(class_=["axis"], d=[svg.M(0, _HEIGHT), svg.h(_BAR * len(own))]),
            ],
        )
    )


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / (sum(counts) or 1) for count in counts]


def _bars(heights: Sequence[float]) -> Iterator[svg.PathData]:
    for place, height in enumerate(heights):
        if height:
            high = round(max(height * (_HEIGHT - 1), 1), 1)
            yield from (svg.M(_BAR * place + 1, _HEIGHT), svg.v(-high), svg.h(_BAR - 2), svg.v(high), svg.Z())


def _steps(heights: Sequence[float]) -> Iterator[svg.PathData]:
    if any(heights):
        yield svg.M(0, _HEIGHT)
        for place, height in enumerate(heights):
            yield from (svg.V(round(_HEIGHT - height * (_HEIGHT - 1), 1)), svg.H(_BAR * (place + 1)))
        yield svg.V(_HEIGHT)


def heat_map(shades: Sequence[Sequence[str]]) -> str:
    """Squares in shades, which are classes of the style sheet; one path a shade, one rectangle a run of a row."""
    rows, columns = len(shades), len(shades[0])
    runs = sorted(_runs(shades))
    paths: list[svg.Element] = [
        svg.Path(class_=[shade], d=[move for _, y, x, length in own for move in _square(y, x, length)])
        for shade, own in groupby(runs, key=lambda run: run[0])
    ]
    cursor = svg.Rect(class_=["cursor"], width=1, height=1)
    return str(svg.SVG(viewBox=svg.ViewBoxSpec(0, 0, columns, rows), class_=["heat"], elements=[*paths, cursor]))


def _runs(shades: Sequence[Sequence[str]]) -> Iterator[tuple[str, int, int, int]]:
    for y, row in enumerate(shades):
        x = 0
        for shade, run in groupby(row):
            length = len(list(run))
            yield shade, y, x, length
            x += length


def _square(y: int, x: int, length: int) -> tuple[svg.PathData, ...]:
    return svg.M(x, y), svg.h(length), svg.v(1), svg.h(-length), svg.Z()
