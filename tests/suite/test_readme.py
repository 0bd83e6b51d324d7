"""The README says what is so: its commands, options, properties and outputs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from impls import registered
from tests.judge import PROPERTIES
from tests.judge.plugin import load_properties

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def pytest_here(*arguments: str) -> str:
    """What pytest prints, run in the checkout."""
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_the_elementwise_notebook_is_caught_as_shown(tmp_path: Path) -> None:
    """The command of the README gives the counterexample of the README."""
    (source,) = [block for block in blocks("python") if '"elementwise"' in block]
    (shown,) = [block for block in blocks("text") if "minimal case" in block]
    path = tmp_path / "elementwise.py"
    path.write_text(source, encoding="utf-8")
    (command,) = re.findall(r"^\$ pytest -n auto (--impl=elementwise.py .*)$", README, re.MULTILINE)
    printed = pytest_here("-n0", *command.replace("elementwise.py", str(path)).split())

    for line in shown.partition("  (reduced from")[0].splitlines():
        assert line in printed
    for name in re.findall(r"  agree: (.*)", shown)[0].split(", "):
        assert not registered()[name].installed or re.search(rf"  agree: .*\b{re.escape(name)}\b", printed)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)", README))))
def test_every_option_is_there(option: str) -> None:
    """pytest knows every option that the README names."""
    assert re.search(rf"{option}\b", pytest_here("--help"))


def test_every_property_is_explained() -> None:
    """The table of demands has every property, in the words of no other."""
    rows = re.findall(r"^\| `(\w+)` \| ", README, re.MULTILINE)
    assert sorted(rows) == sorted([*load_properties(), "archive"])
    assert set(rows) - {"archive"} == set(PROPERTIES)


def test_every_environment_is_there() -> None:
    """tox has every environment that the README calls."""
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for name in re.findall(r"tox -e (\w+)", README):
        assert f"[testenv:{name}]" in tox


def test_python_blocks_are_python() -> None:
    """Every example compiles."""
    for block in blocks("python"):
        compile(block, "README.md", "exec")


def test_ci_runs_the_command_of_the_readme() -> None:
    """What a change must pass is what the README tells a newcomer to type."""
    commands = re.findall(r"^\$ (?:python -m pip install tox && )(tox)$", README, re.MULTILINE)
    assert commands == ["tox"]
    assert "python -m pip install --quiet tox && tox" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
