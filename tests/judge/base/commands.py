"""Commands that are printed: they work where they are read, in a checkout or elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from rnn_parity.tests.commandline.called import own
from rnn_parity.tests.judge.base.places import ROOT


def judging(targets: Iterable[str], *options: str) -> str:
    """Return the command that judges these: pytest in a checkout, else the installed command as it was called."""
    if Path.cwd() == ROOT:
        # With `=`: what follows a space pytest takes for a path of tests, and looks there for its configuration.
        return shlex.join(["pytest", *(f"--impl={name}" for name in targets), *options])
    return shlex.join([*own(), *targets, *options])


def replaying(path: Path, targets: Iterable[str], *options: str) -> str:
    """Return the command that judges these on an archived case."""
    if Path.cwd() == ROOT:
        return judging(targets, *options, f"--case={path}")
    return judging(["replay", str(path), *targets], *options)
