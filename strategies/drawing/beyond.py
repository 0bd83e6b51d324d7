"""Cases beyond what an implementation claims, by one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from rnn_parity.contract import DTYPES, LENGTHS, NONLINEARITIES, Capabilities
from rnn_parity.contract.case import Case
from rnn_parity.strategies.drawing.cases import LIMITS, SMALLEST, Sizes, cases
from rnn_parity.strategies.drawing.cotangents import cases_with_cotangents
from rnn_parity.strategies.drawing.lengths import cases_with_lengths
from rnn_parity.strategies.drawing.twice import cases_to_differentiate_twice


def cases_beyond(within: Capabilities) -> st.SearchStrategy[Case]:
    """Draw cases with one thing that `within` does not claim; where it claims everything, cases inside it.

    What cannot be refused from outside (calls from several threads) or is defined away (non-finite numbers) is left
    out, and so are wrong calls, which have a property of their own.
    """
    return st.one_of(_beyond(within) or [cases(within)])


def claims_everything(within: Capabilities) -> bool:
    """Return whether no field can be widened."""
    return not _beyond(within)


def _beyond(within: Capabilities) -> list[st.SearchStrategy[Case]]:
    found = [cases(capabilities, at_least=floor) for capabilities, floor in one_step_wider(within)]
    if not within.gradients:
        found.append(cases_with_cotangents(within))
    elif not within.second_derivatives and within.cells == ("rnn",):
        found.append(cases_to_differentiate_twice(within))
    if forms := tuple(form for form in LENGTHS if form not in within.lengths):
        found.append(cases_with_lengths(replace(within, lengths=forms)))
    return found


def one_step_wider(within: Capabilities) -> list[tuple[Capabilities, Sizes]]:
    """List these capabilities with one refusal at a time turned into a claim, and sizes that exceed them."""
    changes: list[dict[str, Any]] = []
    for name, everything in _CHOICES.items():
        if missing := tuple(value for value in everything if value not in getattr(within, name)):
            changes.append({name: missing})
    changes += [{name: True} for name in ("bidirectional", "unbatched", "h_0") if not getattr(within, name)]
    changes += [{"max_layers": None}] * (within.max_layers is not None) + [{"min_batch": 0}] * (within.min_batch > 0)
    wider = [(replace(within, **change), SMALLEST) for change in changes]
    for index, name in enumerate(LIMITS):
        if (limit := getattr(within, name)) is not None:
            floor = Sizes(*(limit + 1 if place == index else size for place, size in enumerate(SMALLEST)))
            unlimited: dict[str, Any] = {name: None}
            wider.append((replace(within, **unlimited), floor))
    return wider


_CHOICES: dict[str, tuple[Any, ...]] = {
    "nonlinearities": NONLINEARITIES,
    "biases": (True, False),
    "batch_first": (False, True),
    "dtypes": DTYPES,
}
