"""Whether two cases are the same, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_parity.strategies import Case


def bits(array: np.ndarray[Any, Any]) -> tuple[tuple[int, ...], bytes]:
    """A shape and all bits, the sign of zero included; NaN is NaN."""
    return array.shape, np.where(np.isnan(array), np.nan, array).tobytes()


def everything(case: Case) -> tuple[object, ...]:
    """All that makes a case, to be compared with that of another."""
    arrays = {name: bits(array) for name, array in case.arrays.items()}
    return case.config, case.unbatched, case.memory, case.incoming, case.lengths, case.packed, arrays
