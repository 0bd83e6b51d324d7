"""Numbers and lists in words, as they stand in every message."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, one: str, more: str = "") -> str:
    """So many of something: "1 case", "1,000 cases"; `more` is the plural, where that is not the word and an s."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def listed(parts: Sequence[str], last: str = " and ", most: int = 0) -> str:
    """Parts in a sentence, the last behind a word of its own; of more than `most`, how many are left: "3 more"."""
    shown = [*parts[:most], f"{len(parts) - most} more"] if 0 < most < len(parts) else parts
    return last.join([", ".join(shown[:-1])] * (len(shown) > 1) + [*shown[-1:]])


def number(value: float) -> str:
    """Return a number without a fraction of zero."""
    return repr(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else repr(value)


def spelled(value: float) -> float | str:
    """Return a number as JSON can hold it."""
    return value if abs(value) < float("inf") else str(value)
