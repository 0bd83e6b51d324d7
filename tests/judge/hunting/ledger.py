"""What hunts have covered, in a file: the next one goes on with fresh seeds, and knows what pays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.judge.base.files import why, write_text
from tests.judge.hunting import coverage
from tests.judge.hunting.coverage import Packed

_SCHEMA = 1
#: How much of what a pair gave is remembered from one round to the next: what it gives now counts most.
_MEMORY = 0.5


@dataclass
class Pair:
    """What is known of a property and an implementation."""

    rounds: int = 0
    cases: int = 0
    #: CPU seconds.
    seconds: float = 0.0
    #: The nearest that a result came to its bound: error / bound.
    worst: float = 0.0
    #: New cells, and CPU seconds, of the last rounds, the more the later.
    recent_cells: float = 0.0
    recent_seconds: float = 0.0
    cells: Packed = field(default_factory=coverage.nothing)

    def learn(self, cases: int, seconds: float, worst: float, seen: Packed) -> int:
        """Take in a round; how many cells are new."""
        new = coverage.count(seen & ~self.cells)
        self.cells = self.cells | seen
        self.rounds += 1
        self.cases += cases
        self.seconds += seconds
        self.worst = max(self.worst, worst)
        self.recent_cells = _MEMORY * self.recent_cells + new
        self.recent_seconds = _MEMORY * self.recent_seconds + seconds
        return new

    def plain(self) -> dict[str, Any]:
        """As the ledger holds it."""
        return vars(self) | {"cells": coverage.as_text(self.cells)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Pair:
        """Read what `plain` gave. Raise an error for a number that is none."""
        numbers = {name: type(default)(plain[name]) for name, default in vars(cls()).items() if name != "cells"}
        return cls(**numbers, cells=coverage.from_text(plain["cells"]))


@dataclass
class Ledger:
    """All hunts so far, by pair; `hunts` counts them, so that each has seeds of its own."""

    hunts: int = 0
    pairs: dict[str, Pair] = field(default_factory=dict)

    def pair(self, name: str) -> Pair:
        """Return what is known of a pair, and keep it from now on."""
        return self.pairs.setdefault(name, Pair())

    def write(self, path: Path) -> str:
        """Keep it in a file; what is to be said where that cannot be."""
        plain = {
            "schema": _SCHEMA,
            "hunts": self.hunts,
            "pairs": {name: pair.plain() for name, pair in sorted(self.pairs.items()) if pair.rounds},
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(plain, indent=1) + "\n")
        except OSError as error:
            return f"the next hunt will not know of this one: {path} cannot be written: {why(error)}"
        return ""


def read(path: Path) -> tuple[Ledger, str]:
    """Return the ledger in a file, and what is to be said of it.

    One that cannot be understood is put aside and begun anew: it only says where to look, and no verdict rests on it.
    """
    try:
        return _understood(path.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return Ledger(), ""
    except OSError as error:
        return Ledger(), f"what earlier hunts covered is not known: {path} cannot be read: {why(error)}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        aside = path.with_suffix(".broken")
        said = (
            f"what earlier hunts covered is not known: {path} is no ledger of hunts ({type(error).__name__}: {error})"
        )
        try:
            path.replace(aside)
        except OSError as obstacle:
            return Ledger(), f"{said}; it cannot be put aside: {why(obstacle)}"
        return Ledger(), f"{said}; it lies in {aside} now, and a new one is begun"


def _understood(text: str) -> Ledger:
    plain = json.loads(text)
    if plain["schema"] != _SCHEMA:
        raise ValueError(f"schema {plain['schema']!r}, where {_SCHEMA} is known")
    return Ledger(int(plain["hunts"]), {name: Pair.from_plain(pair) for name, pair in plain["pairs"].items()})
