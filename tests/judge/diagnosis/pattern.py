"""What is known of wrong results where no bug model explains them: which elements are wrong, and on which cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnn_parity.reference.balls import RADIUS_SLACK
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.conditions import BETWEEN, fitting, holding
from rnn_parity.tests.judge.diagnosis.divergence import wrong_shapes
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, Look
from rnn_parity.tests.judge.trial.verdict import error_over_bound

#: Errors of less than this part of a number look like rounding, not like another formula.
_SMALL = 2.0**-7
#: A condition is not said that would hold for all wrong cases by chance as often as this.
_CHANCE = 1e-3
#: No more parts, and no more conditions, are listed.
_LISTED = 2
#: In how many drawn cases something has to be wrong before a size is said from which on it is.
_SOME = 3


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


def known(evidence: Evidence, failing_too: Sequence[Case] = ()) -> Iterator[str]:
    """Phrases that hold for everything that is wrong, and for something only because it is.

    Args:
        evidence: what was looked at.
        failing_too: other cases that fail: what is said of all holds for them as well.
    """
    failing = [look for look in evidence.looks if not look.is_right]
    if evidence.again:
        yield "only when the network is called a second time"
    yield from next(filter(None, map(list, (_raised(failing), _shaped(failing), _elements(failing)))), [])
    yield from _conditions(evidence, failing, failing_too)


def _conditions(evidence: Evidence, failing: Sequence[Look], failing_too: Sequence[Case]) -> Iterator[str]:
    """Yield what tells failing cases from others; else what all of them have, and too few others for chance."""
    wrong = [look.case for look in failing] + list(failing_too)
    right = [look.case for look in evidence.looks if look.is_right]
    drawn = evidence.drawn
    number = sum(not look.is_right for look in drawn)

    def is_chance(holds: Callable[[Look], bool]) -> bool:
        return not number or (sum(map(holds, drawn)) / len(drawn)) ** number > _CHANCE

    between = [name for name, holds in _between(failing).items() if not is_chance(holds)]
    held = {name: holds for name, holds in holding(wrong).items() if not is_chance(lambda look: holds(look.case))}  # noqa: B023
    exact = [name for name in held if not any(map(held[name], right))]
    exact += [] if exact or failing_too or not right or number < _SOME else list(fitting(wrong, right))
    yield from (
        f"only {condition}" for condition in [*between[:1], *(exact[:1] or list(held)[: _LISTED - len(between)])]
    )


def _between(failing: Sequence[Look]) -> dict[str, Callable[[Look], bool]]:
    """Every condition on a call and the one before it that holds in all failing cases."""
    if any(len(look.calls) < 2 for look in failing):
        return {}
    return {
        name: lambda look, holds=holds: len(look.calls) > 1 and holds(*look.calls[-2:])  # type: ignore[misc]
        for name, holds in BETWEEN.items()
        if all(holds(*look.calls[-2:]) for look in failing)
    }


def _raised(failing: Sequence[Look]) -> Iterator[str]:
    texts = [look.seen.error for look in failing if look.seen.error]
    if texts and len(texts) == len(failing):
        yield "all of these raise" if len(texts) > 1 else "this one raises"
    elif texts:
        yield f"{len(texts)} of these raise: {texts[0]}"


def _shaped(failing: Sequence[Look]) -> Iterator[str]:
    if number := sum(1 for look in failing if next(wrong_shapes(look), "")):
        yield f"{'all' if number == len(failing) else number} of these have a wrong shape"


def _elements(failing: Sequence[Look]) -> Iterator[str]:
    """Yield which elements are wrong."""
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
_DERIVATIVES = "gradient", "second derivative"
_FROM = {"b": "in rows of the batch", "unit": "in hidden units"}


def _parts(wrong: Sequence[Wrong]) -> Iterator[str]:
    parts = sorted({found.part for found in wrong})
    if kind := next((kind for kind in _DERIVATIVES if all(part.startswith(kind) for part in parts)), ""):
        yield f"in {kind}s only" if len(parts) > _LISTED else f"in {' and '.join(parts)} only"
    elif len(parts) == 1:
        yield f"in {parts[0]} only"


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
    if name in ("h_n", "c_n"):
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
    """Return whether some failing case has elements for which a phrase does not hold: else the phrase is vacuous."""
    return any(
        not holds(Wrong(name, *_place(look, name, at), not np.isfinite(ball.mid[at]), 0.0))
        for look in looks
        for name, ball in (look.right.parts if look.right else {}).items()
        if name in ("output", "h_n", "c_n")
        for at in np.ndindex(ball.mid.shape)
    )
