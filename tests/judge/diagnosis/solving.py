"""Which bug models explain everything that an implementation returned."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.tests.judge.diagnosis import of_calls, of_ranges, of_updates
from rnn_parity.tests.judge.diagnosis.conditions import fitting
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, Look, exclude
from rnn_parity.tests.judge.diagnosis.model import IDLE, Model
from rnn_parity.tests.judge.diagnosis.raising import raises
from rnn_parity.tests.judge.diagnosis.table import models
from rnn_parity.tests.judge.diagnosis.wiring import Prediction

#: In how many cases a bug has to be seen before its name is certain.
ENOUGH = 3
#: After so many seconds of CPU no other condition is looked for.
SECONDS = 1.0
#: How the names of what is returned begin, in the order in which it is computed.
_IN_ORDER = "output", "h_n", "c_n", "gradient of", "second derivative by"


@dataclass(frozen=True)
class Diagnosis:
    """The bug's name, or what it may be."""

    #: One name: certain, if `certain`. Several: none of them is told from the others.
    names: tuple[str, ...] = ()
    certain: bool = False
    #: How many models were tried, on how many cases, and in how many of these the implementation was seen to be wrong.
    models: int = 0
    cases: int = 0
    wrong: int = 0
    #: Where no model was needed: in which cases it is so, in words.
    shows: str = ""


@dataclass
class _Candidate:
    """A model that explains every failing case, and what it says of all looks."""

    model: Model
    predictions: list[Prediction | None] = field(default_factory=list)
    #: In how many of them it and what is right exclude each other.
    shown: int = 0
    #: The condition under which it holds; empty for always.
    condition: str = ""

    @property
    def name(self) -> str:
        """The whole of it in words."""
        return f"{self.model.name}, {self.condition}" if self.condition else self.model.name


def solve(evidence: Evidence) -> Diagnosis:
    """Find the models that explain all failing cases and all rich ones; where none does, solve for a condition."""
    if not evidence.failing:
        return _changed(evidence) if evidence.judged.name == "updates" else Diagnosis()
    tried, survivors = _explaining(evidence)
    looks = [*evidence.looks, *evidence.rich()]
    found = _always(survivors, looks)
    if not (found or evidence.again or evidence.tracked):
        read_off = [_Candidate(model) for model in of_ranges.models(evidence, looks)]
        looks = list(evidence.looks)  # With those that were made to read it off.
        found, survivors = _always(read_off, looks), [*survivors, *read_off]
    wrong = sum(not look.is_right for look in looks)
    shown = min((candidate.shown for candidate in found), default=0)
    # Of what only raises, no model says anything that could be seen to be so.
    only_raises = all(look.is_right or look.seen.error for look in looks)
    if not (found or only_raises) and (conditional := list(_conditional(survivors, looks))):
        others = list(evidence.rich(stream=1))
        found = [candidate for candidate in conditional if _confirmed(candidate, others)]
        shown = ENOUGH if found else 0
    if not found and (condition := _raising(evidence, looks)):
        shows = f"so it does in {wrong} of {len(looks)} cases; in the others it is right"
        return Diagnosis(condition, len(condition) == 1, tried, len(looks), wrong, shows)
    names = tuple(dict.fromkeys(candidate.name for candidate in found))
    when = " from the second call on" * evidence.again + " where gradients are asked for" * evidence.tracked
    names = tuple(name if name in of_calls.MODELS else name.removesuffix(",") + when for name in names)
    return Diagnosis(names, len(names) == 1 and shown >= ENOUGH, tried, len(looks), wrong)


def _always(candidates: Sequence[_Candidate], looks: Sequence[Look]) -> list[_Candidate]:
    """Those that explain all looks, told apart."""
    for look in looks:
        candidates = [candidate for candidate in candidates if _explains(candidate, look)]
    return _told_apart([candidate for candidate in candidates if candidate.shown])


def _changed(evidence: Evidence) -> Diagnosis:
    """Return which parameters are not followed, and when."""
    found = of_updates.of_updates(evidence)
    shows = f"so it is in {found.wrong} of {found.tried} calls after a change; in the others it is right"
    return Diagnosis(found.names, len(found.names) == 1 and found.wrong >= ENOUGH, wrong=found.wrong, shows=shows)


def _raising(evidence: Evidence, looks: Sequence[Look]) -> tuple[str, ...]:
    """Conditions under which it raises, in looks and in others made after they were found."""
    if not (found := list(raises(looks, ENOUGH))):
        return ()
    again = set(raises(list(evidence.rich(stream=1)), 1))
    return tuple(name for name in found if name in again)


def _explaining(evidence: Evidence) -> tuple[int, list[_Candidate]]:
    """Return how many models there are, and those that explain every failing case."""
    first = evidence.failing[0]
    order = _order(first)
    table = [*(of_calls.models(first.case) if evidence.again else ()), *models(first.case)]
    found = [model for model in table if model.order == order or (model.both and order < 2)]
    for look in evidence.failing:
        known: dict[Hashable, bool] = dict.fromkeys(IDLE, False)
        wrong = look.wrong
        found = [model for model in found if all(map(model.touches, wrong)) and _explained(look, model, known)]
    return len(table), [_Candidate(model) for model in found]


def _explained(look: Look, model: Model, known: dict[Hashable, bool]) -> bool:
    """Return whether a model explains a failing look, computed once for models that come to the same there."""
    if (key := model.comes_to(look.case)) not in known:
        known[key] = _may_explain(look, model) and look.explained_by(look.computed(model))
    return known[key]


def _may_explain(look: Look, model: Model) -> bool:
    """Return whether a model explains what comes before gradients, which costs far less to find out."""
    return not (model.both and look.case.has_cotangents) or look.explained_by(look.forward.computed(model))


def _order(look: Look) -> int:
    """Return how often one has to differentiate, as far as is asked for, until something is wrong."""
    if not look.case.has_cotangents or look.right is None or look.seen.error:
        return 0
    for order in range(2):
        before = {name: ball for name, ball in look.right.parts.items() if name.startswith(_IN_ORDER[: 3 + order])}
        if not look.explained_by(Prediction(before)):
            return order
    return 2


def _explains(candidate: _Candidate, look: Look) -> bool:
    """Return whether a candidate explains one more look, and keep what it says there."""
    prediction = look.predicted(candidate.model)
    if not look.explained_by(prediction) or look.too_good_for(candidate.model, prediction):
        return False
    candidate.predictions.append(prediction)
    candidate.shown += look.tells_apart(prediction)
    return True


def _told_apart(found: Sequence[_Candidate]) -> list[_Candidate]:
    """One candidate of those that say the same, the plainest, and none that says the same less sharply than another."""
    kept: list[_Candidate] = []
    for candidate in sorted(found, key=lambda candidate: candidate.model.special):
        if not any(_plainer(other, candidate) and _same(other.predictions, candidate.predictions) for other in kept):
            kept.append(candidate)
    return [
        candidate
        for candidate in kept
        if not any(
            other is not candidate
            and _inside(other.predictions, candidate.predictions)
            and not _inside(candidate.predictions, other.predictions)
            for other in kept
        )
    ]


def _plainer(one: _Candidate, other: _Candidate) -> bool:
    """Return whether the first says it more plainly: everywhere, or in the same family without another number."""
    same_family = one.model.family == other.model.family and not other.model.numbered
    return one.model.special < other.model.special or same_family


def _same(some: Sequence[Prediction | None], others: Sequence[Prediction | None]) -> bool:
    """Return whether no prediction excludes the other's."""
    return _throughout(lambda one, other: not exclude(one, other), some, others)


def _inside(some: Sequence[Prediction | None], others: Sequence[Prediction | None]) -> bool:
    """Return whether everything that some predictions allow is allowed by others."""
    return _throughout(_ball_inside, some, others)


def _throughout(
    holds: Callable[[Ball, Ball], bool], some: Sequence[Prediction | None], others: Sequence[Prediction | None]
) -> bool:
    """Return whether a relation holds for every two balls of two predictions; where one raises, the other must."""
    return all(
        one is other
        or (
            one is not None
            and other is not None
            and all(holds(ball, other.parts[name]) for name, ball in one.parts.items())
        )
        for one, other in zip(some, others, strict=True)
    )


def _ball_inside(inner: Ball, outer: Ball) -> bool:
    distance = abs(inner.mid - outer.mid)
    same = (inner.mid == outer.mid) | ((inner.mid != inner.mid) & (outer.mid != outer.mid))
    return bool(((same & (inner.rad <= outer.rad)) | (distance + inner.rad <= outer.rad * RADIUS_SLACK)).all())


def _conditional(survivors: Sequence[_Candidate], looks: Sequence[Look]) -> Iterator[_Candidate]:
    """Models that explain what is wrong, with the condition on cases that tells it from what is right."""
    start = time.process_time()
    said: list[list[Prediction | None]] = []
    for candidate in sorted(survivors, key=lambda candidate: candidate.model.special):
        if time.process_time() - start > SECONDS:
            return
        split = _split(candidate.model, looks)
        if split is None or len(split[0]) < ENOUGH or len(split[1]) < ENOUGH:
            continue
        shown, not_shown = ([look.case for look in part] for part in split)
        conditions = list(fitting(shown, not_shown))
        # Under its condition it may say what a plainer one says.
        predictions = [look.predicted(candidate.model) for look in looks if not look.is_right]
        if conditions and not any(_same(predictions, others) for others in said):
            said.append(predictions)
            yield from (_Candidate(candidate.model, condition=condition) for condition in conditions)


def _confirmed(candidate: _Candidate, others: Sequence[Look]) -> bool:
    """Return whether a condition holds in other looks, too, which were made after it was found."""
    split = _split(candidate.model, others)
    if split is None:
        return False
    shown, not_shown = ([look.case for look in part] for part in split)
    return bool(shown) and bool(not_shown) and candidate.condition in fitting(shown, not_shown)


def _split(model: Model, looks: Sequence[Look]) -> tuple[list[Look], list[Look]] | None:
    """Split looks into those in which a model holds, and those in which it would show and does not.

    Return None where neither the model nor what is right explains a look.
    """
    shown: list[Look] = []
    not_shown: list[Look] = []
    for look in looks:
        prediction = look.predicted(model)
        too_good, holds = look.too_good_for(model, prediction), look.explained_by(prediction)
        if not holds and not look.is_right:
            return None
        if too_good or look.tells_apart(prediction):
            (shown if holds and not too_good else not_shown).append(look)
    return shown, not_shown
