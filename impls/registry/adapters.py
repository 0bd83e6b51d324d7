"""The modules in which the implementations of this tree are registered."""

from __future__ import annotations

import pkgutil
from pathlib import Path

_FOLDER = Path(__file__).parent.parent
#: Every file in `impls/`, by its name as a module; the packages there hold what these need.
ADAPTERS = sorted(
    f"rnn_parity.{found.name}"
    for found in pkgutil.iter_modules([str(_FOLDER)])
    if not found.ispkg and not found.name.startswith("_")
)
