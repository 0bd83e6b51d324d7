"""A part of a run that is cut up for several machines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Part `number` of a run that is cut into `of`."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, name: str, shard: int = 0) -> bool:
        """Return whether the part has this shard; shards of one name take turns, from a start that the name decides."""
        begin = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        return (begin + shard) % self.of == self.number - 1


WHOLE = Part()
