"""What the default distribution draws: sizes, ties, options, values, and what the bounds say nothing about.

python -m rnn_parity.tests.measures.drawn [CASES]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import torch

from rnn_parity import DTYPES, Capabilities
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case, cases, cases_with_cotangents
from rnn_parity.tests.measures.drawing import for_each

#: What a case may show: name -> whether it does.
FEATURES: dict[str, Callable[[Case], bool]] = {
    "T = 1": lambda case: case.steps == 1,
    "T > 16": lambda case: case.steps > 16,
    "B = 0": lambda case: case.batch_size == 0,
    "B = 1": lambda case: case.batch_size == 1,
    "B > 16": lambda case: case.batch_size > 16,
    "I = 1": lambda case: case.config.input_size == 1,
    "I > 32": lambda case: case.config.input_size > 32,
    "H = 1": lambda case: case.config.hidden_size == 1,
    "H > 32": lambda case: case.config.hidden_size > 32,
    "I = H > 1": lambda case: case.config.input_size == case.config.hidden_size > 1,
    "B = H > 1": lambda case: case.batch_size == case.config.hidden_size > 1,
    "B = I > 1": lambda case: case.batch_size == case.config.input_size > 1,
    "T = B > 1": lambda case: case.steps == case.batch_size > 1,
    "T = H > 1": lambda case: case.steps == case.config.hidden_size > 1,
    "all sizes different": lambda case: (
        len({case.steps, case.batch_size, case.config.input_size, case.config.hidden_size}) == 4
    ),
    "2 layers": lambda case: case.config.num_layers == 2,
    "3 layers": lambda case: case.config.num_layers == 3,
    "bidirectional": lambda case: case.config.bidirectional,
    "3 layers, bidirectional": lambda case: case.config.num_layers == 3 and case.config.bidirectional,
    "relu": lambda case: case.config.nonlinearity == "relu",
    "no bias": lambda case: not case.config.bias,
    "batch_first": lambda case: case.config.batch_first and not case.unbatched,
    "unbatched": lambda case: case.unbatched,
    "h_0 absent": lambda case: case.h_0 is None,
    "h_0 zero": lambda case: case.h_0 is not None and not case.h_0.any(),
    "h_0 differs by row": lambda case: case.h_0 is not None and len(np.unique(case.h_0, axis=0)) == len(case.h_0) > 1,
    "zero frame": lambda case: bool(case.x.size) and not case.x.any(axis=(1, 2)).all(),
    "not finite or past overflow": lambda case: not case.finite,
}


class Census:
    """Counts over drawn cases."""

    def __init__(self) -> None:
        self.features: Counter[str] = Counter()
        self.cases: Counter[str] = Counter()
        self.sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(5))

    def take(self, case: Case) -> None:
        """Count one case."""
        self.features.update(name for name, shows in FEATURES.items() if shows(case))
        output, _ = forward(case)
        dtype = str(case.config.dtype).removeprefix("torch.")
        self.cases[dtype] += 1
        vacuous = (output.rad > np.abs(output.mid)) & ~np.isinf(output.mid)
        self.sums[dtype] += (
            output.mid.size,
            vacuous.sum(),
            vacuous.mean() if vacuous.size else 0,
            bool(output.mid.size) and not np.nan_to_num(output.mid, nan=1).any(),
            (output.rad == 0).sum(),
        )


def census(count: int, first_seed: int = 0) -> Census:
    """Draw so many cases and count."""
    found = Census()
    for_each(cases(), count, found.take, first_seed)
    return found


def census_of_gradients(dtype: torch.dtype, count: int) -> np.ndarray:
    """Of gradients: their elements, those that are vacuous, the sum over cases of that share, and those exact."""
    total = np.zeros(4)

    def take(case: Case) -> None:
        balls = gradients(case).values()
        mid, rad = (np.concatenate([ball[part].ravel() for ball in balls]) for part in (0, 1))
        vacuous = rad > np.abs(mid)
        total[:] += mid.size, vacuous.sum(), vacuous.mean(), (rad == 0).sum()

    for_each(cases_with_cotangents(Capabilities(dtypes=(dtype,))), count, take)
    return total


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    found = census(count)
    print(f"{count} cases of the default distribution\n")
    for name in FEATURES:
        print(f"{name:28} {found.features[name] / count:6.1%}")
    print("\ndtype      cases   vacuous elements   vacuous by case   all-zero outputs   exact elements")
    for dtype, cases_seen in sorted(found.cases.items()):
        elements, vacuous, by_case, zero, exact = found.sums[dtype]
        shares = (vacuous / elements, by_case / cases_seen, zero / cases_seen, exact / elements)
        print(f"{dtype:9} {cases_seen:6}   " + "   ".join(f"{share:15.1%}" for share in shares))
    print("\ngradients  cases   vacuous elements   vacuous by case   exact elements")
    for dtype in DTYPES:
        elements, vacuous, by_case, exact = census_of_gradients(dtype, count // len(DTYPES))
        shares = (vacuous / elements, by_case / (count // len(DTYPES)), exact / elements)
        name = str(dtype).removeprefix("torch.")
        print(f"{name:9} {count // len(DTYPES):6}   " + "   ".join(f"{share:15.1%}" for share in shares))


if __name__ == "__main__":
    main()
