"""Words for a disagreement and for a case, as they stand in the terminal and in reports."""

from __future__ import annotations

from collections.abc import Sequence

from strategies import Case
from tests.judge.verdict import Disagreement


def what_differs(disagreement: Disagreement) -> list[str]:
    """Where it is wrong, what was expected, what came, how far off it may be, and how much of it is wrong."""
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
    return lines


def counted(number: int, one: str, more: str = "") -> str:
    """So many of something: "1 case", "1,000 cases"; `more` is the plural, where that is not the word and an s."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def listed(parts: Sequence[str], last: str = " and ", most: int = 0) -> str:
    """Parts in a sentence, the last behind a word of its own; of more than `most`, how many are left: "3 more"."""
    shown = [*parts[:most], f"{len(parts) - most} more"] if 0 < most < len(parts) else parts
    return last.join([", ".join(shown[:-1])] * (len(shown) > 1) + [*shown[-1:]])


def number(value: float) -> str:
    """A number without a fraction of zero."""
    return repr(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else repr(value)


def _allowed(expected: float, allowed: float) -> str:
    if not allowed:
        exact = (
            "every sum in this case is exact in every order"
            if abs(expected) < float("inf")
            else "demanded by IEEE arithmetic"
        )
        return f"nothing else: {exact}"
    return f"+-{allowed:.3g}, the proven bound on rounding"


def pasteable(case: Case) -> str:
    """The case as it can be pasted, an argument a line; large ones are left to the archive."""
    text = repr(case)
    if len(text) > 3000:
        return f"{text[:1500]} ... ({len(text)} characters in all: archive the case to see them)"
    for argument in ("x=", "h_0=", "weights=", "unbatched=", "memory="):
        text = text.replace(f", {argument}", f",\n     {argument}", 1)
    return text
