"""Which parts of a minimal case matter: one thing at a time is varied, then several, and each case is judged again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.finding.one_axis import OneAxis
from rnn_parity.tests.judge.finding.several_axes import SeveralAxes
from rnn_parity.tests.judge.finding.varied import Varied
from rnn_parity.tests.judge.reduction.counterexample import Counterexample


class Variations:
    """What was learnt of a minimal case by varying it: `told` is a sentence or two, only of what was tried."""

    def __init__(self, counterexample: Counterexample) -> None:
        varied = Varied(counterexample)
        alone = OneAxis(varied)
        several = SeveralAxes(varied, alone)
        needed = [claim.words for claim in several.claims] + alone.arrays
        parts = [varied.inputs, f"as long as {listed(needed, ', and ')}" if needed else ""]
        fails = "Fails" if several.finished else "With one thing changed at a time, it fails"
        told = [f"{fails} {', '.join(filter(None, parts))}{_otherwise(varied.otherwise)}."] if any(parts) else []
        told += several.facts
        told += [f"Tried without effect: {_by_range(several.indifferent)}."] if several.indifferent else []
        if told and not several.finished:
            told.append("There was no time to change several at once.")
        #: Empty where nothing could be tried.
        self.told = " ".join(told)
        #: Every case that failed.
        self.failing = varied.failing


def _otherwise(found: Mapping[str, list[str]]) -> str:
    """Return in words what else happens where, the first few places of each; empty where nothing else happens."""
    told = []
    for outcome, places in found.items():
        more = f" and {len(places) - 2} more" if len(places) > 2 else ""
        what = "it returns what is wrong" if outcome == "wrong" else f"it {outcome}"
        told.append(f"{what} where {', '.join(places[:2])}{more}")
    return f" ({'; '.join(told)})" if told else ""


def _by_range(tried: Mapping[str, str]) -> str:
    """Names; behind those that have a range, that range, once for neighbours that share it."""
    groups = itertools.groupby(tried.items(), key=lambda item: item[1])
    return ", ".join(", ".join(name for name, _ in group) + (f" ({size})" if size else "") for size, group in groups)
