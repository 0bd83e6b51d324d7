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
        f"--override-ini=cache_dir={Path.cwd()}/.pytest_cache",
    )
    properties = map(str, sorted(TESTS.glob("test_*.py")))
    return int(pytest.main([*own, *sys.argv[1:], *properties]))
