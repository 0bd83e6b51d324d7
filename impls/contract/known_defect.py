"""A finding about somebody else's library, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnn_parity.contract.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDefect:
    """A finding about somebody else's library, kept as data beside its adapter.

    Drawn cases avoid `predicate`; the archived case `case` (a file name in `tests/regressions/`) is replayed as a
    strict expected failure, so that a fix upstream is noticed.
    """

    name: str
    #: Whether a case runs into it.
    predicate: Callable[[Case], bool]
    reason: str
    link: str
    #: Empty where the adapter works around it, so that no case shows it.
    case: str
    #: Whether this machine shows it at all.
    present: Callable[[], bool] = lambda: True
    #: Whose it is, where that is another library than the implementation's own.
    library: str = ""
    #: The properties that show it, where others are met on such cases; all, if none are named.
    properties: tuple[str, ...] = ()
