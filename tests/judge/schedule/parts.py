"""A run cut into parts for several machines: each item is in one of them, whichever machine asks.

Together the parts judge exactly the cases of the whole run, so that each needs no word of the others.
"""

from __future__ import annotations

from typing import Any

from tests.judge.base.part import Part
from tests.judge.trial.trial import trial_of


def in_part(part: Part, item: Any) -> bool:
    """Return whether an item is in a part, by what it judges alone, so that all machines agree."""
    trial, judged = trial_of(item), getattr(getattr(item, "obj", None), "property", None)
    if trial is None or judged is None:
        return part.has(item.nodeid)
    return part.has(f"{judged.name} {trial.implementation.name}", trial.shard)
