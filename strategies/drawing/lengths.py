"""Cases whose sequences have lengths of their own, with garbage beyond their ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import assume
from hypothesis import strategies as st

from rnn_parity.contract import Capabilities
from rnn_parity.contract.case import Case
from rnn_parity.strategies.drawing.cases import Sizes, cases

Drawn = Callable[[np.random.Generator, int, int], npt.ArrayLike]
#: How lengths of `rows` sequences are drawn from 1 to `steps`; ties come by themselves where there are few steps.
KINDS: dict[str, Drawn] = {
    "any": lambda random, steps, rows: random.integers(1, steps + 1, rows),
    "the longest first": lambda random, steps, rows: -np.sort(-random.integers(1, steps + 1, rows)),
    "the longest last": lambda random, steps, rows: np.sort(random.integers(1, steps + 1, rows)),
    "all different": lambda random, steps, rows: 1 + np.resize(random.permutation(steps), rows),
    "all equal": lambda random, steps, rows: np.full(rows, random.integers(1, steps + 1)),
    "all ones but one": lambda random, steps, rows: np.where(np.arange(rows) == random.integers(rows), steps, 1),
    "all steps but one's": lambda random, steps, rows: np.where(np.arange(rows) == random.integers(rows), 1, steps),
    "all steps": lambda random, steps, rows: np.full(rows, steps),
}
#: What stands beyond the ends: other numbers, or one of these.
GARBAGE = (None, np.nan, 0.0, np.inf)
PADDED = Capabilities(lengths=("padded",))
_NUMBERS = st.binary(min_size=2, max_size=4)


@st.composite
def cases_with_lengths(draw: st.DrawFn, /, within: Capabilities = PADDED, **options: Any) -> Case:
    """Draw cases inside `within`, which has to claim lengths, each with lengths; `options` as for `cases`."""
    batched = replace(within, unbatched=False, min_batch=max(1, within.min_batch))
    case = draw(cases(batched, at_least=Sizes(1, 1, 1, 1), **options))
    form, garbage, kind = draw(_ways(within.lengths))
    random = np.random.default_rng(list(draw(_NUMBERS)))
    lengths = np.asarray(KINDS[kind](random, case.steps, case.batch_size)).tolist()
    case = replace(case, lengths=tuple(lengths), packed=form == "packed")
    assume(within.nonfinite or case.finite)
    return case if garbage is None else with_garbage(case, garbage)


def cases_with_or_without_lengths(within: Capabilities, **options: Any) -> st.SearchStrategy[Case]:
    """Draw cases, half of them with lengths where these are claimed; `options` as for `cases`."""
    plain = cases(within, **options)
    return st.one_of(plain, cases_with_lengths(within, **options)) if within.lengths else plain


def with_garbage(case: Case, garbage: float) -> Case:
    """Put this number everywhere beyond the ends of the sequences."""
    assert case.counts is not None
    return case.with_arrays(x=np.where(case.counts, case.x, garbage))


@cache
def _ways(forms: tuple[str, ...]) -> st.SearchStrategy[tuple[str, float | None, str]]:
    return st.sampled_from(sorted(product(forms, GARBAGE, KINDS), key=lambda way: GARBAGE.index(way[1])))
