"""What an implementation claims beyond a plain call, thing by thing: a case of it, and the claims without it.

Whether a case asks for something is left to the capabilities: those without it object to the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import NamedTuple

from rnn_parity import Capabilities
from rnn_parity.contract.axes import BY_NAME, Axis, Claimed
from rnn_parity.strategies import Case, InvalidCase


class Claim(NamedTuple):
    """One thing that is claimed: a value of an axis."""

    words: str
    axis: Axis
    place: int
    claimed: Claimed

    def asks(self, case: Case) -> Case:
        """Return a case that asks for it."""
        assert self.axis.make is not None
        if (case.lengths is not None and self.axis.name == "rows") or (not case.batch_size and _is_of_lengths(self)):
            raise InvalidCase("lengths: expected rows to go with them, found none")
        return self.axis.make(case, self.place)

    def narrow(self, able: Capabilities) -> Capabilities | None:
        """Return capabilities without it; None where that is not claimed, or nothing would be left."""
        # In a separate process it is differentiated once.
        asked = not (able.own_process and self.claimed.field == "second_derivatives")
        return self.claimed.taken_from(able) if asked else None


def _is_of_lengths(claim: Claim) -> bool:
    return claim.axis.name == "lengths"


def _claims(*names: str) -> Iterator[Claim]:
    """Yield what is claimed of these axes."""
    for axis in map(BY_NAME.__getitem__, names):
        for place, value in enumerate(axis.values):
            if value.claim and value.claimed:
                yield Claim(value.claim, axis, place, value.claimed)


_UNBATCHED = next(claim for claim in _claims("layout") if claim.claimed.field == "unbatched")
#: What a network and its call are: all of these can be asked for at once, one of each axis.
OF_THE_NETWORK = [
    claim for claim in _claims("nonlinearity", "bias", "layers", "directions", "h_0", "layout") if claim != _UNBATCHED
]
#: What each needs a case of its own.
BESIDE = [*_claims("dtype"), _UNBATCHED, *_claims("rows", "lengths", "gradients", "differentiated")]
CLAIMS = [*OF_THE_NETWORK, *BESIDE]

#: What a run, a way to register and the process decide, and nobody writes.
DECIDED = ("module", "own_process", "pool", "shapes", "sizes")


def in_source(able: Capabilities) -> str:
    """Return capabilities as they are written, without what is so by default."""
    plain = Capabilities(cells=able.cells)
    given = {
        field.name: value
        for field in fields(able)
        if field.name not in DECIDED and (value := getattr(able, field.name)) != getattr(plain, field.name)
    }
    given = ({"cells": able.cells} if able.cells != Capabilities().cells else {}) | given
    return f"Capabilities({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def narrowed(able: Capabilities, claims: Iterable[Claim]) -> Capabilities:
    """Return capabilities without several things."""
    for claim in claims:
        able = claim.narrow(able) or able
    return able
