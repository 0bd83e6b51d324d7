"""Evidence: what an implementation returned on failing cases, on cases that passed, and on rich ones."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from rnn_parity import Capabilities, Rounding
from rnn_parity.contract import Array
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.steps import keep
from rnn_parity.tests.judge.base.fills import companion
from rnn_parity.tests.judge.diagnosis.model import Calls, Model
from rnn_parity.tests.judge.diagnosis.of_second import REFERENCE
from rnn_parity.tests.judge.diagnosis.rich import rich_cases
from rnn_parity.tests.judge.diagnosis.wiring import Prediction
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.judge.trial.observation import Observation, observe, observe_calls
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import error_over_bound

#: So much wider than the bound on what is right, a prediction is one of low precision; for so many numbers that is not
#: met by chance.
_MANY, _FEW = 2.0**7, 8
#: How many rich cases are looked at, and for how many seconds of CPU at most.
RICH = 120
SECONDS = 1.0
#: And how many of those that the property itself draws.
DRAWN = 40
HEALTH = list(HealthCheck)
#: Properties whose calls ask for gradients.
TRACKED = ("gradients", "length_gradients", "backward", "requires_grad", "updates")


@dataclass(frozen=True, eq=False)
class Look:
    """One look at the implementation: the calls, what the last of them gave, and what it should have given."""

    calls: Calls
    seen: Observation
    rounding: Rounding
    #: What was predicted, and is kept, by what models come to here.
    _kept: dict[Hashable, Prediction | None] = field(default_factory=dict, repr=False)

    @property
    def case(self) -> Case:
        """That of the last call."""
        return self.calls[-1]

    def computed(self, model: Model) -> Prediction | None:
        """Return what a model predicts; None where it predicts that the network cannot compute the case."""
        try:
            return model.predict(self.calls, self.rounding)
        except (ValueError, IndexError):
            return None

    def predicted(self, model: Model) -> Prediction | None:
        """Return the same, kept for all models that come to the same here; for few models, as it may be large."""
        if (key := model.comes_to(self.case)) not in self._kept:
            self._kept[key] = self.computed(model)
        return self._kept[key]

    @cached_property
    def right(self) -> Prediction | None:
        """What is right."""
        return self.computed(REFERENCE)

    @cached_property
    def is_right(self) -> bool:
        """Whether the implementation is right here, in everything that the reference predicts."""
        return self.explained_by(self.right)

    @cached_property
    def wrong(self) -> list[str]:
        """The parts in which it is wrong; none where it raises, or should."""
        if self.right is None or self.seen.error:
            return []
        return [
            name
            for name, ball in self.right.parts.items()
            if name in self.seen.parts and not within(self.seen.parts[name], ball)
        ]

    @cached_property
    def forward(self) -> Look:
        """The same, with no gradients asked for."""
        asked_for_nothing = replace(self.case, grad_output=None, grad_h_n=None)
        return replace(self, calls=(*self.calls[:-1], asked_for_nothing), _kept={})

    def explained_by(self, prediction: Prediction | None) -> bool:
        """Return whether everything that was returned is what is predicted, within its bounds."""
        if prediction is None:
            return bool(self.seen.error)
        if self.seen.error:
            return False
        return all(
            self.seen.dtypes[name] == prediction.dtypes.get(name, self.case.config.dtype)
            and within(self.seen.parts[name], ball)
            for name, ball in prediction.parts.items()
            if name in self.seen.parts
        ) and self._has_few_digits(prediction)

    def _has_few_digits(self, prediction: Prediction) -> bool:
        if prediction.digits is None:
            return True
        found = [self.seen.parts[name] for name in prediction.parts if name in self.seen.parts]
        return all(bool(((prediction.digits(part) == part) | np.isnan(part)).all()) for part in found)

    def _has_many_digits(self, digits: Callable[[Array], Array]) -> bool:
        """Return whether something that is right cannot be written in so few digits."""
        balls = self.right.parts.values() if self.right else ()
        with np.errstate(all="ignore"):
            return any(bool((np.abs(digits(ball.mid) - ball.mid) > 4 * ball.rad).any()) for ball in balls)

    def too_good_for(self, model: Model, prediction: Prediction | None) -> bool:
        """Return whether results are right to many more digits than a model of low precision has: by chance, hardly.

        Not where products have so few digits that they are exact in low precision, too.
        """
        if not model.digits or prediction is None or self.right is None or not self.is_right:
            return False
        first = self.case.weights["weight_ih_l0"]
        if digits_of(self.case.x) + digits_of(first) <= model.digits + 2:
            return False
        sharper = sum(
            int((_MANY * ball.rad[ball.rad > 0] < prediction.parts[name].rad[ball.rad > 0]).sum())
            for name, ball in self.right.parts.items()
            if name in prediction.parts and prediction.parts[name].rad.shape == ball.rad.shape
        )
        return sharper >= _FEW

    def tells_apart(self, prediction: Prediction | None) -> bool:
        """Return whether a prediction and what is right exclude each other: no result is both.

        That a network raises is no evidence: it may for many reasons.
        """
        if prediction is None or self.right is None:
            return False
        if dict(prediction.dtypes) and any(dtype != self.case.config.dtype for dtype in prediction.dtypes.values()):
            return True
        if prediction.digits is not None and self._has_many_digits(prediction.digits):
            return True
        return any(
            exclude(prediction.parts[name], ball) for name, ball in self.right.parts.items() if name in prediction.parts
        )


def digits_of(values: Array) -> float:
    """Return how many binary digits numbers have that are not zero: the median."""
    found = values[(values != 0) & np.isfinite(values)]
    if not found.size:
        return 0.0
    significand = (np.abs(np.frexp(found)[0]) * 2.0**53).astype(np.int64)
    return float(np.median(53 - np.log2(significand & -significand)))


def within(got: np.ndarray, ball: Ball) -> bool:
    """Return whether an array lies inside of a ball."""
    return got.shape == ball.mid.shape and bool((error_over_bound(got, ball) <= RADIUS_SLACK).all())


def exclude(one: Ball, other: Ball) -> bool:
    """Return whether no array lies inside of both."""
    if one.mid.shape != other.mid.shape:
        return True
    with np.errstate(all="ignore"):
        apart = np.abs(one.mid - other.mid) > (one.rad + other.rad) * RADIUS_SLACK
        finite = np.isfinite(one.mid), np.isfinite(other.mid)
        known = (finite[0] | (one.rad == 0)) & (finite[1] | (other.rad == 0))
        special = ~(finite[0] & finite[1]) & known
        same = (one.mid == other.mid) | (np.isnan(one.mid) & np.isnan(other.mid))
    free = np.isinf(one.rad) | np.isinf(other.rad)
    return bool(((apart & ~np.isnan(one.mid) & ~np.isnan(other.mid)) | (special & ~same) & ~free).any())


class Evidence:
    """Looks at one implementation around a counterexample: those where it is wrong, and all."""

    def __init__(self, counterexample: Counterexample) -> None:
        self.implementation = counterexample.implementation
        self.judged = counterexample.property
        calls = counterexample.disagreement.calls or (counterexample.case,)
        self.minimal = calls[-1]
        self._trial = Trial(self.implementation, asked_for=self.judged.name)
        self.within = _widened(self.implementation.capabilities, self.minimal)
        #: Cases that are looked at first in the next draw.
        self.later: list[Case] = []
        #: Whether it is right where no gradients are asked for, and wrong, already going forward, where they are.
        self.tracked = False
        #: Whether one call is right, and only a later one of the same network wrong.
        self.again = len(calls) > 1 and self._look(calls[-1:]).is_right
        if not self.again and (self.judged.name in TRACKED or self.minimal.has_cotangents):
            self.tracked = self._is_right_untracked(self.minimal)
        looks = list(self._in_time(look for seen in (calls, *counterexample.seen) for look in self._last_of(seen)))
        self.failing = [look for look in looks if not look.is_right]
        self.passing = [look for look in looks if look.is_right]
        #: All that were looked at so far.
        self.looks = [*self.failing, *self.passing]
        self._seen = len(self.looks)

    @property
    def drawn(self) -> list[Look]:
        """Those at cases that were drawn, and that have nothing to do with the counterexample."""
        return self.looks[self._seen :]

    def _is_right_untracked(self, case: Case) -> bool:
        """Return whether it is right where no gradients are asked for, and what it returns is not where they are."""
        untracked = self._look((replace(case, grad_output=None, grad_h_n=None),))
        wrong = self._look((case,)).wrong if case.has_cotangents else ["output"]
        return untracked.is_right and not {"output", "h_n", "c_n"}.isdisjoint(wrong)

    def _last_of(self, calls: Calls) -> Iterator[Look]:
        """Yield the last of some calls alone; where it is right alone, after each of those before it."""
        if not self.again:
            yield self._look(calls[-1:])
        else:
            yield from (self._look((earlier, calls[-1])) for earlier in reversed(calls[:-1]))

    def _looks(self, case: Case) -> Iterator[Look]:
        """One call, or, where one call is right, several on one network."""
        if not self.again:
            yield self._look((case,))
            return
        other = replace(companion(case), weights=case.weights)
        longer = replace(other, x=np.concatenate([case.x, other.x]), grad_output=None, grad_h_n=None)
        sizes = {"steps": case.steps, "batch": case.batch_size}
        shorter, fewer = (keep(other, axis, range((size + 1) // 2)) for axis, size in sizes.items())
        for first in filter(self._trial.takes, (case, other, shorter, longer, fewer)):
            for h_0 in (case.h_0, None) if case.h_0 is not None else (None,):
                yield self._look((first, replace(case, h_0=h_0)))

    def _look(self, calls: Calls) -> Look:
        implementation = self.implementation
        seen = (
            observe(implementation, calls[-1], tracked=self.tracked)
            if len(calls) == 1
            else observe_calls(implementation, calls)
        )
        return Look(calls, seen, implementation.rounding)

    def probe(self, case: Case) -> Look:
        """Return a look at a case that is made to tell models apart, kept with the others."""
        look = self._look((case,))
        self.looks.append(look)
        return look

    def rich(self, stream: int = 0) -> Iterator[Look]:
        """Yield looks at rich cases, as long as there is time."""
        # Of each case, there are several pairs of calls to look at; what is differentiated twice takes longer.
        fewer = 4 if self.again else 1 + 2 * self.minimal.twice
        drawn = self._drawn(stream)[::fewer]
        cases = itertools.chain(self.later, rich_cases(self.minimal, self.within, RICH // fewer, stream), drawn)
        for look in self._in_time(
            look for case in cases if not self._trial.defects(case) for look in self._looks(case)
        ):
            self.looks.append(look)
            yield look

    def _drawn(self, stream: int) -> list[Case]:
        """Cases as the property draws them; none where it draws what is to be refused."""
        drawn: list[Case] = []
        if self.implementation.capabilities.objections(self.minimal):
            return drawn

        @seed(stream)
        @settings(
            max_examples=DRAWN, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=HEALTH
        )
        @given(self.judged.cases(self.implementation.capabilities))
        def draw(case: Case) -> None:
            if not case.misuse:
                drawn.append(case)

        draw()
        return drawn

    @staticmethod
    def _in_time(looks: Iterator[Look]) -> Iterator[Look]:
        """One look at least, and others as long as there is time."""
        start = time.process_time() + cpu_seconds()
        for look in looks:
            yield look
            if time.process_time() + cpu_seconds() - start > SECONDS:
                return


def _widened(capabilities: Capabilities, case: Case) -> Capabilities:
    """Claims that the case fits in: where it lies outside, those that object to it are given up."""
    plain = Capabilities()
    names = capabilities.objections(case)
    return replace(capabilities, per_shape=False, **{name: getattr(plain, name) for name in names})
