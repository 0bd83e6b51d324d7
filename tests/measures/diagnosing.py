"""Which planted bugs are named, and what that costs: `python -m rnn_parity.tests.measures.diagnosing [--record]`.

With `--record` the table in `tests/suite/planted/named.py` is written anew; read what changed in it.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from pathlib import Path

import torch

from rnn_parity.tests.judge.diagnosis import Diagnosis, Evidence, solve
from rnn_parity.tests.suite.planted import BUGS, named
from rnn_parity.tests.suite.planted.trying import minimal


def main() -> None:
    """Print a line for each bug, and the sums."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", RuntimeWarning)
    found: dict[str, Diagnosis] = {}
    seconds = []
    for bug in BUGS:
        counterexample = minimal(bug, 0)
        if counterexample is None:
            print(f"missed: {bug}")
            continue
        start = time.process_time()
        found[bug.name] = solve(Evidence(counterexample))
        seconds.append(time.process_time() - start)
        verdict = "certain" if found[bug.name].certain else f"{len(found[bug.name].names)} candidates"
        print(f"{bug.name}: {verdict}: {'; '.join(found[bug.name].names)}", flush=True)
    certain = sum(diagnosis.certain for diagnosis in found.values())
    several = sum(bool(diagnosis.names) and not diagnosis.certain for diagnosis in found.values())
    print(f"{len(found)} planted bugs: {certain} named, {several} with candidates, the others none")
    print(f"CPU a bug: median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s")
    if "--record" in sys.argv:
        record(found)


def record(found: dict[str, Diagnosis]) -> None:
    """Write the table of names."""
    path = Path(named.__file__)
    head, _, _ = path.read_text(encoding="utf-8").partition("NAMED")
    rows = [
        f"    {name!r}: {(diagnosis.names[0] if diagnosis.certain else None)!r},\n" for name, diagnosis in found.items()
    ]
    path.write_text(f"{head}NAMED: dict[str, str | None] = {{\n{''.join(rows)}}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
