"""What `--list-impls` prints: who is registered, what they take on, and how to install who is not there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rnn_parity import Capabilities, Implementation, registered
from rnn_parity.registry import MAIN, not_loaded


def listing() -> str:
    """Return a paragraph for every registered implementation, and a line for every entry point that failed to load."""
    paragraphs = [_paragraph(implementation) for implementation in registered().values()]
    return "\n".join([*paragraphs, *(f"warning: {line}" for line in not_loaded())])


def _paragraph(implementation: Implementation) -> str:
    versions = dict.fromkeys((implementation.library, *implementation.needs), "") | implementation.versions
    where = ", ".join(f"{library} {version}".rstrip() for library, version in versions.items())
    missing = "" if implementation.installed else f": not installed: {implementation.how_to_install}"
    lines = [
        f"{implementation.name}  ({where}{missing}){_group(implementation)}",
        f"    {_claims(implementation.capabilities)}",
    ]
    lines += [f"    known defect: {defect.reason} ({defect.link})" for defect in implementation.known_defects]
    return "\n".join(lines)


def _group(implementation: Implementation) -> str:
    return "" if implementation.group == MAIN else f"  --group={implementation.group}"


#: Fields of `Capabilities` that add to what its default claims; the others take something back.
_ADDED = ("lengths", "padding", "accepts", "dropout", "autocast", "devices")


def _claims(capabilities: Capabilities) -> str:
    everything = Capabilities()
    differing = {
        field.name: f"{field.name} = {_shown(getattr(capabilities, field.name))}"
        for field in fields(Capabilities)
        if field.name not in ("module", "own_process")
        and getattr(capabilities, field.name) != getattr(everything, field.name)
    }
    added = [said for name, said in differing.items() if name in _ADDED]
    limits = [said for name, said in differing.items() if name not in _ADDED]
    return (
        "claims the defaults of Capabilities"
        + (f", and {'; '.join(added)}" if added else "")
        + (f", except {'; '.join(limits)}" if limits else "")
    )


def _shown(value: Any) -> str:
    return ", ".join(str(item).removeprefix("torch.") for item in value) if isinstance(value, tuple) else str(value)
