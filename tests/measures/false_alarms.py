"""False alarms: how often the suite accuses an implementation that is right. The answer must be never.

    python -m rnn_parity.tests.measures.false_alarms [CASES] [SEED]

Judges nn.RNN, the notebook's implementations, NumPy, the outsiders outside of their known defects, and every honest
variant of `tests/suite/planted/honest.py`, on all properties, with fresh seeds; CASES for each of the two groups.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections import Counter

import torch
from hypothesis import Phase, settings

from rnn_parity import Implementation
from rnn_parity.registry import MAIN, in_group
from rnn_parity.tests.judge import Disagreement, Property
from rnn_parity.tests.judge.finding.explain import explained
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.judge.report.terminal import Told
from rnn_parity.tests.measures.drawing import PLAIN
from rnn_parity.tests.suite.planted.honest import HONEST
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation

_OUTSIDERS = ("onnx-reference", "onnxruntime", "mlx")


def judged_ones() -> dict[str, list[Implementation]]:
    """Who must not be accused, in groups."""
    there = [found for found in in_group(MAIN) if found.installed]
    return {
        "torch's, the notebook's, NumPy and honest variants": [
            *(found for found in there if found.name not in _OUTSIDERS),
            *map(implementation, HONEST),
        ],
        "outsiders, outside of their known defects": [found for found in there if found.name in _OUTSIDERS],
    }


def pairs(group: list[Implementation]) -> list[tuple[Implementation, Property]]:
    """Every implementation with every property in which it takes part."""
    return [
        (found, judged) for found in group for judged in PROPERTIES.values() if not judged.exempts(found.capabilities)
    ]


def judge_one(job: tuple[str, int, int, int]) -> tuple[str, int, float, str]:
    """The cases, the worst error / bound and the alarm, if any, of one pair."""
    group, number, cases, seed = job
    torch.set_num_threads(1)
    settings.register_profile("measure", PLAIN, phases=[Phase.generate])
    settings.load_profile("measure")
    found, judged = pairs(judged_ones()[group])[number]
    verdict = hunt(judged, found, seed, shrink=False, cases=cases)
    if isinstance(verdict, Disagreement):
        return found.name, cases, float("inf"), str(Told(explained(find_minimal(judged, found, verdict), {})))
    return found.name, verdict.tally.cases, verdict.tally.margin.worst, ""


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    start, alarms = time.monotonic(), 0
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for group, members in judged_ones().items():
            count = len(pairs(members))
            jobs = [(group, number, -(-total // count), seed + number) for number in range(count)]
            cases: Counter[str] = Counter()
            worst: dict[str, float] = {}
            for name, seen, margin, alarm in pool.imap_unordered(judge_one, jobs):
                cases[name] += seen
                worst[name] = max(margin, worst.get(name, 0.0))
                if alarm:
                    alarms += 1
                    print(alarm, "\n")
            print(f"{group}: {cases.total()} cases, seed {seed}, worst error / bound {max(worst.values()):.2f}")
    print(f"{alarms} false alarms in {time.monotonic() - start:.0f} s")
    sys.exit(bool(alarms))


if __name__ == "__main__":
    main()
