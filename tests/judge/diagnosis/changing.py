"""What a network gives after its parameters were changed: by every route, once and twice; all of them, all but one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch

from rnn_parity import Implementation
from rnn_parity.contract import Array
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.steps import keep
from rnn_parity.tests.judge.base.fills import Fill
from rnn_parity.tests.judge.demands.updates import Changing
from rnn_parity.tests.judge.trial import gradients, surroundings
from rnn_parity.tests.judge.trial.lengths import in_parts
from rnn_parity.tests.judge.trial.observation import observed
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import as_result, by_name

#: Nothing else is tried after so many seconds of CPU.
SECONDS = 4.0
#: How a network is called: without gradients being asked for, with, and to go back as well.
WAYS = ("untracked", "tracked", "back")
#: A route by which parameters are others for one call.
LENT = "torch.func.functional_call"
#: The numbers that parameters are changed to, one after the other.
_FILLS = (Fill("signed", 1), Fill("many-digit", 2))
#: What a cache may go by: whether a parameter is the same object, lies at the same address, has the same version.
_MARKS: dict[str, Callable[[torch.Tensor], object]] = {
    "object": id,
    "address": torch.Tensor.data_ptr,
    "version": lambda tensor: (id(tensor), tensor._version),
}
_Marks = dict[str, dict[str, object]]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network gave after a change, and what its parameters were."""

    case: Case
    #: With the parameters that it had at earlier calls.
    before: tuple[Case, ...]
    #: By the names of an `Observation`.
    parts: Mapping[str, Array]
    way: str
    route: str
    #: How often it has been changed by this route.
    number: int
    #: The names of the parameters that were changed, and which marks all of these kept.
    changed: frozenset[str]
    same: frozenset[str]
    #: Whether the network may go by a copy of all parameters that it was built with.
    may_copy: bool


@surroundings.kept()
def after_changes(implementation: Implementation, cases: Sequence[Case]) -> list[Seen]:
    """Change the parameters of networks, and call them before and after; nothing where there is no time for all.

    Raises:
        Disagreement: one cannot be built, changed or called.
    """
    start = time.process_time() + cpu_seconds()
    found: list[Seen] = []
    for case in cases:
        for tried in _tries(Trial(implementation), case):
            if time.process_time() + cpu_seconds() - start > SECONDS:
                return []
            found += tried
    return found


def _tries(trial: Trial, case: Case) -> Iterator[Iterator[Seen]]:
    """Yield all that is tried on a case: every route, twice; all parameters but one; and calls on another x."""
    one, other = (fill.of(case).weights for fill in _FILLS)
    changed = replace(case, weights=one)
    for route in range(len(Changing.built(trial, case).routes())):
        yield _changed(trial, route, (case, changed, replace(case, weights=other)))
    yield _lent(trial, case, changed)
    names = list(case.weights)
    for name in (names[0], names[1], names[len(names) // 2], names[-1]):
        yield _changed(trial, 0, (case, replace(case, weights={**one, name: case.weights[name]})))
    # Who remembers results, and not parameters, is right there.
    for now in (keep(changed, "steps", range(case.steps - 1)), replace(changed, x=-case.x)):
        yield _changed(trial, 0, (case, now))


def _changed(trial: Trial, route: int, states: Sequence[Case]) -> Iterator[Seen]:
    changing = Changing.built(trial, states[0])
    if changing.own.keys() != states[0].weights.keys():
        return  # What it took out of the mapping is not changed.
    how, change = changing.routes()[route]
    told: dict[str, Any] = {"route": how, "may_copy": "copied" in changing.goes_by}
    _called(changing, states[0])
    for number, (last, now) in enumerate(pairwise(states), 1):
        marks = _marks(changing)
        changing.change(change, now)
        told["changed"] = frozenset(name for name in now.weights if now.weights[name] is not last.weights[name])
        kept = _kept(told["changed"], marks, _marks(changing))
        if all(kept["object"].values()) and len(set(kept["address"].values())) > 1:
            return  # Some parameters have come to where they were by chance: not all are stale, or none.
        told["same"] = frozenset(mark for mark, each in kept.items() if all(each.values()))
        for way, parts in _called(changing, now):
            yield Seen(now, tuple(states[:number]), parts, way, number=number, **told)
    if now.has_cotangents:
        yield Seen(now, tuple(states[:-1]), _differentiated(changing, now), "back", number=number, **told)


def _kept(changed: frozenset[str], marks: _Marks, now: _Marks) -> dict[str, dict[str, bool]]:
    """Return which marks each of the parameters that were changed has kept."""
    return {mark: {name: of[name] == marks[mark][name] for name in changed} for mark, of in now.items()}


def _lent(trial: Trial, case: Case, other: Case) -> Iterator[Seen]:
    """Call a module with parameters that it is lent for one call."""
    changing = Changing.built(trial, case)
    if changing.module is None:
        return
    _called(changing, case)
    with torch.no_grad():
        weights, x, h_0 = other.tensors()
        arguments = (x,) if h_0 is None else (x, in_parts(other.config, h_0))
        returned = trial._timed("calling the network", torch.func.functional_call, changing.module, weights, arguments)
        result = as_result(returned, other.config.kind)
    parts = observed(other, by_name(other, result)).parts
    yield Seen(other, (case,), parts, "untracked", LENT, 1, frozenset(case.weights), frozenset(), may_copy=False)


def _marks(changing: Changing) -> _Marks:
    return {mark: {name: of(tensor) for name, tensor in changing.own.items()} for mark, of in _MARKS.items()}


def _called(changing: Changing, case: Case) -> list[tuple[str, Mapping[str, Array]]]:
    """Return the results of a call without and, where gradients are claimed, of one with tracking."""
    found = []
    for tracked in (False, True)[: 1 + changing.trial.capabilities.gradients]:
        with torch.set_grad_enabled(tracked):
            result = changing.network.call_on(case, *case.tensors()[1:])
        found.append((WAYS[tracked], observed(case, by_name(case, result)).parts))
    return found


def _differentiated(changing: Changing, case: Case) -> Mapping[str, Array]:
    asked = gradients.ask(case)._replace(weights=dict(changing.own))
    for tensor in changing.own.values():
        tensor.grad = None
    changing.trial.run_back(case, [changing.network.call_on(case, asked.x, asked.h_0)])
    found = gradients.collect(asked, changing.own)
    return observed(case, {f"gradient of {name}": tensor for name, tensor in found.items()}).parts
