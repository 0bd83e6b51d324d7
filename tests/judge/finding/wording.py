"""Words for a disagreement and for a case, as they stand in the terminal and in reports."""

from __future__ import annotations

from typing import Any

from rnn_parity.registry.frames import in_lines
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.words import counted, number, spelled
from rnn_parity.tests.judge.trial.verdict import Disagreement


def what_differs(disagreement: Disagreement) -> list[str]:
    """Return in words: where it is wrong, what was expected and returned, what is allowed, and how much is wrong.

    Of an error, where it was raised.
    """
    lines = [disagreement.text]
    details = disagreement.details
    if "allowed" in details:
        lines += [
            f"  expected  {number(details['expected'])}",
            f"  got       {number(details['got'])}",
            f"  allowed   {_allowed(details['expected'], details['allowed'])}",
        ]
    if details.get("wrong", 1) > 1:
        lines.append(f"  {details['wrong']} of the {counted(details['of'], 'element')} are wrong")
    return [*lines, *in_lines(disagreement.frames)]


def plain_details(disagreement: Disagreement) -> dict[str, Any]:
    """Return expected, got and allowed as JSON holds them."""
    found = {
        name: disagreement.details[name] for name in ("expected", "got", "allowed") if name in disagreement.details
    }
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return spelled(value)
    return list(value) if isinstance(value, tuple) else value if isinstance(value, int) else str(value)


def _allowed(expected: float, allowed: float) -> str:
    if not allowed:
        exact = (
            "this number is exact in every order of its sums"
            if abs(expected) < float("inf")
            else "demanded by IEEE arithmetic"
        )
        return f"nothing else: {exact}"
    return f"+-{allowed:.3g}, the proven bound on rounding"


def pasteable(case: Case) -> str:
    """Return the case as source text, an argument a line; large arrays are left to the archive."""
    text = repr(case)
    if len(text) > 3000:
        return f"{text[:1500]} ... ({len(text)} characters in all: archive the case to see them)"
    for argument in ("x=", "h_0=", "weights=", "unbatched=", "memory="):
        text = text.replace(f", {argument}", f",\n     {argument}", 1)
    return text
