"""Whether an implementation obeys the laws, and why a correct one does.

Each law gets the results of a case another way: it runs changed cases and puts their results together again. That is
itself a correct implementation of the case's network: its sums have the same terms in another order, or zeros among
them, or all of them times a power of two or minus one; and where a result is fed in again, it was rounded to the dtype,
as a state in memory always may be. So both results lie within the case's radius of the same number, and differ by at
most twice the radius. Of a changed case that is fed a result nothing else is known: where its own ball lies depends on
that result. Hence the radius of the original, for every law.

Only the reference's radii are looked at, never its midpoints. So the laws hold the reference to account as well: were
it wrong, the implementations that agree with it would break a law. An infinite radius demands nothing; radius 0 demands
the same number, the same infinity, or NaN both times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.demands import laws
from rnn_parity.tests.judge.trial.by_name import balls_in_parts, in_parts
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result, judge_values, well_formed


class OutsideClaims(Exception):
    """A law leads to a case that the implementation does not take, so that it says nothing here."""


def obeys_laws(trial: Trial, case: Case) -> list[str]:
    """Hold the result of a case against every law that applies, and hand back the names of these.

    Raises:
        Disagreement: a law is broken; its kind names the law, and what it expects is the result of the case itself.
            Which of the two results is wrong a law cannot tell.
    """
    run = _Networks(trial)
    plain, radii = run(case), [ball.rad for ball in trial.expected(case)]
    held = []
    for name, law in laws.LAWS.items():
        if law.applies(case):
            try:
                _compare(case, law.another_way(case, run), plain, radii)
                held.append(name)
            except OutsideClaims:
                pass
            except Disagreement as found:
                says = law.says.format(last=case.steps // 2 - 1)
                verb = "changes" if found.kind == "value" else "fails:"
                raise Disagreement(f"law: {name}", f"{says} {verb} {found.text}", **found.details) from found
    return held


def _compare(case: Case, another: laws.Pair, plain: tuple[Array, Array], radii: list[Array]) -> None:
    arranges = (case.in_layout, case.state_in_layout)
    for name, got, one, rad, arrange in zip(Result._fields, another, plain, radii, arranges, strict=True):
        if got is not None:
            mid = np.where(np.isinf(rad), 0.0, one)  # A finite one, with which anything is met.
            balls = balls_in_parts(case, name, Ball(arrange(mid), arrange(2 * rad)))
            for part, found in in_parts(case, name, arrange(got)).items():
                judge_values(case, part, found, balls[part])


@dataclass
class _Networks:
    """Runs cases, on the same network where the parameters are the same arrays."""

    trial: Trial
    built: dict[object, tuple[Case, Network]] = field(default_factory=dict)

    def __call__(self, case: Case) -> tuple[Array, Array]:
        if not self.trial.takes(case):
            raise OutsideClaims
        key = case.config, tuple(map(id, case.weights.values()))
        if key not in self.built:  # The case is kept too: its arrays hold on to their ids.
            self.built[key] = case, self.trial.build(case)
        return _time_major(case, self.built[key][1].call(case))


def _time_major(case: Case, result: Result) -> tuple[Array, Array]:
    config = case.config
    shapes = (
        case.in_layout(np.empty(config.output_shape(case.steps, case.batch_size))).shape,
        case.state_in_layout(np.empty(config.state_shape(case.batch_size))).shape,
    )
    output, h_n = (
        well_formed(case, name, tensor, shape)
        for name, tensor, shape in zip(Result._fields, result, shapes, strict=True)
    )
    if case.unbatched:
        output = output[:, None]
    elif config.batch_first:
        output = output.swapaxes(0, 1)
    return output, case.state_from_layout(h_n)
