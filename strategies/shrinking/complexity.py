"""What makes one case simpler than another."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from rnn_parity.contract.case import Case
from rnn_parity.contract.config import DTYPES
from rnn_parity.contract.memory import INCOMING, MEMORY


class Complexity(NamedTuple):
    """How simple a case is, in the order of what matters; smaller is simpler."""

    #: Whether it holds NaN, an infinity, or a number that is very large or very small: such a case convinces nobody
    #: where plain numbers show the same.
    extreme: bool
    #: How many numbers it holds, and how many of them are not zero.
    numbers: int
    nonzeros: int
    #: How many options are not at their plainest.
    options: int
    #: Not looked at where nobody would read so many numbers.
    strangeness: float


#: More numbers than any case of the usual sizes holds.
_MANY = 2**17
#: Beyond these a number is extreme.
PLAIN = (1e-6, 1e6)
#: Numbers from the simplest on; what a step may put in the place of a stranger one.
LADDER = (0.0, 1.0, 2.0, -1.0, -2.0, 0.5, -0.5, 3.0)


def complexity(case: Case) -> Complexity:
    """Return the order of simplicity: plain numbers, then fewer, then fewer non-zero ones, then fewer options."""
    arrays = case.arrays.values()
    values = np.concatenate([array.ravel() for array in arrays])
    strange = values[(values != 0) | np.signbit(values)]
    sizes = np.abs(strange)
    extreme = not bool(((sizes == 0) | ((sizes >= PLAIN[0]) & (sizes <= PLAIN[1]))).all())
    read = strange.tolist() if len(values) <= _MANY else []
    return Complexity(extreme, len(values), len(strange), _options(case), sum(map(strangeness, read)))


def _options(case: Case) -> int:
    config = case.config
    return sum(
        (
            config.num_layers - 1,
            config.bidirectional,
            config.batch_first,
            config.dropout > 0,
            case.unbatched,
            case.has_h_0,
            not config.activation.piecewise_linear,
            DTYPES.index(config.dtype),
            list(MEMORY).index(case.memory),
            list(INCOMING).index(case.incoming),
            0 if case.lengths is None else 1 + case.packed + sum(case.steps - length for length in case.lengths),
            # No array tells how long nothing is.
            0 if case.batch_size else case.steps,
        )
    )


def strangeness(value: float) -> float:
    """Return how far a number is from the start of the ladder: its place there, or else the length of its digits.

    Of extreme numbers the nearer to 1 is the plainer one, however many digits it has: where something begins to fail
    says more than the end of the dtype.
    """
    if value == 0 and math.copysign(1, value) < 0:
        return len(LADDER)
    if value in LADDER:
        return LADDER.index(value)
    if not math.isfinite(value):
        return 1e6 + (value < 0) + 2 * math.isnan(value)
    far = 0 if PLAIN[0] <= abs(value) <= PLAIN[1] else abs(decade(value))
    return 250.0 * far + 10.0 * len(repr(abs(value))) + abs(math.log2(abs(value))) / 2000 + (value < 0) / 4000


def decade(value: float) -> int:
    """Return the exponent of the power of ten nearest to a finite number other than 0, on the side of 1."""
    return math.trunc(math.log10(abs(value)))
