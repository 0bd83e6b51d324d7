"""How much faster two workers are than none, and two machines of one core each, on the same cases, side by side.

python -m rnn_parity.tests.measures.scaling [CASES]

Beside them two runs at once, each of half of the cases, that share nothing: what two cores can do at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rnn_parity.tests.measures.markdown import table
from rnn_parity.tests.suite.lending import lent

ROOT = Path(__file__).parent.parent.parent
_CASES, _ROUNDS = 20_000, 2
_FAST = ("nn.rnn", "linear", "numpy")
_PROPERTIES = ("agreement", "layouts", "h_0", "repeats")


def command(cases: int, *options: str) -> list[str]:
    """A run of so many cases in all. What is judged is selected by name, as over several machines it has to be."""
    each = cases // (len(_FAST) * len(_PROPERTIES))
    names = [f"--impl={name}" for name in _FAST]
    selected = "-k" + " or ".join(f"test_{name}" for name in _PROPERTIES)
    quiet = ("-q", "-pno:cacheprovider", f"--cases={each}", "--hypothesis-seed=0")
    return [sys.executable, "-m", "pytest", *quiet, *names, selected, *options]


def one_run(*options: str) -> Callable[[int], None]:
    """A run with these options."""

    def run(cases: int) -> None:
        subprocess.run(command(cases, *options), check=True, stdout=subprocess.DEVNULL)

    return run


def two_runs(cases: int) -> None:
    """Each half of them, at once."""
    running = [
        subprocess.Popen(command(cases, "-n0", f"--shard={part}/2"), stdout=subprocess.DEVNULL) for part in (1, 2)
    ]
    codes = [run.wait() for run in running]
    if any(codes):
        raise RuntimeError("a part failed")


def two_machines(cases: int) -> None:
    """One run over two machines, each of one core."""
    with ExitStack() as machines:
        places = []
        for core in sorted(os.sched_getaffinity(0))[:2]:
            place, lending = machines.enter_context(lent(ROOT))
            os.sched_setaffinity(lending.pid, {core})
            places.append(place)
        one_run("-d", *places)(cases)


WAYS: dict[str, Callable[[int], None]] = {
    "`-n 0`": one_run("-n0"),
    "`-n 1`": one_run("-n1"),
    "`-n 2`": one_run("-n2"),
    "two gateways, a core each": two_machines,
    "two runs at once, half each": two_runs,
}


def seconds(way: Callable[[int], None], cases: int) -> float:
    """Wall-clock seconds."""
    start = time.perf_counter()
    way(cases)
    return time.perf_counter() - start


def section(sample: int | None = None) -> str:
    """How fast each way is, the best of some rounds in turn, in Markdown; a sample judges fewer cases, once each."""
    return _section(*((1200, 1) if sample else (_CASES, _ROUNDS)))


def _section(cases: int, rounds: int) -> str:
    # In turn, so that what else the machine does disturbs all alike.
    took = [{name: seconds(way, cases) for name, way in WAYS.items()} for _ in range(rounds)]
    best = {name: min(times[name] for times in took) for name in WAYS}
    alone = best["`-n 0`"]
    rows = [[name, f"{spent:.1f} s", f"{alone / spent:.2f}"] for name, spent in best.items()]
    return "## Workers\n\n" + table([f"{cases} cases, wall clock", "best", "times as fast as `-n 0`"], rows)


def main() -> None:
    print(_section(int(sys.argv[1]) if len(sys.argv) > 1 else _CASES, _ROUNDS))


if __name__ == "__main__":
    main()
