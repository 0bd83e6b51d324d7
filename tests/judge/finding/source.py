"""Where an implementation is written, for who shows it beside its code."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rnn_parity
from rnn_parity import Implementation
from rnn_parity.tests.judge.base.places import ROOT


def written_at(implementation: Implementation) -> tuple[str, int]:
    """Return the file and line of its module's class or its build function, or else of where it is registered.

    The file is told from the root of the repository: of the one that CI has checked out, or else of this one. Nothing
    where it is in no file of these.
    """
    for path, line in (*_of_code(_written(implementation.build)), *_of_name(implementation)):
        for root in filter(None, (os.environ.get("GITHUB_WORKSPACE"), str(ROOT))):
            within = path.resolve().is_relative_to(Path(root).resolve())
            if within and "site-packages" not in path.parts:
                return path.resolve().relative_to(Path(root).resolve()).as_posix(), max(1, line)
    return "", 0


def _written(build: Any) -> Any:
    """Return the user's own object: a module's class, or the function in a partial, a wrapper or a callable object."""
    while isinstance(build, functools.partial):
        build = build.func
    written = inspect.unwrap(getattr(build, "module", build))
    return written if inspect.isroutine(written) or inspect.isclass(written) else type(written)


def _of_code(written: Any) -> Iterator[tuple[Path, int]]:
    try:
        yield Path(inspect.getsourcefile(written) or ""), inspect.getsourcelines(written)[1]
    except (TypeError, OSError):
        # A class in a file that is no module: its methods know the file.
        files = {function.__code__.co_filename for function in vars(written).values() if inspect.isfunction(function)}
        for file in sorted(files):
            yield from _lines_with(Path(file), rf"^\s*class {written.__name__}\b")


def _of_name(implementation: Implementation) -> Iterator[tuple[Path, int]]:
    """Yield where a foreign class is registered under this name."""
    for file in (implementation.asked, *map(str, sorted(Path(rnn_parity.__file__).parent.glob("*.py")))):
        yield from _lines_with(Path(file), rf"""["']{re.escape(implementation.name)}["']""")


def _lines_with(file: Path, pattern: str) -> Iterator[tuple[Path, int]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines() if _is_source(file) else (), 1):
        if re.search(pattern, line):
            yield file, number


def _is_source(file: Path) -> bool:
    return file.suffix == ".py" and file.is_file()
