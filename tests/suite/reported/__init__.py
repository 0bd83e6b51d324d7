"""Small implementations on which the suite fell short: faults that people reported of real recurrent layers, and what a
newcomer writes. Each registers itself where it is imported, so that `--impl=FILE` alone imports it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from unittest.mock import patch

from rnn_parity import Implementation, registered, registry, resolve

FOLDER = Path(__file__).parent


@cache
def reported(name: str) -> Implementation:
    """Return the implementation of a file, which the registry of this process does not keep."""
    with patch.dict(registry.REGISTRY, registered()):
        (found,) = resolve(str(FOLDER / f"{name}.py"))
    return found
