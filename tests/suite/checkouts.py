"""Second checkouts: what another machine has, or somebody who adds a file."""

from __future__ import annotations

import shutil
from pathlib import Path

from rnn_parity.tests.suite import ROOT


def copied(into: Path, *without: str) -> Path:
    """Copy the checkout, laid out as it is installed: with `into` on the path of modules, it is `rnn_parity`."""
    folder, ignore = into / "rnn_parity", shutil.ignore_patterns("__pycache__", *without)
    shutil.copytree(ROOT / "impls", folder, ignore=ignore)
    for part in ("strategies", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder
