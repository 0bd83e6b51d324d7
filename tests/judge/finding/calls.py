"""The calls that a property made on a case, in words: which network, what differs, and which one failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rnn_parity.contract import Array, dtype_name
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.finding.wording import pasteable
from rnn_parity.tests.judge.reduction.counterexample import Counterexample

#: Properties that call from several threads: in which order, is chance.
_AT_ONCE = ("threads",)


def calls_made(counterexample: Counterexample) -> list[str]:
    """Return a line for each call, and the case of the failed one; none where there was one, on the case itself."""
    made, failed = counterexample.disagreement.made, counterexample.disagreement.calls
    case = counterexample.case
    if counterexample.property.name in _AT_ONCE or not made or (len(made) == 1 and not _differs(case, made[0][1])):
        return []
    several = len({number for number, _ in made}) > 1
    lines = [
        f"{place}. {'network ' * several}{number if several else ''}{': ' * several}{_in_words(case, called)}"
        for place, (number, called) in enumerate(made, 1)
    ]
    if not failed or failed[-1] is not made[-1][1]:
        return lines
    lines[-1] += "; this call fails"
    return lines if not _differs(case, failed[-1]) else [*lines, *f"which is {pasteable(failed[-1])}".splitlines()]


def _in_words(case: Case, called: Case) -> str:
    return ", ".join(_differs(case, called)) or "the case above"


def _differs(case: Case, called: Case) -> list[str]:
    """Return what differs in a call from the case."""
    return list(_differing(case, called)) if called is not case else []


def _differing(case: Case, called: Case) -> Iterator[str]:
    before, after = _options(case), _options(called)
    yield from (words for name, words in after.items() if words != before[name])
    if any(
        called.weights.get(name) is not array and not _same(called.weights.get(name), array)
        for name, array in case.weights.items()
    ):
        yield "other parameters"
    if not _same(called.x, case.x):
        yield "another x"
    if called.h_0 is not None and case.h_0 is not None and not _same(called.h_0, case.h_0):
        yield "another h_0"


def _same(one: Array | None, other: Array | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other, equal_nan=True))


def _options(case: Case) -> Mapping[str, str]:
    config = case.config
    layout = "unbatched" if case.unbatched else "batch_first" if config.batch_first else "time-major"
    zero = case.h_0 is not None and not case.h_0.any()
    return {
        "T": f"T = {case.steps}",
        "B": f"B = {case.batch_size}",
        "I": f"input_size = {config.input_size}",
        "H": f"hidden_size = {config.hidden_size}",
        "L": f"num_layers = {config.num_layers}",
        "directions": "bidirectional" if config.bidirectional else "one direction",
        "nonlinearity": config.nonlinearity,
        "biases": "with biases" if config.bias else "without biases",
        "layout": layout,
        "h_0": "without h_0" if case.h_0 is None else "with h_0 = 0" if zero else "with h_0",
        "dtype": dtype_name(config.dtype),
        "memory": f"{case.memory} tensors",
        "lengths": "without lengths" if case.lengths is None else f"lengths {', '.join(map(str, case.lengths))}",
        "packing": "packed" if case.packed else "not packed",
    }
