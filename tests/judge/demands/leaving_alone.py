"""What building and calling a network must leave alone, looked at closely: settings, random numbers, the terminal."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from strategies import Case
from tests.judge.trial import gradients, surroundings
from tests.judge.trial.surroundings import FURTHER, GENERATORS, SETTINGS, Setting
from tests.judge.trial.trial import Trial
from tests.judge.trial.verdict import Disagreement

#: How much is told of what was printed.
_TOLD = 200


def leaves_alone(trial: Trial, case: Case) -> None:
    """Build, call and perhaps differentiate a network, twice: the first one imports its library, and may set things up.

    What the first one changed is put back, so that who changes it each time is found out.

    Raises:
        Disagreement: something around it was changed, or something was printed.
    """
    before = surroundings.snapshot(FURTHER)
    trial.build(case).call(case)
    if case.has_cotangents:
        _differentiating(trial, case)()
    surroundings.restored(before, FURTHER)
    network = _quietly("building a network", SETTINGS | FURTHER, lambda: trial.build(case))
    everything = SETTINGS | FURTHER | GENERATORS
    _quietly("calling the network", everything, lambda: network.call(case))
    if case.has_cotangents:
        _quietly("differentiating", everything, _differentiating(trial, case))


def _differentiating(trial: Trial, case: Case) -> Callable[[], None]:
    """Return a function that builds and calls a new network, and runs its backward pass."""
    asked = gradients.ask(case)
    network = trial.build_from(case, asked.weights)
    return lambda: trial.run_back(case, [network.call_on(case, asked.x, asked.h_0)])


def _quietly(what: str, settings: dict[str, Setting], function: Callable[[], Any]) -> Any:
    before = surroundings.snapshot(settings)
    with _listening() as heard:
        try:
            result = function()
        finally:
            changed = surroundings.restored(before, settings)
    surroundings.objects(what, before, changed)
    if heard:
        raise Disagreement("prints", f"{what} printed {heard[0][:_TOLD]!r}", name=f"it prints, {what}")
    return result


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Record what is printed within the block, through Python and past it."""
    heard: list[str] = []
    said = io.StringIO()
    with tempfile.TemporaryFile() as file, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        kept = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in kept:
                os.dup2(file.fileno(), number)
            yield heard
        finally:
            ctypes.CDLL(None).fflush(None)
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
        file.seek(0)
        if text := said.getvalue() + file.read().decode(errors="replace"):
            heard.append(text)
