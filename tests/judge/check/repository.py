"""What the repository of a test file says of how it is judged: [tool.rnn_parity] in its pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnn_parity.tests.judge.run.expected import Expected, read

_TABLE = "rnn_parity"


@dataclass(frozen=True)
class Table:
    """The table; nothing where there is none."""

    #: Where counterexamples are kept, and replayed from.
    archive: Path | None = None
    cases: int | None = None
    only: tuple[str, ...] = ()
    #: Failures that are expected, by property and implementation.
    expected: Expected = field(default_factory=dict)


def _archive(value: Any, folder: Path) -> Path:
    return folder / str(value)


#: By key: what a value has to be, in words and in types, and what it becomes.
_KEYS: dict[str, tuple[str, Callable[[Any], bool], Callable[[Any, Path], Any]]] = {
    "archive": ("a folder", lambda value: isinstance(value, str) and bool(value), _archive),
    "cases": ("an integer from 1", lambda value: type(value) is int and value >= 1, lambda value, _: value),
    "only": (
        "a list of groups",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        lambda value, _: tuple(value),
    ),
    "expected": (
        "a file",
        lambda value: isinstance(value, str) and bool(value),
        lambda value, folder: read(folder / value),
    ),
}


def table_of(file: Path) -> Table:
    """Return the table of the nearest pyproject.toml that has one, in a folder above a file.

    Raises:
        ValueError: the file cannot be read, or something in the table does not fit.
    """
    for folder in file.resolve().parents:
        found = folder / "pyproject.toml"
        if found.is_file() and (table := _read(found).get("tool", {}).get(_TABLE)) is not None:
            return Table(**{key: _value(found, key, value) for key, value in table.items()})
    return Table()


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: expected a file of TOML, but {error}") from error


def _value(path: Path, key: str, value: Any) -> Any:
    who = f"{path}: [tool.{_TABLE}]"
    if key not in _KEYS:
        raise ValueError(f"{who}: expected keys out of {', '.join(_KEYS)}, found {key!r}")
    expected, fits, taken = _KEYS[key]
    if not fits(value):
        raise ValueError(f"{who} {key}: expected {expected}, found {value!r}")
    return taken(value, path.parent)
