"""Names of bugs in following parameters that change: which of them are used as they were before, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any, NamedTuple

from rnn_parity import Rounding
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell, layer_passes, results
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.diagnosis.changing import Seen, after_changes
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, within
from rnn_parity.tests.judge.diagnosis.model import SCOPES
from rnn_parity.tests.judge.diagnosis.rich import rich_cases
from rnn_parity.tests.judge.diagnosis.wiring import cells_of
from rnn_parity.tests.judge.trial.by_name import gradients as by_names
from rnn_parity.tests.judge.trial.by_name import outputs
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: On so many small cases parameters are changed, and out of so many they are chosen.
CASES, _DRAWN = 3, 80
_SMALL, _LAYERS = 4, 2
_LIMITS = ("max_steps", "max_batch", "max_input_size", "max_hidden_size")
_ROLES = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
_TOGETHER = {
    ("W_ih", "W_hh", "b_ih", "b_hh"): "parameters",
    ("W_ih", "W_hh"): "weights",
    ("b_ih", "b_hh"): "biases",
}
#: No more routes are listed.
_LISTED = 3


class _Who(NamedTuple):
    """Some parameters of every network."""

    words: str
    where: str
    roles: tuple[str, ...]
    applies: Callable[[Cell], bool]

    def of(self, case: Case) -> frozenset[str]:
        """Return their names in one."""
        cells = zip(case.config.suffixes(), cells_of(case).values(), strict=True)
        names = {f"{role}_{suffix}" for suffix, cell in cells if self.applies(cell) for role in self.roles}
        return frozenset(names & set(case.weights))


def _everyone() -> Iterator[_Who]:
    """Yield the parameters that may be stale, from the plainest on: those of some roles, in some cells."""
    groups = [*_TOGETHER, *(one for number in (1, 2, 3) for one in combinations(_ROLES, number))]
    for where, applies in SCOPES.items():
        for group in dict.fromkeys(groups):
            what, verb = _TOGETHER.get(group) or listed(group), "is" if len(group) == 1 else "are"
            yield _Who(
                f"{what} from before a change {verb} used", where, tuple(_ROLES[role] for role in group), applies
            )


Holds = Callable[[Seen], bool]


def _names(seen: Seen) -> list[str]:
    return list(seen.case.weights)


#: When they are: of each group one condition may hold, from the plainest on.
_WAYS: dict[str, Holds] = {
    "": lambda seen: True,
    "where no gradients are asked for": lambda seen: seen.way == "untracked",
    "where gradients are asked for": lambda seen: seen.way != "untracked",
}
_UNLESS: dict[str, Holds] = {
    "": lambda seen: True,
    "unless the first of all parameters changes, too": lambda seen: _names(seen)[0] not in seen.changed,
    "unless the last of all parameters changes, too": lambda seen: _names(seen)[-1] not in seen.changed,
}
_AS_LONG: dict[str, Holds] = {
    "": lambda seen: True,
    "as long as each is the same object": lambda seen: "object" in seen.same,
    "as long as each lies at the same address": lambda seen: "address" in seen.same,
    "as long as each is the same object of the same version": lambda seen: "version" in seen.same,
    "where each is another object than before": lambda seen: "object" not in seen.same,
}
_AGAIN: dict[str, Holds] = {"": lambda seen: True, "from the second time on": lambda seen: seen.number > 1}


class Found(NamedTuple):
    """Names, how many changes were looked at, and after how many of them it was wrong."""

    names: tuple[str, ...] = ()
    tried: int = 0
    wrong: int = 0


def of_updates(evidence: Evidence) -> Found:
    """Return the name of a bug that shows after parameters were changed; several where none is told from others."""
    try:
        seen = after_changes(evidence.implementation, _cases(evidence))
    except Disagreement:
        return Found()
    judged = _Judged(evidence.implementation.rounding)
    looked_at, back = [one for one in seen if one.way != "back"], ""
    if all(map(judged.is_fresh, looked_at)):
        looked_at, back = [one for one in seen if one.way == "back"], " on the way back"
    wrong = sum(not judged.is_fresh(one) for one in looked_at)
    names = [name for who in _plainest(judged, looked_at) for name in _when(judged, who, looked_at, back)]
    return Found(tuple(names), len(looked_at), wrong)


def _cases(evidence: Evidence) -> list[Case]:
    """Return small cases of all sorts of parameters that are claimed, so that it can be told which are stale."""
    within, like = evidence.within, replace(evidence.minimal, twice=False)
    layers = min(_LAYERS, within.max_layers or _LAYERS)
    sizes: dict[str, Any] = {limit: min(_SMALL, getattr(within, limit) or _SMALL) for limit in _LIMITS}
    biases, dtypes = (max(within.biases),), (like.config.dtype,)
    claims = replace(within, max_layers=layers, biases=biases, dtypes=dtypes, **sizes)
    parameters = layers * (1 + within.bidirectional) * (2 + 2 * biases[0])
    drawn = [
        case
        for case in rich_cases(like, claims, _DRAWN)
        if len(case.weights) == parameters and case.finite and _has_rows_and_columns(case)
    ]
    return drawn[:CASES]


def _has_rows_and_columns(case: Case) -> bool:
    """Return whether all sizes are 2 or more: of one row or column, what is laid out anew may still be a view."""
    return min(case.steps, case.config.input_size, case.config.hidden_size) > 1 and case.batch_size > 0


@dataclass
class _Judged:
    """Compares what was seen with what stale parameters give; predictions are kept."""

    rounding: Rounding
    _known: dict[tuple[Case, Case | None, frozenset[str], bool], Mapping[str, Ball]] = field(default_factory=dict)

    def is_fresh(self, seen: Seen) -> bool:
        """Return whether parameters are what they are now."""
        return self._fits(seen, None, frozenset())

    def is_stale(self, seen: Seen, names: frozenset[str]) -> bool:
        """Return whether these are what they were at an earlier call."""
        return any(self._fits(seen, before, names & seen.changed) for before in seen.before)

    def _fits(self, seen: Seen, before: Case | None, names: frozenset[str]) -> bool:
        key = seen.case, before if names else None, names, seen.way == "back"
        if key not in self._known:
            self._known[key] = _predicted(*key, self.rounding)
        return all(within(seen.parts[name], ball) for name, ball in self._known[key].items())


def _predicted(
    case: Case, before: Case | None, names: frozenset[str], back: bool, rounding: Rounding
) -> Mapping[str, Ball]:
    """Return results with some parameters from before, or gradients that go back through these."""
    stale = case if before is None else case.with_arrays(**{name: before.weights[name] for name in names})
    if not back:
        return outputs(case, *results(stale, layer_passes(stale, rounding)))
    layers = [made.layer for made in layer_passes(stale, rounding)]
    passes = [made._replace(layer=layer) for made, layer in zip(layer_passes(case, rounding), layers, strict=True)]
    found = gradients(case, rounding, passes=passes)
    return by_names(case, "gradient of", found)


def _plainest(judged: _Judged, seen: Sequence[Seen]) -> list[_Who]:
    """Return who explains all that is not right, the plainest of those that are the same parameters here."""
    wrong = [one for one in seen if not judged.is_fresh(one)]
    found: dict[tuple[frozenset[str], ...], _Who] = {}
    for who in _everyone():
        names = tuple(_telling(who, one) for one in wrong)
        if wrong and names not in found and all(map(judged.is_stale, wrong, names)):
            found[names] = who
    return list(found.values())


def _telling(who: _Who, seen: Seen) -> frozenset[str]:
    """Return whose values from before would be seen: through biases nothing goes back."""
    return frozenset(
        name for name in who.of(seen.case) & seen.changed if seen.way != "back" or not name.startswith("bias")
    )


def _when(judged: _Judged, who: _Who, seen: Sequence[Seen], back: str) -> Iterator[str]:
    """Yield names with the fewest conditions that tell when these parameters are stale from when they are not."""
    telling = {one: not judged.is_fresh(one) for one in seen}
    for one, stale in list(telling.items()):
        if not stale and judged.is_stale(one, _telling(who, one)):
            del telling[one]  # It is right either way.
    for conditions in (_AS_LONG, _routes(telling)):
        fitting = [
            words
            for words, holds in _together(conditions)
            if all(all(hold(one) for hold in holds) == stale for one, stale in telling.items())
        ]
        if [] in fitting and not (who.where or back) and len(who.roles) == len(_ROLES) and seen[0].may_copy:
            return
        if fitting:
            fewest = min(map(len, fitting))
            yield from (", ".join([who.words + back + who.where, *said]) for said in fitting if len(said) == fewest)
            return


def _together(conditions: Mapping[str, Holds]) -> Iterator[tuple[list[str], list[Holds]]]:
    """Yield one condition of each group together, in words, and as what holds."""
    for chosen in product(_WAYS.items(), _UNLESS.items(), conditions.items(), _AGAIN.items()):
        yield [word for word, _ in chosen if word], [hold for _, hold in chosen]


def _routes(telling: Mapping[Seen, bool]) -> dict[str, Holds]:
    """Return conditions that list the routes after which something is stale, or those after which nothing is."""
    ever = {one.route for one, stale in telling.items() if stale}
    never = {one.route for one in telling} - ever
    lists = {"after {}": (ever, True), "except after {}": (never, False)}
    return {
        wording.format(listed(sorted(routes), " or ")): _among(frozenset(routes), way)
        for wording, (routes, way) in lists.items()
        if 0 < len(routes) <= _LISTED
    }


def _among(routes: frozenset[str], way: bool) -> Holds:
    return lambda seen: (seen.route in routes) == way
