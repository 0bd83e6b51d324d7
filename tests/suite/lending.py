"""Machines that are lent to a run: gateways on this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnn_parity.tests.suite.waiting import free_port


@contextmanager
def lent(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Lend a machine with such a checkout: what `--tx` calls it, and its process, the first of a group."""
    command = [sys.executable, "-m", "rnn_parity.tests.commandline.gateway", f"127.0.0.1:{free_port()}"]
    own: dict[str, Any] = {
        "cwd": folder,
        "env": os.environ | {"PYTHONPATH": str(folder.parent)},
        "start_new_session": True,
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **own) as lending:
        assert lending.stdout is not None
        place = lending.stdout.readline().rpartition(" ")[2].strip()
        try:
            yield f"--tx=socket={place}//chdir={folder}", lending
        finally:
            os.killpg(lending.pid, signal.SIGKILL)
