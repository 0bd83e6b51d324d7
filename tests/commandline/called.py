"""How the command was called, in words that call it again where its user stands; torch may be missing here."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "rnn-parity"
#: The variable that tells the processes of a run.
_VARIABLE = "RNN_PARITY_CALLED"


def note_call() -> None:
    """Note how this process was called: by the command's name, by a path to it, or as a module of Python."""
    called = sys.argv[:1]
    if Path(called[0]).name == "__main__.py":
        called = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    elif (found := shutil.which(_NAME)) and Path(called[0]).exists() and Path(found).samefile(called[0]):
        called = [_NAME]
    os.environ[_VARIABLE] = shlex.join(called)


def own() -> list[str]:
    """Return the words that call the command."""
    return shlex.split(os.environ.get(_VARIABLE, _NAME))
