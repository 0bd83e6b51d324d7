"""Maps of positions: which number of an array is read, or written, where each should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from impls.balls import Ball
from impls.contract import Array

#: Of an array: the positions of its numbers, counted through; or, of an axis, 0, 1, 2, ...
Positions: TypeAlias = np.typing.NDArray[np.int_]


class IndexMap(NamedTuple):
    """What becomes of the positions of an array, in words that follow "are read"."""

    words: str
    #: The words with their number left open.
    family: str
    move: Callable[[Positions], Positions]

    @property
    def numbered(self) -> bool:
        """Whether it has a number, which others of its family have otherwise."""
        return self.words != self.family


#: Maps of an axis.
PLAIN: dict[str, Callable[[Positions], Positions]] = {
    "in the opposite order": lambda i: i[::-1],
    "in the opposite order after the first": lambda i: np.concatenate([i[:1], i[:0:-1]]),
    "in the opposite order before the last": lambda i: np.concatenate([i[:-1][::-1], i[-1:]]),
    "each from the place before, the first from the last": lambda i: np.roll(i, 1),
    "each from the place after, the last from the first": lambda i: np.roll(i, -1),
    "each from the place before, but for the first": lambda i: np.concatenate([i[:1], i[:-1]]),
    "each from the place after, but for the last": lambda i: np.concatenate([i[1:], i[-1:]]),
    "all from the place of the first": lambda i: 0 * i,
    "all from the place of the last": lambda i: 0 * i + i[-1:],
    "the last from the place before it": lambda i: np.where(i < len(i) - 1, i, np.maximum(i - 1, 0)),
    "the first from the place after it": lambda i: np.where(i > 0, i, min(1, len(i) - 1)),
}
#: Those with a number, from 2 on.
BLOCKED: dict[str, Callable[[Positions, int], Positions]] = {
    "in the opposite order in each block of {k}": lambda i, k: np.minimum(i // k * k + k, len(i)) - 1 - i % k,
    "in the opposite order in each whole block of {k}": lambda i, k: np.where(
        i < len(i) // k * k, i // k * k + k - 1 - i % k, i
    ),
    "all from the place of the first in each block of {k}": lambda i, k: i // k * k,
    "all from the place of the last in each block of {k}": lambda i, k: np.minimum(i // k * k + k, len(i)) - 1,
    "each from {k} places before, the first from the last ones": np.roll,
    "each from {k} places after, the last from the first ones": lambda i, k: np.roll(i, -k),
    "one in {k} first, then those after them, and so on": lambda i, k: np.concatenate([i[s::k] for s in range(k)]),
}


#: With 2 it is another of them: a block of one has no order.
_FROM_THREE = {"in the opposite order in each whole block of {k}"}


def along(axis: int, sizes: Sequence[int]) -> Iterator[IndexMap]:
    """Every map that moves something on an axis that has one of some sizes."""
    for words, change in PLAIN.items():
        if any(_moves(change, size) for size in sizes):
            yield IndexMap(words, words, _on_axis(change, axis))
    for words, blocked in BLOCKED.items():
        for k in range(2 + (words in _FROM_THREE), max(sizes, default=0) + 1):
            change = lambda i, k=k, blocked=blocked: blocked(i, k)  # type: ignore[misc]  # noqa: E731
            if any(_moves(change, size) for size in sizes):
                yield IndexMap(words.format(k=k), words, _on_axis(change, axis))


def _moves(change: Callable[[Positions], Positions], size: int) -> bool:
    return size > 0 and not np.array_equal(change(np.arange(size)), np.arange(size))


def _on_axis(change: Callable[[Positions], Positions], axis: int) -> Callable[[Positions], Positions]:
    return lambda array: array.take(change(np.arange(array.shape[axis])), axis) if array.shape[axis] else array


def between(axes: Sequence[str]) -> Iterator[IndexMap]:
    """Every map that takes two axes for each other: by a reshape, by the stride of another, or where they are equal."""
    for one, other in combinations(range(len(axes)), 2):
        names = f"{axes[one]} and {axes[other]}"
        for words, move in {
            f"as if {names} lay in memory the other way round": _taken_for(one, other),
            f"with {names} exchanged, by a reshape": _reshaped(one, other),
            f"with {names} exchanged where there are as many": _exchanged(one, other),
        }.items():
            yield IndexMap(words, words, move)


def strides(axes: Sequence[str]) -> Iterator[IndexMap]:
    """Every map that steps along one axis by the stride of another."""
    for one, name in enumerate(axes):
        for other, from_name in enumerate(axes):
            if one != other:
                words = f"along {name} with the stride of {from_name}"
                yield IndexMap(words, words, _strided(one, other))


def _has(array: Positions, *axes: int) -> bool:
    return array.ndim > max(axes)


def _taken_for(one: int, other: int) -> Callable[[Positions], Positions]:
    def move(array: Positions) -> Positions:
        if not _has(array, one, other):
            return array
        shape = list(array.shape)
        shape[one], shape[other] = shape[other], shape[one]
        return array.reshape(shape).swapaxes(one, other)

    return move


def _reshaped(one: int, other: int) -> Callable[[Positions], Positions]:
    return lambda array: array.swapaxes(one, other).reshape(array.shape) if _has(array, one, other) else array


def _exchanged(one: int, other: int) -> Callable[[Positions], Positions]:
    def move(array: Positions) -> Positions:
        fits = _has(array, one, other) and array.shape[one] == array.shape[other]
        return array.swapaxes(one, other) if fits else array

    return move


def _strided(one: int, other: int) -> Callable[[Positions], Positions]:
    """ValueError where that leads beyond the end."""

    def move(array: Positions) -> Positions:
        if not _has(array, one, other):
            return array
        steps = np.array([int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)])
        steps[one] = steps[other]
        at = np.tensordot(steps, np.indices(array.shape), 1)
        if at.max(initial=0) >= array.size:
            raise ValueError("reads beyond the end")
        return np.asarray(array.ravel()[at])

    return move


def positions(shape: tuple[int, ...]) -> Positions:
    """Those of an array of a shape, as they should be."""
    return np.arange(int(np.prod(shape))).reshape(shape)


def read_through(array: Array, moved: Positions) -> Array:
    """Return an array whose every number comes from a position."""
    return np.asarray(array.ravel()[moved])


def given_back(gradient: Ball, moved: Positions, unit: float) -> Ball:
    """Return the gradient of what was read: each position gets the sum of what its readers got.

    `unit` is the roundoff of the sums, where several did.
    """
    mid, rad, size = (np.zeros(gradient.mid.size) for _ in range(3))
    for sums, parts in ((mid, gradient.mid), (rad, gradient.rad), (size, np.abs(gradient.mid) + gradient.rad)):
        np.add.at(sums, moved.ravel(), parts.ravel())
    readers = np.bincount(moved.ravel(), minlength=moved.size)
    rounded = np.where(readers > 1, 2 * readers * unit * size, 0.0)
    return Ball(mid.reshape(gradient.mid.shape), (rad + rounded).reshape(gradient.mid.shape))
