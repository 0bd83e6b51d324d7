"""What one call may take, and how a process that takes more, or dies, is told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


class Crashed(RuntimeError):
    """The process in which an implementation ran has died; `how` says of what, without what it printed."""

    def __init__(self, how: str, last_words: str = "") -> None:
        super().__init__(f"{how}: {last_words or 'it printed nothing'}")
        self.how = how


class TimedOut(Crashed):
    """An implementation did not return within the limit, and its process was ended."""


class TookMemory(Crashed):
    """The process of an implementation grew beyond the limit, and was ended."""


@dataclass(frozen=True)
class Limits:
    """What one call may take, whether to build a network, to run it or to differentiate."""

    seconds: float = math.inf
    #: Bytes that the process may hold meanwhile.
    memory: float = math.inf


_LIMITS = [Limits()]


def limits() -> Limits:
    """Return the limits that hold now."""
    return _LIMITS[-1]


def set_limits(found: Limits) -> None:
    """Limit calls from now on."""
    _LIMITS[:] = [found]


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Limit calls more strictly than the run does within the block, whatever limit held before."""
    _LIMITS.append(replace(limits(), seconds=min(seconds, _LIMITS[0].seconds)))
    try:
        yield
    finally:
        _LIMITS.pop()


@contextmanager
def limited_as_asked() -> Iterator[None]:
    """Limit calls as the run asks within the block, however strictly they are limited now."""
    _LIMITS.append(_LIMITS[0])
    try:
        yield
    finally:
        _LIMITS.pop()


def in_a_hurry() -> bool:
    """Return whether calls are limited more strictly than the run asks: a failure is being shrunk or diagnosed."""
    return limits() is not _LIMITS[0]
