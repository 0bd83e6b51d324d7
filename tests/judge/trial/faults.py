"""What an implementation does instead of returning: it raises, takes its process down, hangs, or takes all memory."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from rnn_parity.registry.frames import frames_of
from rnn_parity.registry.limits import Crashed, TimedOut, TookMemory
from rnn_parity.registry.server import in_words
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: Kinds of disagreement by what ended a process, and what the bug is called.
_ENDS: dict[type[Crashed], tuple[str, str]] = {
    TimedOut: ("hangs", "it does not return"),
    TookMemory: ("takes memory", "it exceeds the memory limit"),
    Crashed: ("crashes", "it crashes its process"),
}
#: Kinds that end a process: a crash, or a limit.
ENDING = tuple(kind for kind, _ in _ENDS.values())
#: Kinds that cost a process, or a hundred calls, each time they are seen.
COSTLY = (*ENDING, "leaks")
#: How kinds begin that show by chance: how often a case fails has to be counted.
BY_CHANCE = "threads: "
#: How a plugin of pytest, such as pytest-timeout, ends an item from outside, in the middle of whatever it does.
ENDED_FROM_OUTSIDE = pytest.fail.Exception
#: Longer texts of errors are cut.
_TEXT = 2000


class Interruption:
    """Tells the user's Ctrl-C from a KeyboardInterrupt that an implementation raises.

    Python drops what a signal raises during a callback of the garbage collector, or a finalizer: it is raised again.
    """

    def __init__(self) -> None:
        self.pressed = False

    def watch(self) -> None:
        """Listen from now on, in the main thread."""
        self.pressed = False
        before: Any = signal.getsignal(signal.SIGINT)

        def heard(number: int, frame: Any) -> None:
            self.pressed = True
            if callable(before):
                before(number, frame)

        if callable(before):
            signal.signal(signal.SIGINT, heard)


INTERRUPTION = Interruption()


def disagreement_from(what: str, error: BaseException) -> Disagreement:
    """Return the disagreement for an error that an implementation raised, or for the end of its process."""
    for ending, (kind, name) in _ENDS.items():
        if isinstance(error, ending):
            return Disagreement(kind, str(error), name=f"{name}: {error.how}")
    raised, text = type(error).__name__, in_words(error)[:_TEXT]
    said = f"{what} raised {raised}: {text}"
    ends = f"raises {raised}, which is no Exception and ends the program that calls it"
    ordinary = isinstance(error, Exception)
    found = Disagreement(f"raises {raised}", said) if ordinary else Disagreement(f"ends by {raised}", said, name=ends)
    found.frames = frames_of(error)
    return found


def guarded(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of an implementation, and return what it returns.

    Raises:
        Disagreement: it raised, whatever it was.
        KeyboardInterrupt: the user pressed Ctrl-C meanwhile.
        pytest.fail.Exception: a plugin of pytest has ended the item.
    """
    if INTERRUPTION.pressed:
        raise KeyboardInterrupt
    try:
        return function(*arguments)
    except ENDED_FROM_OUTSIDE:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and INTERRUPTION.pressed:
            raise
        raise disagreement_from(what, error) from error
