"""Runs of pytest from outside, as a user starts them: each is forked from a process that has imported torch.

Importing it takes longer than most of these runs. Run as a script, this file is that process; the tests package of a
run may be that of another checkout, so that nothing of this one is imported here.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
#: The options with which nobody else is judged on a case that fails.
ALONE = ("-p", "rnn_parity.tests.suite.alone")
#: Variables beginning so would change what a run does, and belong to the one that started it.
_FOREIGN = ("PYTEST", "CI", "GITHUB", "NO_COLOR", "COV_")


def environment() -> dict[str, str]:
    """The variables of this process without those that change what a run does."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def pytest_run(
    *arguments: str, folder: Path = ROOT, others: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pytest` with these arguments and additional environment variables, and wait for its end.

    How the `others` do on a case that fails is left out, unless it is asked for.
    """
    arguments = (*([] if others else ALONE), *arguments)
    with TemporaryDirectory(prefix="rnn-parity-run-") as into:
        printed = [f"{into}/stdout", f"{into}/stderr"]
        asked = {"arguments": arguments, "folder": str(folder), "printed": printed}
        code = _server().answers(asked | {"environment": environment() | variables})
        return subprocess.CompletedProcess(arguments, code, *(Path(file).read_text("utf-8") for file in printed))


def python_run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and additional environment variables, in a new process."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment() | variables, capture_output=True, text=True, check=False)


class _Server:
    """The process from which runs are forked, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", __file__]
        self._process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answers(self, asked: dict[str, Any]) -> int:
        """The exit status of a run."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def _serve() -> None:
    """Fork a run for each line on standard input, and answer with its exit status."""
    import numpy  # noqa: F401, ICN001 - imported once, for all runs.
    import pytest  # noqa: F401
    import torch  # noqa: F401

    for line in sys.stdin:
        if (process := os.fork()) == 0:
            _run(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _run(arguments: list[str], folder: str, printed: list[str], environment: dict[str, str]) -> None:
    """Become a process that was started by `python -m pytest`."""
    for stream, file in enumerate([os.devnull, *printed]):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the end.
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["pytest", *arguments]
    # A new process of multiprocessing would import this file as its main module.
    sys.modules["__main__"] = ModuleType("__main__")
    import pytest

    sys.exit(pytest.main())


if __name__ == "__main__":
    _serve()
