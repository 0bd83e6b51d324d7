"""Results and gradients by name, a state of several parts part by part: `h_n` and `c_n`, as users know them."""

from __future__ import annotations

from typing import Any

from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case

#: What ends the name of a state.
_STATES = ("h_0", "h_n")


def in_parts(case: Case, name: str, whole: Any) -> dict[str, Any]:
    """Return an array or a tensor, in the case's layout, by name; the parts of a state lead in it."""
    states = case.config.kind.states
    if len(states) == 1 or not name.endswith(_STATES):
        return {name: whole}
    return {f"{name[:-3]}{state}{name[-2:]}": whole[i] for i, state in enumerate(states)}


def balls_in_parts(case: Case, name: str, ball: Ball) -> dict[str, Ball]:
    """Return balls, in the case's layout, by name."""
    mids, rads = (in_parts(case, name, part) for part in ball)
    return {part: Ball(mid, rads[part]) for part, mid in mids.items()}


def outputs(case: Case, output: Ball, h_n: Ball) -> dict[str, Ball]:
    """Return the balls of time-major results in the case's layout, by name."""
    return {
        "output": Ball(*map(case.in_layout, output)),
        **balls_in_parts(case, "h_n", Ball(*map(case.state_in_layout, h_n))),
    }


def laid_out(case: Case, name: str, array: Array) -> Array:
    """Lay an array of the shape of one of the case's out as the case hands that one over."""
    if name in ("x", "grad_output"):
        return case.in_layout(array)
    return case.state_in_layout(array) if name in ("h_0", "grad_h_n") else array


def gradients(case: Case, says: str, balls: dict[str, Ball]) -> dict[str, Ball]:
    """Return gradients of a case's arrays, in its layout, by name; `says` stands before the name of the array."""
    found: dict[str, Ball] = {}
    for name, ball in balls.items():
        found |= balls_in_parts(case, f"{says} {name}", Ball(*(laid_out(case, name, part) for part in ball)))
    return found
