"""How much memory a worker holds after more and more cases."""

from __future__ import annotations

import multiprocessing
import resource

import torch
from hypothesis import Phase, settings

from rnn_parity import implementation
from rnn_parity.tests.measures.drawing import PLAIN
from rnn_parity.tests.measures.markdown import table
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt

_CASES, _STOPS = 10_000, 4


def peaks(name: str, cases: int) -> list[float]:
    """The largest memory held, in MB, after each part of so many cases of a property on nn.RNN."""
    torch.set_num_threads(1)
    settings.register_profile("bench", PLAIN, phases=[Phase.generate])
    settings.load_profile("bench")
    found = []
    for seed in range(_STOPS):
        hunt(PROPERTIES[name], implementation("nn.rnn"), seed, shrink=False, cases=cases // _STOPS)
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return found


def section(sample: int | None = None) -> str:
    """Memory after parts of 10,000 cases (fewer in a sample), and its growth, in Markdown."""
    cases = 400 if sample else _CASES
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        rows = []
        for name in ("agreement", "gradients"):
            found = pool.apply(peaks, (name, cases))
            # The first part loads what all others use.
            growth = (found[-1] - found[0]) / (1 - 1 / _STOPS) / cases * 10_000
            rows.append([name, *(f"{peak:.0f} MB" for peak in found), f"{growth:.1f} MB"])
    stops = [f"after {cases * (stop + 1) // _STOPS} cases" for stop in range(_STOPS)]
    return "## Memory\n\n" + table(["peak on nn.RNN", *stops, "growth in 10,000 cases"], rows)
