"""How much faster two workers are than none, on the same cases, side by side.

python -m tests.measures.scaling [CASES]
"""

from __future__ import annotations

import subprocess
import sys
import time

from tests.measures.markdown import table

_CASES = 20_000
_FAST = ("nn.rnn", "linear", "numpy")
_PROPERTIES = ("agreement", "layouts", "h_0", "repeats")


def run(workers: int, cases: int) -> float:
    """Wall-clock seconds of a run of so many cases in all."""
    each = cases // (len(_FAST) * len(_PROPERTIES))
    names = [f"--impl={name}" for name in _FAST]
    files = [f"tests/test_{name}.py" for name in _PROPERTIES]
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), f"--cases={each}", "--hypothesis-seed=0"]
    start = time.perf_counter()
    subprocess.run([*command, *names, *files], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def section(sample: int | None = None) -> str:
    """How fast runs of several workers are, in Markdown; a sample judges fewer cases, once each."""
    cases, rounds = (1200, 1) if sample else (_CASES, 2)
    seconds = {workers: min(run(workers, cases) for _ in range(rounds)) for workers in (0, 1, 2)}
    rows = [[f"`-n {workers}`", f"{took:.1f} s", f"{seconds[0] / took:.2f}"] for workers, took in seconds.items()]
    return "## Workers\n\n" + table([f"{cases} cases, wall clock", "best", "times as fast as `-n 0`"], rows)


def main() -> None:
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else _CASES
    alone = [run(0, cases), run(0, cases)]
    together = [run(2, cases), run(2, cases)]
    print(f"{cases} cases of {len(_PROPERTIES)} properties on {len(_FAST)} implementations, best of two")
    print(f"-n 0: {min(alone):.1f} s; -n 2: {min(together):.1f} s; {min(alone) / min(together):.2f} times as fast")


if __name__ == "__main__":
    main()
