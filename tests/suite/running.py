"""Runs of pytest from outside, as a user starts them, forked from a process that has imported torch: workers, too.

Importing it takes longer than most of these runs. Run as a script, this file is that process; the tests package of a
run may be that of another checkout, so that nothing of this one is imported here.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NoReturn

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
    return _forked("pytest", *([] if others else ALONE), *arguments, folder=folder, **variables)


def script_run(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, where nothing of ours is, and wait for its end."""
    return _forked(str(path), folder=folder, PYTHONPATH="")


def _forked(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory(prefix="rnn-parity-run-") as into:
        printed = [f"{into}/stdout", f"{into}/stderr"]
        asked = {"command": command, "folder": str(folder), "printed": printed}
        code = _server().answers(asked | {"environment": environment() | variables})
        return subprocess.CompletedProcess(command, code, *(Path(file).read_text("utf-8") for file in printed))


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


def _run(command: list[str], folder: str, printed: list[str], environment: dict[str, str]) -> NoReturn:
    """Become a process that was started by `python -m pytest`, or by `python SCRIPT`."""
    streams = [os.open(file, os.O_RDWR | os.O_CREAT) for file in (os.devnull, *printed)]
    _become(command, folder, environment, streams)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    if command[0] != "pytest":
        sys.path.insert(0, str(Path(command[0]).parent))
        runpy.run_path(command[0], run_name="__main__")
        sys.exit()
    sys.path.insert(0, folder)
    _fork_workers()
    import pytest

    sys.exit(pytest.main())


def _become(argv: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Have the arguments, folder, environment and standard streams of another process."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the end.
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = argv
    # A new process of multiprocessing would import this file as its main module.
    sys.modules["__main__"] = ModuleType("__main__")


# Workers


def _fork_workers() -> None:
    """From now on fork those that pytest-xdist starts, from a process as this one is now: it has no threads yet."""
    from execnet import gateway_io

    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _nurse(theirs)
    theirs.close()

    def start(io: Any, _: list[str], execmodel: Any) -> None:
        io.popen = _Worker(ours)
        gateway_io.Popen2IO.__init__(io, io.popen.stdin, io.popen.stdout, execmodel)

    gateway_io.Popen2IOMaster.__init__ = start


class _Worker:
    """A worker, with what is asked of a `subprocess.Popen`."""

    def __init__(self, nurse: socket.socket) -> None:
        (stdin, ours_in), (ours_out, stdout), (self._status, status) = os.pipe(), os.pipe(), os.pipe()
        self.stdin, self.stdout = os.fdopen(ours_in, "wb", 0), os.fdopen(ours_out, "rb")
        asked = json.dumps({"folder": str(Path.cwd()), "environment": dict(os.environ)}).encode()
        socket.send_fds(nurse, [len(asked).to_bytes(4)], [stdin, stdout, 2, status])
        nurse.sendall(asked)
        for handed_over in (stdin, stdout, status):
            os.close(handed_over)
        self.pid = int.from_bytes(os.read(self._status, 4))

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        if not select.select([self._status], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a worker", timeout or 0.0)
        return int.from_bytes(os.read(self._status, 4), signed=True)

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)


def _nurse(asking: socket.socket) -> NoReturn:
    """Fork a worker for each that is asked for, and one beside it that tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        size, files, _, _ = socket.recv_fds(asking, 4, 4)
        if not size:
            os._exit(0)
        asked = json.loads(asking.recv(int.from_bytes(size), socket.MSG_WAITALL))
        if os.fork() == 0:
            asking.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *streams, status = files
            if (worker := os.fork()) == 0:
                os.close(status)
                _become(["-c"], asked["folder"], asked["environment"], streams)
                sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
                exec(eval(sys.stdin.readline()), vars(sys.modules["__main__"]))  # noqa: S102, S307 - as execnet says.
                sys.exit()
            for stream in streams:
                os.close(stream)
            os.write(status, worker.to_bytes(4))
            ended = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
            os.write(status, ended.to_bytes(4, signed=True))
            os._exit(0)
        for file in files:
            os.close(file)


if __name__ == "__main__":
    _serve()
