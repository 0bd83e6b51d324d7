"""What a case costs the suite, and what it costs at each size: CPU time by pyperf, in several processes.

    python -m rnn_parity.tests.measures.bench_costs -o FILE.json

pyperf, of the dependency group `bench`, calls this module once more for each of its processes; `section` has it called,
and reads what it wrote.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rnn_parity import Config, Implementation, implementation
from rnn_parity.contract import Run, Weights
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.measures.drawing import for_each
from rnn_parity.tests.measures.markdown import table

#: T, B and the sizes of the input and of the state: one is large at a time, then several.
_SIZES = ((1, 1, 1, 1), (5, 5, 5, 5), (64, 5, 5, 5), (5, 64, 5, 5), (5, 5, 64, 5), (5, 5, 5, 64), (32, 32, 64, 64))
#: Cases in one go, as many as a shard of a run has.
_GO = 100
_BARE, _DRAWING, _REFERENCE, _OWN = (
    "the bare Hypothesis loop, one integer",
    "drawing a case",
    "drawing and the reference",
    "the suite's own work",
)


class Stopwatch:
    """An implementation, and the CPU seconds that were spent in it."""

    def __init__(self, found: Implementation) -> None:
        self.seconds, self._build = 0.0, found.build
        self.implementation = replace(found, build=self.build)

    def build(self, config: Config, weights: Weights) -> Run:
        """As it builds, timed."""
        run = self._timed(self._build, config, weights)
        return partial(self._timed, run)

    def _timed(self, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        try:
            return function(*arguments)
        finally:
            self.seconds += time.process_time() - start


def of_drawing(goes: int, strategy: SearchStrategy[Any], visit: Callable[[Any], object]) -> float:
    """CPU seconds of so many goes of cases."""
    start = time.process_time()
    for_each(strategy, goes * _GO, visit)
    return time.process_time() - start


def of_own_work(goes: int) -> float:
    """CPU seconds of judging, without those of the implementation."""
    watch = Stopwatch(implementation("nn.rnn"))
    trial = Trial(watch.implementation)
    return of_drawing(goes, cases(), trial.agrees) - watch.seconds


def at_size(sizes: tuple[int, ...], layers: int = 1) -> Case:
    """A case of these sizes, of numbers as networks have."""
    steps, batch, inputs, hidden = sizes
    config, random = Config(inputs, hidden, layers, dtype=torch.float64), np.random.default_rng(0)
    spread = hidden**-0.5
    weights = {name: random.uniform(-spread, spread, shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, random.standard_normal((steps, batch, inputs)), weights=weights)


def of_judging(times: int, case: Case, part: str) -> float:
    """CPU seconds of judging one case again and again: the suite's share, or the implementation's."""
    watch, start = Stopwatch(implementation("nn.rnn")), time.process_time()
    for _ in range(times):
        # Equal to no other, so that nothing of it is remembered.
        Trial(watch.implementation).agrees(replace(case))
    return watch.seconds if part == "nn.RNN" else time.process_time() - start - watch.seconds


def _reference(case: Case) -> None:
    forward(case)


def _nothing(value: object) -> None:
    pass


def main() -> None:
    import pyperf

    torch.set_num_threads(1)
    runner = pyperf.Runner(processes=5, values=2, min_time=0.05)
    for name, strategy, visit in (
        (_BARE, st.integers(), _nothing),
        (_DRAWING, cases(), _nothing),
        (_REFERENCE, cases(), _reference),
    ):
        runner.bench_time_func(name, of_drawing, strategy, visit, inner_loops=_GO)
    runner.bench_time_func(_OWN, of_own_work, inner_loops=_GO)
    for sizes in _SIZES:
        for part in ("suite", "nn.RNN"):
            runner.bench_time_func(f"{sizes} {part}", of_judging, at_size(sizes), part)


def section(sample: int | None = None) -> str:
    """What a case costs, in Markdown; a sample measures less often."""
    import pyperf

    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "costs.json"
        fewer = ["--processes=1", "--values=1"] if sample else []
        command = [sys.executable, "-m", __name__, "--quiet", "--inherit-environ=PYTHONPATH,OMP_NUM_THREADS"]
        subprocess.run([*command, *fewer, "-o", str(written)], check=True, stdout=sys.stderr)
        found = {bench.get_name(): bench for bench in pyperf.BenchmarkSuite.load(str(written)).get_benchmarks()}
    milliseconds = {name: bench.median() * 1e3 for name, bench in found.items()}
    spread = {
        name: bench.median_abs_dev() * 1e3 if bench.get_nvalue() > 1 else math.nan for name, bench in found.items()
    }
    bare = milliseconds[_BARE]
    costs = [
        [name, f"{milliseconds[name]:.3f} ms ± {spread[name]:.3f}", f"{milliseconds[name] / bare:.1f}"]
        for name in (_BARE, _DRAWING, _REFERENCE, _OWN)
    ]
    by_size = []
    for sizes in _SIZES:
        suite, network = (milliseconds[f"{sizes} {part}"] for part in ("suite", "nn.RNN"))
        by_size.append([*sizes, f"{suite:.3f} ms", f"{network:.3f} ms", f"{suite / network:.1f}"])
    return "\n\n".join(
        [
            "## Cost",
            table(["CPU a case, default distribution", "median", "times the bare loop"], costs),
            table(["T", "B", "input_size", "hidden_size", "the suite", "nn.RNN, built and called", "times"], by_size),
        ]
    )


if __name__ == "__main__":
    main()
