"""Imports go one way: between the packages, and inside the judge in the order of its stages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnn_parity.tests.suite import ROOT

#: The folders of the judge in the order in which a case travels: each imports only those before it.
STAGES = [
    "base",
    "trial",
    "look",
    "demands",
    "reduction",
    "diagnosis",
    "finding",
    "report",
    "schedule",
    "crashes",
    "hunting",
    "run",
    "check",
]
JUDGE = ROOT / "tests" / "judge"


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            yield from [name.name for name in node.names]


def test_the_stages_are_those() -> None:
    """No file of the judge lies outside of them, but the list of what properties use."""
    assert {path.parent.name for path in JUDGE.glob("*/__init__.py")} == set(STAGES)
    assert [path.name for path in JUDGE.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_those_before_it(stage: str) -> None:
    later = STAGES[STAGES.index(stage) + 1 :]
    for path in (JUDGE / stage).rglob("*.py"):
        found = [
            name
            for name in imported(path)
            if name.startswith("rnn_parity.tests.judge.") and name.split(".")[3] in later
        ]
        assert not found, path


@pytest.mark.parametrize(("package", "others"), [("impls", ("strategies", "tests")), ("strategies", ("tests",))])
def test_a_package_imports_only_those_before_it(package: str, others: tuple[str, ...]) -> None:
    later = tuple(f"rnn_parity.{other}" for other in others)
    for path in (ROOT / package).rglob("*.py"):
        if path.name != "__main__.py":  # Which is the command.
            assert not [name for name in imported(path) if f"{name}.".startswith(later)], path
