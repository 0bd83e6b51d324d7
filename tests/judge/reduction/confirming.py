"""Whether a verdict can be repeated: its case is tried again before anyone is accused.

What hangs on the process that judges (what was called there before, how much memory it holds) is tried in a new one.
Where an implementation cannot be found by its name there, or cannot be judged, it is tried where it is.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from tempfile import NamedTemporaryFile
from time import monotonic

import torch

from impls import isolation
from impls.isolation import limited_as_asked
from tests.judge.base.finding import Tries
from tests.judge.demands.property import load_properties
from tests.judge.reduction.counterexample import Counterexample
from tests.judge.trial.faults import BY_CHANCE
from tests.judge.trial.trial import Trial
from tests.judge.trial.verdict import Disagreement

#: Properties that hang on what happened in the process before.
_OF_THE_PROCESS = ("leaks", "memory", "surroundings", "threads")
#: How often it is tried, where it does not fail at once, or fails by chance, and for how many seconds at most.
_TRIES, _SECONDS = 20, 60.0
#: How long a new process may take until it is ready to judge: it imports a library.
_STARTS = 60.0


def confirmed(found: Counterexample, first: Disagreement) -> Counterexample:
    """Try a counterexample again, or, where it passes, the case that failed first, and return what fails."""
    again = replace(found, tries=tried_again(found))
    if again.tries.failed or found.case is found.found:
        return again
    whole = Counterexample.as_found(found.property, found.implementation, found.found, first)
    tries = tried_again(whole)
    return replace(whole, tries=tries) if tries.failed else again


def tried_again(found: Counterexample) -> Tries:
    """Return how often a case fails again: once is enough, unless it fails by chance."""
    always = found.disagreement.kind.startswith(BY_CHANCE)
    failed = made = 0
    with limited_as_asked():
        for fails in _outcomes(found):
            failed, made = failed + fails, made + 1
            if fails and made == 1 and not always:
                break
    return Tries(failed, made)


def _outcomes(found: Counterexample) -> Iterator[bool]:
    """Yield whether the case fails, try by try, until the time is over."""
    made, ends = 0, monotonic() + _SECONDS
    if found.implementation.environment is not None:
        isolation.end(found.implementation.name)  # Its next network gets a new process.
    elif found.property.name in _OF_THE_PROCESS and torch.get_default_device().type == "cpu":
        for fails in _afresh(found):
            made += 1
            yield fails
    if not made:
        for fails in _here(found):
            yield fails
            if monotonic() > ends:
                return


def _here(found: Counterexample) -> Iterator[bool]:
    for _ in range(_TRIES):
        try:
            found.property.judge(Trial(found.implementation, asked_for=found.property.name), found.case)
        except Disagreement:
            yield True
        else:
            yield False


def _afresh(found: Counterexample) -> Iterator[bool]:
    """Yield whether the case fails in a new process; nothing where it cannot be judged there."""
    implementation = found.implementation
    near, far = isolation.pipe()
    with NamedTemporaryFile(prefix="rnn-parity-") as printed:
        known_as = implementation.asked or implementation.name, implementation.name
        case = pickle.dumps(found.case, protocol=5)
        given = *known_as, list(sys.path), printed.name, found.property.name, case, far
        process = isolation.started(judge_afresh, *given)
        far.close()
        try:
            yield from _answers(near)
        finally:
            process.kill()


def _answers(near: Connection) -> Iterator[bool]:
    """Yield the answers of the new process, until the time is over or it is done; its death is a failure."""
    if not near.poll(_STARTS):
        return
    ends, expected = monotonic() + _SECONDS, 0
    try:
        while near.poll(max(0.0, ends - monotonic())):
            fails = near.recv()
            if expected:
                yield fails
            expected += 1
            if expected > _TRIES:
                return
    except (EOFError, OSError):
        if expected:
            yield True


def judge_afresh(
    asked: str, name: str, path: list[str], printed: str, judged: str, case: bytes, connection: Connection
) -> None:
    """Say in a new process that it is ready, and then of each try whether the case fails."""
    isolation.set_up({}, path, printed)
    from impls.registry import resolve

    (implementation,) = [found for found in resolve(asked) if found.name == name]
    found = Counterexample.as_found(load_properties()[judged], implementation, pickle.loads(case), Disagreement("", ""))
    # What is imported and built for a shape once is no part of a try.
    Trial(implementation, asked_for=judged).build(found.case)
    connection.send(False)
    for fails in _here(found):
        connection.send(fails)
