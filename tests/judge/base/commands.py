"""Commands that are printed: they work where they are read, in a checkout or elsewhere."""

from __future__ import annotations

from pathlib import Path

from rnn_parity.tests.judge.base.places import ROOT


def program() -> str:
    """Return what judges from the current directory: pytest in a checkout, else the installed command."""
    return "pytest" if Path.cwd() == ROOT else "rnn-parity"


def with_option(command: str, option: str) -> str:
    """Return a command that is told an option more."""
    return command.replace(" ", f" {option} ", 1)
