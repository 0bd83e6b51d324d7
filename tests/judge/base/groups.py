"""The groups in which properties stand, in the order in which they are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """What its properties are about, and whether they demand numbers or manners: numbers come first."""

    title: str
    manners: bool = False


#: By the name that `--only` takes, and that each property gives.
GROUPS = {
    "results": Group("results"),
    "state": Group("state and calls"),
    "gradients": Group("gradients"),
    "lengths": Group("lengths"),
    "special": Group("special values"),
    "process": Group("memory and process", manners=True),
    "arguments": Group("arguments", manners=True),
    "torch": Group("torch's own"),
}
#: The title of the archive, whose cases are each of another group.
ARCHIVED = "archived cases"
