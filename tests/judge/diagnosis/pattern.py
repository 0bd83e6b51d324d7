"""What is known of wrong results where no bug model explains them: which elements are wrong, and on which cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from impls.balls import RADIUS_SLACK
from tests.judge.diagnosis.conditions import CONDITIONS, fitting
from tests.judge.diagnosis.evidence import Look
from tests.judge.verdict import error_over_bound

#: Errors of less than this part of a number look like rounding, not like another formula.
_SMALL = 2.0**-7
#: So many cases on either side say something.
_MANY = 8
#: No more parts are listed.
_LISTED = 2


class Wrong(NamedTuple):
    """One wrong number: where it stands, time counted as its direction goes."""

    part: str
    layer: int
    reverse: bool
    t: int
    last: int
    b: int
    unit: int
    #: Whether nothing but NaN or an infinity was expected, and the error relative to the larger of both numbers.
    special: bool
    error: float


def known(looks: Sequence[Look], *, again: bool) -> Iterator[str]:
    """Phrases that hold for everything that is wrong, and for something only because it is."""
    failing = [look for look in looks if not look.is_right]
    if again:
        yield "only when the network is called a second time"
    yield from next(filter(None, map(list, (_raised(failing), _shapes(failing), _elements(failing)))), [])
    yield from _conditions(failing, [look for look in looks if look.is_right])


def _conditions(failing: Sequence[Look], passing: Sequence[Look]) -> Iterator[str]:
    """What tells failing cases from others; else what all of them have, and many others have not."""
    wrong, right = ([look.case for look in part] for part in (failing, passing))
    exact = list(fitting(wrong, right)) if right else []
    needed = [
        name
        for name, holds in CONDITIONS.items()
        if all(map(holds, wrong)) and sum(not holds(case) for case in right) >= _MANY and len(wrong) >= _MANY
    ]
    yield from (f"only {condition}" for condition in (exact[:1] or needed[:2]))


def _raised(failing: Sequence[Look]) -> Iterator[str]:
    if raising := [look for look in failing if look.seen.error]:
        yield f"raises in {len(raising)} of {len(failing)} failing cases: {raising[0].seen.error}"


def _shapes(failing: Sequence[Look]) -> Iterator[str]:
    yield from list(filter(None, map(_shape_of, failing)))[:1]


def _elements(failing: Sequence[Look]) -> Iterator[str]:
    """Which elements are wrong."""
    wrong = [found for look in failing for found in _wrong_in(look)]
    if not wrong:
        return
    yield from _parts(wrong)
    for phrase, holds in ELEMENTS.items():
        if all(map(holds, wrong)) and _could_be_otherwise(holds, failing):
            yield phrase
    for axis, words in _FROM.items():
        least = min(getattr(found, axis) for found in wrong)
        if least > 0 and any(getattr(found, axis) > least for found in wrong):
            yield f"{words} from number {least} on (from 0)"
    if (most := max(found.error for found in wrong)) < _SMALL:
        yield f"by {most:.1g} of the number at most: rounding, or a formula nearly right"


#: What all wrong elements may have in common.
ELEMENTS: dict[str, Callable[[Wrong], bool]] = {
    "in the reverse direction only": lambda found: found.reverse,
    "in the forward direction only": lambda found: not found.reverse,
    "in layers above the first only": lambda found: found.layer > 0,
    "in the first layer only": lambda found: found.layer == 0,
    "at the first step only": lambda found: found.t == 0,
    "from the second step on": lambda found: found.t > 0,
    "at the last step only": lambda found: found.t == found.last,
    "in the first row of the batch only": lambda found: found.b == 0,
    "where NaN or an infinity is expected": lambda found: found.special,
}
_FROM = {"b": "in rows of the batch", "unit": "in hidden units"}


def _parts(wrong: Sequence[Wrong]) -> Iterator[str]:
    parts = sorted({found.part for found in wrong})
    if all(part.startswith("gradient") for part in parts):
        yield "in gradients only" if len(parts) > _LISTED else f"in {' and '.join(parts)} only"
    elif len(parts) == 1:
        yield f"in {parts[0]} only"


def _shape_of(look: Look) -> str:
    for name, ball in (look.right.parts if look.right else {}).items():
        got = look.seen.parts.get(name)
        if got is not None and got.shape != ball.mid.shape:
            return f"{name} has shape {got.shape} where {ball.mid.shape} is right ({look.case.descriptor})"
    return ""


def _wrong_in(look: Look) -> Iterator[Wrong]:
    for name, ball in (look.right.parts if look.right else {}).items():
        if (got := look.seen.parts.get(name)) is None:
            continue
        for index in np.argwhere(~(error_over_bound(got, ball) <= RADIUS_SLACK)):
            at = tuple(int(i) for i in index)
            expected, found = ball.mid[at], got[at]
            size = max(abs(expected), abs(found))
            error = abs(expected - found) / size if np.isfinite(size) and size else np.inf
            yield Wrong(name, *_place(look, name, at), not np.isfinite(expected), error)


def _place(look: Look, name: str, index: tuple[int, ...]) -> tuple[int, bool, int, int, int, int]:
    """Layer, direction, step as the direction goes, the last step, row of the batch, and unit."""
    case, config = look.case, look.case.config
    last = case.steps - 1
    if name == "h_n":
        layer, reverse = divmod(index[0], config.num_directions)
        return layer, bool(reverse), last, last, 0 if case.unbatched else index[1], index[-1]
    if name != "output":
        layer = int(name.rpartition("_l")[2][0]) if "_l" in name else 0
        return layer, name.endswith("_reverse"), -1, last, -1, index[0] if index else 0
    unit, reverse = index[-1] % config.hidden_size, index[-1] >= config.hidden_size
    axes = (0, None) if case.unbatched else (1, 0) if config.batch_first else (0, 1)
    t, b = index[axes[0]], 0 if axes[1] is None else index[axes[1]]
    return config.num_layers - 1, bool(reverse), last - t if reverse else t, last, b, unit


def _could_be_otherwise(holds: Callable[[Wrong], bool], looks: Sequence[Look]) -> bool:
    """Whether some failing case has elements for which a phrase does not hold: else it says nothing."""
    return any(
        not holds(Wrong(name, *_place(look, name, at), not np.isfinite(ball.mid[at]), 0.0))
        for look in looks
        for name, ball in (look.right.parts if look.right else {}).items()
        if name in ("output", "h_n")
        for at in np.ndindex(ball.mid.shape)
    )
