"""How an implementation rounds, where that differs from every operation in the dtype of the case."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from rnn_parity.contract.config import DTYPES

#: What an implementation may round to the dtype of the case, beside a wider accumulator.
ROUNDED = ("operations", "sum", "state")
DEFAULT_TANH_ULPS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How an implementation rounds, where that differs from "every operation, in the dtype of the case".

    Tighter needs no words; looser needs a `reason` (a documented accuracy, cited).
    """

    #: The dtype in which sums are accumulated; None for the dtype of the case.
    accumulate: torch.dtype | None = None
    #: What is rounded to the dtype of the case where the accumulator is wider: "operations", the product of each
    #: matrix, the sums of these and the biases, and tanh; "sum", the whole sum once, and tanh; "state", only the new
    #: state, as the activation is computed in the accumulator's dtype too. A state that stays wide until it is returned
    #: is nearer still. (Beware: torch converts float64 to halves through float32, which is two roundings.)
    rounded: str = "operations"
    #: Largest error of its tanh in units in the last place of the dtype that it is computed in: the accumulator's where
    #: only the state is rounded, else that of the case.
    tanh_ulps: float = DEFAULT_TANH_ULPS
    #: Whether tanh's error near 0 is relative to 1 and not to the value, as with 2 sigmoid(2x) - 1.
    tanh_absolute: bool = False
    #: Why it may be looser than by default: where that accuracy is documented.
    reason: str = ""

    def __post_init__(self) -> None:
        if self.accumulate is not None and self.accumulate not in DTYPES:
            raise ValueError(f"Rounding(accumulate=...): expected one of {DTYPES} or None, found {self.accumulate!r}")
        if self.rounded not in ROUNDED:
            raise ValueError(f"Rounding(rounded=...): expected one of {ROUNDED}, found {self.rounded!r}")
        if self.rounded != "operations" and self.accumulate is None:
            raise ValueError(f"Rounding(rounded={self.rounded!r}) means nothing without accumulate=..., a wider dtype")
        if not isinstance(self.tanh_ulps, int | float) or not 0 <= self.tanh_ulps < math.inf:
            raise ValueError(f"Rounding(tanh_ulps=...): expected a number from 0, found {self.tanh_ulps!r}")
        if (self.tanh_ulps > DEFAULT_TANH_ULPS or self.tanh_absolute) and not self.reason:
            raise ValueError(
                f"Rounding(tanh_ulps={self.tanh_ulps}, tanh_absolute={self.tanh_absolute}) is looser than the default "
                f"({DEFAULT_TANH_ULPS}, False): give reason='...', citing where that accuracy is documented"
            )
