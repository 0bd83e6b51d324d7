"""What `tox -e quick` takes of many tests alike, and of many examples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

import pytest


def quick_where(is_quick: Callable[[Any], bool], values: Iterable[Any]) -> list[Any]:
    """All values, for `pytest.mark.parametrize`: those that are not quick are marked `full`."""
    return [value if is_quick(value) else _full(value) for value in values]


def _full(value: Any) -> Any:
    return pytest.param(*(value if isinstance(value, tuple) else [value]), marks=pytest.mark.full)


def one_in(count: int, *names: object) -> bool:
    """Whether something is one of so many, by what it is called: the same ones each time."""
    return crc32(" ".join(map(str, names)).encode()) % count == 0


def examples(count: int) -> int:
    """So many examples, or a quarter of them in quick tests."""
    return -(-count // 4) if "QUICK" in os.environ else count
