"""The suite's own reducer, for a test of one's own that fails."""

from __future__ import annotations

from collections.abc import Callable

from rnn_parity.contract import Capabilities, Case
from rnn_parity.strategies.shrinking.reduce import reduce_case


def shrink(case: Case, fails: Callable[[Case], bool], capabilities: Capabilities | None = None) -> Case:
    """Return the smallest case found for which `fails` is true; no single step from it leads to a smaller one.

    Args:
        case: where it is true.
        fails: what is looked at, called a few hundred times; it says no, and raises nothing, where a case does not fit.
        capabilities: what the implementation takes, so that no other cases are tried; by default all are.

    Raises:
        ValueError: `fails` is not true of the case given, or has raised something.
    """

    def is_true(candidate: Case) -> bool:
        try:
            return bool(fails(candidate))
        except Exception as error:
            raise ValueError(
                f"shrink: expected fails to return True or False, but it raised {type(error).__name__}: {error}, on\n"
                f"{candidate}"
            ) from error

    if not is_true(case):
        raise ValueError(f"shrink: expected a case for which fails returns True, but it returned False, on\n{case}")

    def is_taken(candidate: Case) -> bool:
        return capabilities is None or not capabilities.objections(candidate)

    return reduce_case(case, lambda candidate: is_taken(candidate) and is_true(candidate)).case
