"""A run cut into parts for several machines: each item is in one of them, whichever machine asks.

Together the parts judge exactly the cases of the whole run, so that each needs no word of the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.judge.trial import trial_of


@dataclass(frozen=True)
class Part:
    """Part `number` of a run that is cut into `of`."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, name: str, shard: int = 0) -> bool:
        """Whether the part has this shard; those of one name go round, and begin anywhere."""
        begin = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        return (begin + shard) % self.of == self.number - 1


WHOLE = Part()


def in_part(part: Part, item: Any) -> bool:
    """Whether an item is in a part: by what it judges, and not by what else is there on this machine."""
    trial, judged = trial_of(item), getattr(getattr(item, "obj", None), "property", None)
    if trial is None or judged is None:
        return part.has(item.nodeid)
    return part.has(f"{judged.name} {trial.implementation.name}", trial.shard)
