"""Memory that grows with every call: a history that is kept, a buffer that is never freed.

What grows and is no leak: caches until they are full, free lists of the interpreter (of its tuples 2000 of each size),
what waits for a full collection. Networks in JAX leave 50 objects a call without one, 36 of them in a free list; with
one they leave about 280 in every doubling, of 64 calls as of 512. A leak leaves twice as much in twice as many calls.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import torch

from impls.isolation import in_a_hurry
from strategies import Case
from tests.judge.base.words import counted
from tests.judge.trial.trial import Network, Trial
from tests.judge.trial.verdict import Disagreement

#: Calls of each round of a first look, and of what follows where every one of them left something. Before the first
#: round so many are made as well: they fill what is filled once.
_LOOK, _DOUBLING, _FEW = (4, 4, 4, 4), (16, 32, 64, 128, 256, 512), 3
#: What a call that leaves something leaves at least: an object, but for few that are let go meanwhile, or the smallest
#: allocation of the C library.
_LEAST = {"objects": 0.75, "bytes": 16}
#: How many times as much a round of twice the calls leaves at least, but for so much that comes and goes. A leak
#: leaves 2 times as much; a cache that fills less and less leaves 1.4 times as much, or less.
_GROWS, _NOISE = 1.5, {"objects": 8, "bytes": 256}


class Held(NamedTuple):
    """What a process holds: objects of the interpreter, and bytes that the C library has handed out."""

    objects: int
    bytes: int


class _MallInfo2(ctypes.Structure):
    """struct mallinfo2 of the GNU C library, `man 3 mallinfo`."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@cache
def _mallinfo2() -> Callable[[], _MallInfo2] | None:
    """Return the C library's own account; None where it is not GNU's."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _MallInfo2
    return function


def held() -> Held:
    """Return what this process holds now, by unit."""
    account = _mallinfo2()
    found = account() if account else _MallInfo2()
    return Held(sys.getallocatedblocks(), found.uordblks + found.hblkhd)


class _Meter:
    """Calls a network, and says what the calls left behind."""

    def __init__(self, network: Network, case: Case) -> None:
        self._network, self._case = network, case
        # Of what is read the last is kept, so that it is in every reading and in no difference but the first.
        self._last = held()

    def left_by(self, calls: int) -> Held:
        """Return what `calls` more calls leave, once all garbage has been collected."""
        for _ in range(calls):
            self._network.call(self._case)
        # What the suite itself keeps of calls, up to a limit, would look like a cache that fills.
        self._network.history.clear()
        self._network.trial.made.clear()
        gc.collect()
        before, self._last = self._last, held()
        return Held(*(new - old for new, old in zip(self._last, before, strict=True)))


def forgets_its_calls(trial: Trial, case: Case) -> None:
    """Call a network again and again.

    Raises:
        Disagreement: it holds more after every round of a first look, and then, over several doublings, in proportion
            to the number of its calls.
    """
    network = trial.build(case)
    with torch.no_grad(), _old_left_alone():
        meter = _Meter(network, case)
        if (units := _seen(meter)) and (left := _kept(meter, units)):
            raise Disagreement(
                "leaks",
                f"each call of the network leaves {left} behind, which is never let go",
                name="it keeps something of every call, and never lets it go",
            )


def _seen(meter: _Meter) -> list[str]:
    """Return the units in which every round of a first look leaves something; that may be a cache that fills."""
    meter.left_by(_LOOK[0])
    units = list(Held._fields)
    for calls in _LOOK:
        left = meter.left_by(calls)
        if not (units := [unit for unit in units if _leaves(unit, calls, left)]):
            break
    return units


def _kept(meter: _Meter, units: Sequence[str]) -> str:
    """Return what each call leaves behind, in words; empty as soon as no unit shows a leak."""
    grown: dict[str, list[int]] = {unit: [] for unit in units}
    # A case that is known to fail is reduced by fewer doublings; what comes out is tried again with all.
    rounds = _DOUBLING[:_FEW] if in_a_hurry() else _DOUBLING
    for calls in rounds:
        left = meter.left_by(calls)
        grown = {
            unit: [*before, getattr(left, unit)]
            for unit, before in grown.items()
            if _leaves(unit, calls, left) and _doubles(unit, [*before, getattr(left, unit)], calls == rounds[-1])
        }
        if not grown:
            return ""
    return " and ".join(counted(round(getattr(left, unit) / calls), unit.removesuffix("s"), unit) for unit in grown)


@contextmanager
def _old_left_alone() -> Iterator[None]:
    """Have a full collection look at what is new only: at everything, it takes as long as a thousand calls.

    It empties the interpreter's free lists, too, from which a leak may be fed, and which may look like one.
    """
    gc.collect(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _leaves(unit: str, calls: int, left: Held) -> bool:
    least: float = calls * _LEAST[unit]
    return bool(getattr(left, unit) >= least)


def _doubles(unit: str, rounds: Sequence[int], is_last: bool) -> bool:
    """Return whether each round left about twice what the one before left; one round may not, when a cache fills up."""
    shrinks = [after + _NOISE[unit] < _GROWS * before for before, after in itertools.pairwise(rounds)]
    return sum(shrinks) < 2 and not (is_last and shrinks[-1])
