"""From the first failure to the minimal, explained case: CPU time and size, over every planted bug.

    python -m rnn_parity.tests.measures.shrinking [--record]

`--record` writes what came out to `tests/suite/planted/minimal.py`.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import torch
from hypothesis import Phase, settings

from rnn_parity import Implementation
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.tests.judge import Disagreement, Property
from rnn_parity.tests.judge.finding.explain import explained
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal
from rnn_parity.tests.measures.drawing import PLAIN
from rnn_parity.tests.suite.planted import BUGS, minimal
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation

_SEEDS = (0, 1, 2)


def reduced(judged: Property, found: Implementation, seed: int) -> tuple[Counterexample | None, float]:
    """The minimal counterexample, and the seconds of CPU from the first failure to its explanation."""
    start = time.process_time()
    first = hunt(judged, found, seed, shrink=False)
    finding = time.process_time() - start
    start = time.process_time()
    disagreement = hunt(judged, found, seed, shrink=True)
    if not (isinstance(first, Disagreement) and isinstance(disagreement, Disagreement)):
        return None, 0.0
    counterexample = find_minimal(judged, found, disagreement)
    explained(counterexample, {})
    return counterexample, time.process_time() - start - finding


def record(found: dict[str, Counterexample]) -> None:
    """Write the table of minimal cases."""
    head, _, _ = Path(minimal.__file__).read_text(encoding="utf-8").partition("MINIMAL")
    rows = [
        f'    "{name}": ("{item.case.descriptor}", {complexity(item.case).numbers}, {complexity(item.case).nonzeros}),'
        for name, item in found.items()
    ]
    text = "\n".join([f"{head}MINIMAL: dict[str, tuple[str, int, int]] = {{", *rows, "}"])
    Path(minimal.__file__).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    settings.register_profile("measure", PLAIN, phases=[Phase.generate, Phase.shrink])
    settings.load_profile("measure")
    seconds: list[float] = []
    calls: list[int] = []
    largest: dict[str, Counterexample] = {}
    missed = 0
    for bug in BUGS:
        for seed in _SEEDS:
            counterexample, took = reduced(PROPERTIES[bug.property], implementation(bug), seed)
            if counterexample is None:
                missed += 1
                print(f"missed: {bug} with seed {seed}")
                continue
            seconds.append(took)
            calls.append(counterexample.calls)
            before = largest.get(bug.name)
            if before is None or complexity(before.case) < complexity(counterexample.case):
                largest[bug.name] = counterexample
    print(f"{len(BUGS)} planted bugs, seeds {_SEEDS}: {len(seconds)} caught, {missed} missed")
    sizes = [complexity(item.case) for item in largest.values()]
    print("from the first failure to the explained minimal case")
    for what, unit, figures in (
        ("CPU", "s", seconds),
        ("calls of the reducer", "", calls),
        ("numbers in the case", "", [size.numbers for size in sizes]),
        ("of which not zero", "", [size.nonzeros for size in sizes]),
    ):
        print(f"  {what:22} median {statistics.median(figures):.3g} {unit}, most {max(figures):.3g} {unit}")
    if "--record" in sys.argv:
        record(largest)


if __name__ == "__main__":
    main()
