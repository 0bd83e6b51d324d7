"""The command `rnn-parity`: pytest on the properties, wherever it is called."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


def main() -> int:
    """Judge as `pytest` does in a checkout, with the same options. What configures pytest here is not read."""
    own = (
        f"--config-file={TESTS}/commandline/pytest.ini",
        f"--rootdir={TESTS.parent}",
        f"--confcutdir={TESTS}",
        # pytest would keep its cache in that root; without its plugin it knows no such setting.
        *([] if any("no:cacheprovider" in part for part in sys.argv) else [f"-ocache_dir={Path.cwd()}/.pytest_cache"]),
    )
    asked = [_found(argument) for argument in sys.argv[1:]]
    properties = [] if asked != sys.argv[1:] else map(str, sorted(TESTS.glob("test_*.py")))
    return int(pytest.main([*own, *asked, *properties]))


def _found(argument: str) -> str:
    """Return an item, which is printed as `tests/test_agreement.py::...`, as pytest finds it from here."""
    file = argument.partition("::")[0]
    return f"{TESTS.parent}/{argument}" if (TESTS.parent / file).is_file() and file.startswith("tests/") else argument
