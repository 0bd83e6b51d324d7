"""What the reference costs on large networks, its bounds included, beside nn.RNN's float64 forward on the same cases.

python -m rnn_parity.tests.measures.large
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnn_parity import Config, implementation
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case
from rnn_parity.strategies.drawing.large import DISTRIBUTIONS, Numbers

_ROUNDS = 2
_WIDE = {"float32": torch.float32, "float64": torch.float64}
#: T, B, I, H, layers and directions.
SIZES = (
    (512, 1, 1024, 1024, 1, 1),
    (512, 8, 256, 256, 1, 1),
    (128, 32, 512, 512, 1, 1),
    (64, 32, 1024, 1024, 1, 1),
    (128, 8, 1024, 1024, 3, 2),
)


def case_of(
    steps: int, batch: int, inputs: int, hidden: int, layers: int, directions: int, dtype: torch.dtype, kind: str
) -> Case:
    """A case of these sizes, its numbers of this distribution."""
    config = Config(inputs, hidden, layers, bidirectional=directions == 2, dtype=dtype)
    numbers = Numbers(config, kind, 1)
    weights = {name: numbers.array(name, shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, numbers.array("x", (steps, batch, inputs)), None, weights)


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds: the best of some rounds, as noise only adds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def nn_rnn(case: Case) -> Callable[[], Any]:
    """nn.RNN's forward on the case in float64."""
    in_float64 = case.with_config(dtype=torch.float64)
    weights, x, _ = in_float64.tensors()
    run = implementation("nn.rnn").build_in_place(in_float64.config, weights)

    def work() -> None:
        with torch.no_grad():
            run(x)

    return work


def reference(case: Case) -> tuple[Ball, Ball]:
    """Outputs and final states with their bounds."""
    return forward(case)


def peak(work: Callable[[], Any]) -> float:
    """MiB of arrays held at once, beyond those there were before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def main() -> None:
    torch.set_num_threads(1)
    print("    T   B    I    H layers ways dtype    numbers      nn.RNN reference  ratio  vacuous    peak  results")
    for sizes in SIZES:
        for kind in DISTRIBUTIONS:
            for name, dtype in _WIDE.items():
                case = case_of(*sizes, dtype, kind)
                theirs, ours = seconds(nn_rnn(case)), seconds(lambda case=case: reference(case))
                output, h_n = reference(case)
                vacuous = (output.rad > np.abs(output.mid)).mean()
                results = sum(part.nbytes for ball in (output, h_n) for part in ball) / 2**20
                held = peak(lambda case=case: reference(case))
                print(
                    "{:5} {:3} {:4} {:4} {:6} {:4} ".format(*sizes) + f"{name:8} {kind:11} {theirs:6.2f} s "
                    f"{ours:7.2f} s {ours / theirs:6.2f} {vacuous:8.1%} {held:5.0f} M {results:6.0f} M",
                    flush=True,
                )


if __name__ == "__main__":
    main()
