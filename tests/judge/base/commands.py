"""Commands that are printed: they work where they are read, in a checkout or elsewhere."""

from __future__ import annotations

from pathlib import Path

#: The folder of the properties, and what holds it: a checkout, or the installed package.
TESTS = Path(__file__).parent.parent.parent
ROOT = TESTS.parent


def program() -> str:
    """Return what judges from the current directory: pytest in a checkout, else the installed command."""
    return "pytest" if Path.cwd() == ROOT else "rnn-parity"


def with_option(command: str, option: str) -> str:
    """Return a command that is told an option more."""
    return command.replace(" ", f" {option} ", 1)
