"""A first wrong number, as data and in words; and numbers as they are written in sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnn_parity.tests.judge.base.words import number

#: Terms of a sum that are written out; of more, those that are zero are left out, and then the rest.
TERMS = 6


class Divergence(NamedTuple):
    """A first wrong number: which it is, in lines, and what it may be instead."""

    #: "h", or the role of the parameter whose gradient it is.
    role: str
    lines: list[str]
    #: The number that came, as it is written.
    got: str
    #: Words that follow "what it would be", or `NOTHING`.
    instead: list[str]


#: Where nothing came back, nothing else is said of the number.
NOTHING = "nothing came back"


def is_near(value: float, got: float, allowed: float) -> bool:
    """Return whether a number is what came, as far as rounding allows."""
    return abs(value - got) <= 2 * allowed + 1e-12 * abs(got) if np.isfinite(got) else value == got


def factor(value: float) -> str:
    """Return a number as it stands in a product."""
    text = short(value)
    return f"({text})" if text.startswith("-") else text


def short(value: float) -> str:
    """Return a number in six digits at most, whole numbers as they are."""
    value = float(value)
    return number(value) if value.is_integer() or not np.isfinite(value) else f"{value:.6g}"


def both(expected: float, got: float) -> tuple[str, str]:
    """Return two numbers, in as many digits as it takes to see that they differ."""
    brief = short(expected), short(got)
    return brief if brief[0] != brief[1] else (repr(float(expected)), repr(float(got)))
