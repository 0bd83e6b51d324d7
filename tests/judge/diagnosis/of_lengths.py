"""Bug models of sequences of different lengths: ends that are not heeded, or those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from rnn_parity import Rounding
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Calls, Model, scoped
from rnn_parity.tests.judge.diagnosis.wiring import Pair, Prediction, Wiring, each, last_of, predict

Lengths = tuple[int, ...]
#: The lengths that it goes by in the place of those that it is given.
OTHERS: dict[str, Callable[[Case, Lengths], Lengths]] = {
    "every row runs to the end of the padding": lambda case, lengths: (case.steps,) * len(lengths),
    "every row runs as long as the longest": lambda case, lengths: (max(lengths),) * len(lengths),
    "every row runs as long as the shortest": lambda case, lengths: (min(lengths),) * len(lengths),
    "every row runs as long as the first": lambda case, lengths: lengths[:1] * len(lengths),
    "every row stops one step before its end where it has more than one": lambda case, lengths: tuple(
        max(1, length - 1) for length in lengths
    ),
    "every row makes one step beyond its end where there is one": lambda case, lengths: tuple(
        min(case.steps, length + 1) for length in lengths
    ),
    "lengths are taken in descending order": lambda case, lengths: tuple(sorted(lengths, reverse=True)),
    "lengths are taken in ascending order": lambda case, lengths: tuple(sorted(lengths)),
    "lengths are taken in the opposite order of rows": lambda case, lengths: lengths[::-1],
}


def _sorted_rows(case: Case) -> list[int]:
    """Rows by length, the longest first, as they are packed."""
    return sorted(range(case.batch_size), key=lambda row: -(case.lengths or ())[row])


def _blanked(case: Case, output: Ball, h_n: Ball) -> Pair:
    """Nothing is looked at beyond the ends, which are those of the case that was given."""
    if case.counts is None:
        return output, h_n
    counts = case.counts.swapaxes(0, 1) if case.config.batch_first else case.counts
    return each(lambda part: np.where(counts, part, 0.0), output), h_n


def _with(case: Case, change: Callable[[Case, Lengths], Lengths]) -> Case:
    if case.lengths is None or case.counts is None:
        return case
    x = np.where(case.counts, case.x, 0.0) if case.packed else case.x  # Nothing is packed beyond the ends.
    return replace(case, x=x, lengths=change(case, case.lengths))


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases with lengths; none for others."""
    if case.lengths is None:
        return
    for name, change in OTHERS.items():
        yield Model.wired(
            name,
            Wiring(case=lambda case, change=change: _with(case, change), returned=_blanked),  # type: ignore[misc]
        )
    for k in range(1, case.steps + 1):
        yield Model.wired(
            f"no row runs longer than {k} steps",
            Wiring(
                case=lambda case, k=k: _with(case, lambda _, lengths: tuple(min(k, n) for n in lengths)),  # type: ignore[misc]
                returned=_blanked,
            ),
            family="no row runs longer than",
        )
    yield from scoped("the ends of rows are not heeded: padding is read", valid=lambda cell, counts: counts | True)
    yield from scoped(
        "what is turned round in time is the padded sequence, and its outputs are left so,",
        turn_back=lambda cell, part: part,
    )
    yield Model("h_n is the state after the last step, padding included", _final_of_padding)
    yield from scoped("h_n is the last output, which beyond a row's end is zero,", last=_zero_beyond)
    for name, rows in ROWS.items():
        yield Model(name, lambda calls, rounding, rows=rows: rows(calls[-1], predict(calls[-1], Wiring(), rounding)))  # type: ignore[misc]
    yield Model.wired("rows are sorted by length before they are run, but h_0 is not", Wiring(case=_h_0_unsorted))


def _final_of_padding(calls: Calls, rounding: Rounding) -> Prediction:
    right = predict(calls[-1], Wiring(), rounding)
    padded = predict(calls[-1], Wiring(valid=lambda cell, counts: np.ones_like(counts)), rounding)
    return replace(right, parts={"output": right.parts["output"], "h_n": padded.parts["h_n"]})


def _zero_beyond(case: Case, cell: Cell, start: Ball, states: Ball, outputs: Ball) -> Ball:
    """Return the output at the last step of all rows: zero for a row that ended before."""
    ends = np.ones((case.batch_size, 1), bool) if case.counts is None else case.counts[-1]
    return each(lambda part: np.where(ends, part, 0.0), last_of(start, states))


def _moved(case: Case, found: Prediction, part: str, rows: list[int]) -> Prediction:
    axis = 0 if part == "output" and case.config.batch_first else 1
    return replace(found, parts={**found.parts, part: each(lambda array: array.take(rows, axis), found.parts[part])})


#: What becomes of results where rows are sorted by length and not brought back.
ROWS: dict[str, Callable[[Case, Prediction], Prediction]] = {
    "h_n stays in the order of lengths in which rows were run": lambda case, found: _moved(
        case, found, "h_n", _sorted_rows(case)
    ),
    "the output stays in the order of lengths in which rows were run": lambda case, found: _moved(
        case, found, "output", _sorted_rows(case)
    ),
    "results stay in the order of lengths in which rows were run": lambda case, found: _moved(
        case, _moved(case, found, "h_n", _sorted_rows(case)), "output", _sorted_rows(case)
    ),
}


def _h_0_unsorted(case: Case) -> Case:
    """Row i of h_0 goes to the row that is the ith by length."""
    if case.h_0 is None or case.lengths is None:
        return case
    h_0 = np.empty_like(case.h_0)
    h_0[:, _sorted_rows(case)] = case.h_0
    return replace(case, h_0=h_0)
