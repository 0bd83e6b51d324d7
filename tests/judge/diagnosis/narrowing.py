"""A bound between numbers at which something is right and numbers at which it is wrong, narrowed down by trying."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from rnn_parity.contract import Array

#: Sizes at which the right value comes, and at which another does.
Probed: TypeAlias = tuple[Array, Array]
#: So many probes a call, and so many calls, narrow a bound down.
_PROBES, _CALLS = 16, 4


def narrowed(probe: Callable[[Array], Probed], low: float, high: float) -> tuple[float, float]:
    """Nearer bounds, as far as probes tell: at `low` it is right, at `high` it is not."""
    for _ in range(_CALLS):
        spaced = np.geomspace if low * high > 0 else np.linspace
        right, wrong = probe(spaced(low, high, _PROBES + 2)[1:-1])
        lower, upper = float(right.max(initial=low)), float(wrong.min(initial=high))
        if not low <= lower < upper <= high:
            break
        low, high = lower, upper
    return low, high


def between(low: float, high: float) -> str:
    """Return the shortest number between two ends, or both ends where they are far apart."""
    for digits in range(1, 7):
        number = float(f"{(low + high) / 2:.{digits}g}")
        if low <= number <= high and high - low <= 1e-3 * abs(number):
            return f"{number:g}"
    return f"a bound from {low:.4g} to {high:.4g}"
