"""Memory that grows with every call: a history that is kept, a buffer that is never freed."""

from __future__ import annotations

import ctypes
import gc
import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch

from strategies import Case
from tests.judge.trial import Network, Trial
from tests.judge.verdict import Disagreement
from tests.judge.wording import counted

#: Calls a round, and rounds after all of which more has to be held; and that again, evenly, before anyone is accused.
_SERIES, _CONFIRM = (4, 4), (16, 8)
#: What a call that leaves something leaves at least: an object, or the smallest allocation of the C library.
_LEAST = {"objects": 1, "bytes": 16}
#: How much more a round may leave than the best one, where each call leaves the same. Two rounds may leave more
#: still: a list is enlarged.
_EVEN = 1.05


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
    """The C library's own account; None where it is not GNU's."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _MallInfo2
    return function


def held() -> Held:
    """What this process holds now."""
    account = _mallinfo2()
    found = account() if account else _MallInfo2()
    return Held(sys.getallocatedblocks(), found.uordblks + found.hblkhd)


def forgets_its_calls(trial: Trial, case: Case) -> None:
    """Call a network again and again.

    Raises:
        Disagreement: it holds more after every round of two series, in the second, a long one, evenly so, and still
            does when all garbage has been collected.
    """
    network = trial.build(case)
    with torch.no_grad():
        if _left(network, case, *_SERIES, math.inf) and (left := _kept(network, case)):
            raise Disagreement(
                "leaks",
                f"each call of the network leaves {left} behind, which is never let go",
                name="it keeps something of every call, and never lets it go",
            )


def _kept(network: Network, case: Case) -> str:
    """What each call of a long series leaves behind; nothing where collecting all garbage lets it go."""
    gc.collect()
    before = held()
    left = _left(network, case, *_CONFIRM, _EVEN)
    gc.collect()
    calls = math.prod(_CONFIRM)
    stay = any(new - old >= calls * least for new, old, least in zip(held(), before, _LEAST.values(), strict=True))
    return left if stay else ""


def _left(network: Network, case: Case, calls: int, rounds: int, even: float) -> str:
    """What each call leaves behind, in words; empty as soon as that is nothing, or not the same in every round.

    What grows until a cache or an arena is full grows less and less. The first round, which fills them, is left out.
    """
    _call(network, case, calls)
    before, seen = held(), []
    for _ in range(rounds):
        _call(network, case, calls)
        now = held()
        seen.append([new - old for new, old in zip(now, before, strict=True)])
        if not (said := _evenly(calls, seen, even)):
            return ""
        before = held()  # What was noted here is not the network's.
    return said


def _call(network: Network, case: Case, calls: int) -> None:
    for _ in range(calls):
        network.call(case)
    network.history.clear()
    # Young garbage is all that calls make, and looking through everything takes a hundred times as long.
    gc.collect(1)


def _evenly(calls: int, seen: Sequence[Sequence[int]], even: float) -> str:
    """What every round left, where all left about the same, for each of their calls; in words."""
    told = []
    for unit, series in zip(Held._fields, zip(*seen, strict=True), strict=True):
        least, most = min(series), sorted(series)[max(0, len(series) - 3)]
        if least >= calls * _LEAST[unit] and most <= least * even + _LEAST[unit]:
            told.append(counted(round(least / calls), unit[:-1]))
    return " and ".join(told)
