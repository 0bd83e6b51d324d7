"""Expected, got and allowed, number by number, of what was returned on a counterexample: for heat maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import spelled
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.judge.trial.observation import expected_on, observe

#: Nobody reads a picture of more numbers.
MOST_NUMBERS = 4096


@dataclass(frozen=True)
class Picture:
    """One result of three axes at most; numbers lie flat, in the order of the shape, those not finite as text."""

    name: str
    #: ("t", "b", "unit") for outputs, whatever the layout of the case; ("row", "b", "unit") for states.
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    expected: list[float | str]
    got: list[float | str]
    #: The bound, infinite where nothing is demanded.
    allowed: list[float | str]


_AXES = {
    **dict.fromkeys(("output", "second derivative by grad_output"), ("t", "b", "unit")),
    **dict.fromkeys(("gradient of x", "second derivative by x"), ("t", "b", "feature")),
}
_STATES = (
    *("h_n", "c_n", "gradient of h_0", "gradient of c_0"),
    *("second derivative by h_0", "second derivative by grad_h_n"),
)


def pictures_of(counterexample: Counterexample) -> Iterator[Picture]:
    """Yield a picture of each result that has the right shape; none of a case on which it raises."""
    case, implementation = counterexample.case, counterexample.implementation
    found = observe(implementation, case)
    for name, ball in expected_on(implementation, case).items():
        got = found.parts.get(name)
        if got is not None and got.shape == ball.mid.shape and 0 < got.size <= MOST_NUMBERS:
            yield _picture(case, name, got, ball)


def _picture(case: Case, name: str, got: Array, ball: Ball) -> Picture:
    expected, found, allowed = (_time_major(case, name, part) for part in (ball.mid, got, ball.rad))
    axes = _AXES.get(name) or (("row", "b", "unit") if name in _STATES else ("unit", "input")[: expected.ndim])
    return Picture(name, axes, expected.shape, *map(_flat, (expected, found, allowed)))


def _time_major(case: Case, name: str, part: Array) -> Array:
    """Without the case's layout: (T, B, n), and (rows, B, n)."""
    if name not in (*_AXES, *_STATES):
        return part
    if case.unbatched:
        return part[:, None]
    return part.swapaxes(0, 1) if case.config.batch_first and name in _AXES else part


def _flat(values: Array) -> list[float | str]:
    return [spelled(float(value)) for value in np.ravel(values)]
