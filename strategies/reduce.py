"""Reducing a failing case until no single step keeps the failure: our own pass after Hypothesis's.

Hypothesis shrinks choices and stops at local minima; this works on the case itself. Three things take turns until none of
them finds anything: every single step (`steps`), made greedily; and a search in order of size through the smallest
cases of all, for what no single step leads to.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from impls.balls import Array
from impls.contract import Config
from strategies.case import Case, round_to

Key = tuple[int, int, int, float]
Step = Iterator[Case]

#: Numbers from the simplest on; what a step may put in the place of a stranger one.
LADDER = (0.0, 1.0, 2.0, -1.0, -2.0, 0.5, -0.5, 3.0)
_AXES = ("steps", "batch", "input", "hidden")


class Reduction:
    """The smallest failing case found so far, and what it took."""

    def __init__(self, case: Case, fails: Callable[[Case], bool], limit: int) -> None:
        self.case, self.calls = case, 0
        self._key, self._fails, self._limit = complexity(case), fails, limit
        self._tried = {_identity(case)}

    @property
    def exhausted(self) -> bool:
        """Whether the limit of calls ended it, so that single steps may be left."""
        return self.calls >= self._limit

    def take(self, candidate: Case) -> bool:
        """Whether a simpler candidate fails too; it is the case from then on."""
        key = complexity(candidate)
        if key >= self._key or self.exhausted or (identity := _identity(candidate)) in self._tried:
            return False
        self._tried.add(identity)
        self.calls += 1
        if not self._fails(candidate):
            return False
        self.case, self._key = candidate, key
        return True


def reduce_case(case: Case, fails: Callable[[Case], bool], limit: int = 6000) -> Reduction:
    """Reduce a failing case to one that is 1-minimal: no single step of `steps` leads to a simpler one that fails.

    Args:
        case: a case for which `fails` is true.
        fails: whether a case is admissible and shows the same failure.
        limit: how often `fails` may be called.
    """
    reduction = Reduction(case, fails, limit)
    while True:
        _descend(reduction)
        if not any(reduction.take(candidate) for candidate in smaller_cases(reduction.case)):
            return reduction


def _descend(reduction: Reduction) -> None:
    """Make single steps until none is left that keeps the failure."""
    moved = True
    while moved:
        moved = False
        for kind in STEPS:
            while any(reduction.take(candidate) for candidate in kind(reduction.case)):
                moved = True


def complexity(case: Case) -> Key:
    """What is simpler: fewer numbers, then fewer that are not zero, then fewer options, then plainer numbers."""
    arrays = case.arrays.values()
    values = np.concatenate([array.ravel() for array in arrays])
    strange = values[(values != 0) | np.signbit(values)]
    return len(values), len(strange), _options(case), sum(map(_strangeness, strange.tolist()))


def _options(case: Case) -> int:
    config = case.config
    return sum(
        (
            config.num_layers - 1,
            config.bidirectional,
            config.batch_first,
            case.unbatched,
            case.has_h_0,
            config.nonlinearity != "relu",
            _DTYPES.index(config.dtype),
            case.memory != "contiguous",
        )
    )


_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def _strangeness(value: float) -> float:
    if value == 0 and math.copysign(1, value) < 0:
        return len(LADDER)
    if value in LADDER:
        return LADDER.index(value)
    if not math.isfinite(value):
        return 1e6
    return 10.0 * len(repr(abs(value))) + abs(math.log2(abs(value))) / 2000 + (value < 0) / 4000


def _identity(case: Case) -> tuple[object, ...]:
    return (
        case.config,
        case.x.shape,
        case.unbatched,
        case.memory,
        *((name, array.tobytes()) for name, array in case.arrays.items()),
    )


def steps(case: Case) -> Step:
    """Every single step from a case, whether it leads to a simpler one or not."""
    return itertools.chain.from_iterable(kind(case) for kind in STEPS)


# Sizes


def keep(case: Case, axis: str, index: Sequence[int]) -> Case:
    """The case with only these time steps, rows of the batch, input features or hidden units, in this order."""
    chosen = list(index)
    return _KEEP[axis](case, chosen)


def _keep_steps(case: Case, index: list[int]) -> Case:
    return replace(case, x=case.x[index])


def _keep_batch(case: Case, index: list[int]) -> Case:
    return replace(case, x=case.x[:, index], h_0=None if case.h_0 is None else case.h_0[:, index])


def _keep_inputs(case: Case, index: list[int]) -> Case:
    config = replace(case.config, input_size=len(index))
    weights = {
        name: array[:, index] if name.startswith("weight_ih_l0") else array for name, array in case.weights.items()
    }
    return replace(case, config=config, x=case.x[:, :, index], weights=weights)


def _keep_hidden(case: Case, index: list[int]) -> Case:
    config = replace(case.config, hidden_size=len(index))
    below = [unit + shift for shift in (0, case.config.hidden_size)[: config.num_directions] for unit in index]

    def kept(name: str, array: Array) -> Array:
        array = array[index]
        if name.startswith("weight_hh"):
            return array[:, index]
        return array[:, below] if name.startswith("weight_ih") and "_l0" not in name else array

    weights = {name: kept(name, array) for name, array in case.weights.items()}
    return replace(case, config=config, h_0=None if case.h_0 is None else case.h_0[:, :, index], weights=weights)


_KEEP: dict[str, Callable[[Case, list[int]], Case]] = {
    "steps": _keep_steps,
    "batch": _keep_batch,
    "input": _keep_inputs,
    "hidden": _keep_hidden,
}


def _extent(case: Case, axis: str) -> int:
    return (case.steps, case.batch_size, case.config.input_size, case.config.hidden_size)[_AXES.index(axis)]


def _fewer_together(case: Case) -> Step:
    """One or several sizes halved, or down by one, at once: what fails only where two sizes are equal keeps them equal."""
    groups = [group for count in (1, 2, 3, 4) for group in itertools.combinations(_AXES, count)]
    for shrink in (lambda size: size // 2, lambda size: size - 1):
        for group in groups:
            smaller = case
            sizes = {axis: _extent(case, axis) for axis in group}
            if all(size > 1 for size in sizes.values()):
                for axis, size in sizes.items():
                    smaller = keep(smaller, axis, range(shrink(size)))
                yield smaller


def _fewer(case: Case) -> Step:
    """Each half of an axis dropped, and each single index."""
    for axis in _AXES:
        size = _extent(case, axis)
        if size > 2:
            yield keep(case, axis, range(size // 2, size))
        for dropped in range(size) if size > 1 else ():
            yield keep(case, axis, [index for index in range(size) if index != dropped])


# Options


def _keep_rows(case: Case, config: Config, sources: list[str], rows: list[int], x: Array | None = None) -> Case:
    """The parameters of other layers or directions under the suffixes of `config`, cut or zero-filled to its widths."""
    weights = {}
    for name, shape in config.parameter_shapes().items():
        role, suffix = name.rsplit("_l", 1)
        source = case.weights[f"{role}_{sources[config.suffixes().index('l' + suffix)]}"]
        weights[name] = np.zeros(shape)
        common = tuple(slice(min(a, b)) for a, b in zip(shape, source.shape, strict=True))
        weights[name][common] = source[common]
    h_0 = None if case.h_0 is None else case.h_0[rows]
    return replace(case, config=config, x=case.x if x is None else x, h_0=h_0, weights=weights)


def _fewer_layers(case: Case) -> Step:
    config, width = case.config, case.config.num_directions
    for dropped in range(config.num_layers) if config.num_layers > 1 else ():
        kept = [row for row in range(config.num_layers * width) if row // width != dropped]
        sources, fewer = config.suffixes(), replace(config, num_layers=config.num_layers - 1)
        yield _keep_rows(case, fewer, [sources[row] for row in kept], kept)
        if dropped == 0:
            # The second layer as the first one, at its own width: what fails for its width alone is not lost.
            width_above = config.layer_input_size(1)
            wide = np.resize(case.x, (case.steps, case.batch_size, width_above))
            yield _keep_rows(case, replace(fewer, input_size=width_above), [sources[row] for row in kept], kept, wide)


def _one_direction(case: Case) -> Step:
    for way in range(2) if case.config.bidirectional else ():
        sources, rows = case.config.suffixes()[way::2], list(range(way, 2 * case.config.num_layers, 2))
        yield _keep_rows(case, replace(case.config, bidirectional=False), sources, rows)


def _plainer_options(case: Case) -> Step:
    """Each option at its plainest; ReLU, because it keeps whole numbers whole."""
    config = case.config
    if config.bias:
        weights = {name: array for name, array in case.weights.items() if name.startswith("weight")}
        yield replace(case, config=replace(config, bias=False), weights=weights)
    if case.has_h_0:
        yield replace(case, h_0=None)
    if case.unbatched:
        yield replace(case, unbatched=False)
    if case.memory != "contiguous":
        yield replace(case, memory="contiguous")
    if config.batch_first:
        yield case.with_config(batch_first=False)
    if config.nonlinearity != "relu":
        yield case.with_config(nonlinearity="relu")
    for dtype in _DTYPES[: _DTYPES.index(config.dtype)]:
        if all(np.array_equal(round_to(dtype, array), array, equal_nan=True) for array in case.arrays.values()):
            yield case.with_config(dtype=dtype)


# Numbers


def _zero_parts(case: Case) -> Step:
    """A whole tensor, or one half or the other of it, to zeros."""
    for name, array in case.arrays.items():
        size = array.size
        for part in (slice(0, size), slice(0, size // 2), slice(size // 2, size)):
            if array.ravel()[part].any():
                yield _with_elements(case, name, part, 0.0)


def _plainer_numbers(case: Case) -> Step:
    """One number to 0, to 1, or to another that is plainer than it."""
    for target in (0.0, 1.0, None):
        for name, array in case.arrays.items():
            for place, value in enumerate(array.ravel().tolist()):
                if value == 0 and math.copysign(1, value) > 0:
                    continue
                for plainer in (target,) if target is not None else _between(case, value):
                    if value != plainer or plainer == 0:
                        yield _with_elements(case, name, slice(place, place + 1), plainer)


def _between(case: Case, value: float) -> list[float]:
    if not math.isfinite(value):
        return [*LADDER[2:], torch.finfo(case.config.dtype).max, math.inf]
    nearby = (math.trunc(value), math.ceil(value), value / 2, math.trunc(value / 2), round(value, 1))
    candidates = dict.fromkeys(float(number) for number in (*LADDER[2:], *round_to(case.config.dtype, nearby)))
    return [number for number in candidates if _strangeness(number) < _strangeness(value)]


def _with_elements(case: Case, name: str, part: slice, value: float) -> Case:
    array = case.arrays[name].copy()
    array.reshape(-1)[part] = value
    return case.with_arrays(**{name: array})


#: The kinds of single steps, those that take most away first.
STEPS: tuple[Callable[[Case], Step], ...] = (
    _fewer_layers,
    _one_direction,
    _fewer_together,
    _fewer,
    _plainer_options,
    _zero_parts,
    _plainer_numbers,
)


# Small cases


def smaller_cases(case: Case, most: int = 1500) -> Iterator[Case]:
    """Cases of the same options made of zeros and ones, simpler than this one, in order of size and then of ones.

    Those with few ones come first, then the one that is all ones: `most` in all. In the smallest, with one or two numbers
    that are not zero, the first may also be another of the ladder, or not finite.
    """
    frames = sorted(_smaller_frames(case), key=lambda frame: complexity(frame)[0])
    numbers, nonzeros, *_ = complexity(case)
    budget = itertools.count()
    for frame in frames:
        names, size = list(frame.arrays), complexity(frame)[0]
        ceiling = nonzeros - 1 if size == numbers else size
        for count in range(min(ceiling, 4) + 1):
            for ones in itertools.combinations(range(size), count):
                for first in (1.0, *_others(frame)) if count in (1, 2) and size <= 7 else (1.0,):
                    if next(budget) >= most:
                        return
                    yield _filled(frame, names, ones, first)
        yield _filled(frame, names, range(size))


def _smaller_frames(case: Case) -> Iterator[Case]:
    """Cases of every combination of sizes, up to three, with no more numbers than this one; their numbers do not matter."""
    stripped = [case, *_fewer_layers(case), *_one_direction(case)]
    plain = [option for frame in stripped for option in (frame, *_plainer_options(frame))]
    limit = complexity(case)[0]
    seen = set()
    for base in plain:
        extents = [range(1, min(_extent(base, axis), 3) + 1) or (0,) for axis in _AXES]
        for sizes in itertools.product(*extents):
            frame = base
            for axis, size in zip(_AXES, sizes, strict=True):
                frame = keep(frame, axis, range(size))
            signature = (frame.config, frame.has_h_0, frame.unbatched, frame.memory, sizes)
            if signature not in seen and complexity(frame)[0] <= limit:
                seen.add(signature)
                yield frame


def _others(frame: Case) -> tuple[float, ...]:
    largest = torch.finfo(frame.config.dtype).max
    return (2.0, -1.0, largest, math.inf, math.nan)


def _filled(frame: Case, names: list[str], ones: Sequence[int], first: float = 1.0) -> Case:
    flat = np.zeros(sum(frame.arrays[name].size for name in names))
    flat[list(ones)] = 1.0
    flat[list(ones)[:1]] = first
    arrays, start = {}, 0
    for name in names:
        size = frame.arrays[name].size
        arrays[name] = flat[start : start + size].reshape(frame.arrays[name].shape)
        start += size
    return frame.with_arrays(**arrays)
