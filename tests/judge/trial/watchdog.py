"""A process beside each one that judges: it ends a call that exceeds its limits, and outlives what crashes.

It needs nothing of the process that it watches, which may hang in native code and hold the interpreter's lock. It is
run as a script and imports nothing of the suite, so that it is small; what it reads is the head of a record, see
`tests.judge.trial.recorder`.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

#: Seconds between two looks.
LOOK = 0.1
#: Seconds that a call may still take once Ctrl-C was pressed.
GRACE = 1.0
#: Kinds of calls, by number.
KINDS = ("building a network", "calling the network", "differentiating", "copying a module")
HEAD = 32
#: Where the head of a record holds what.
_FIELDS = {
    "owner": (0, struct.Struct("q")),
    "length": (8, struct.Struct("q")),
    "calls": (16, struct.Struct("i")),
    "kind": (20, struct.Struct("i")),
    "since": (24, struct.Struct("d")),
}


class Head(NamedTuple):
    """What the head of a record says."""

    #: The process whose record it is; 0 once that has stopped.
    owner: int
    #: How many bytes behind the head tell the case in hand.
    length: int
    #: How many calls are under way, of which kind the last is, and since when, by the monotonic clock.
    calls: int
    kind: int
    since: float


def head(held: Any) -> Head:
    """Return the head of a record."""
    return Head(*(code.unpack_from(held, at)[0] for at, code in _FIELDS.values()))


def put(held: Any, name: str, value: float) -> None:
    """Set a field in the head of a record."""
    at, code = _FIELDS[name]
    # Packed beside, and then copied: `pack_into` clears the field first, and who reads meanwhile takes a call that has
    # just begun for one as old as the machine.
    held[at : at + code.size] = code.pack(value)


def start(record: Path, seconds: float, memory: float, aftermath: list[str]) -> subprocess.Popen[bytes]:
    """Have this process watched.

    Args:
        record: its record.
        seconds: how long a call may take.
        memory: how many bytes the process may hold during a call.
        aftermath: a command to run once the process has died in a call; none, if empty.
    """
    asked = {"record": str(record), "pid": os.getpid(), "seconds": seconds, "memory": memory, "aftermath": aftermath}
    # -P: the modules beside this script are not to be taken for those of the standard library.
    command = [sys.executable, "-P", __file__, json.dumps(asked)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def why_ended(record: Path) -> str:
    """Return why the watchdog ended a process, in words; empty where it did not."""
    try:
        return record.with_suffix(".ended").read_text(encoding="utf-8")
    except OSError:
        return ""


class Watch:
    """One process that is watched."""

    def __init__(self, pid: int, held: Any, seconds: float, memory: float) -> None:
        self._pid, self._held, self._seconds, self._memory = pid, held, seconds, memory
        self._interrupted = math.inf

    def interrupt(self, *_: object) -> None:
        """Ctrl-C was pressed, which what runs native code does not hear."""
        self._interrupted = min(self._interrupted, time.monotonic())

    def objection(self) -> str:
        """Return which limit the call under way exceeds, in words; empty where it is within all."""
        found = head(self._held)
        if not found.calls:
            return ""
        took = time.monotonic() - found.since
        doing = KINDS[found.kind]
        if took > self._seconds:
            return f"{doing} took more than {self._seconds:g} s"
        if took > GRACE and time.monotonic() - self._interrupted > GRACE:
            return f"the run was interrupted, {doing} having taken {took:.0f} s"
        if (rss := self._rss()) > self._memory:
            return f"{doing} took {rss / 2**20:,.0f} MiB of memory, more than {self._memory / 2**20:,.0f}"
        return ""

    def _rss(self) -> int:
        try:
            return int(psutil.Process(self._pid).memory_info().rss)
        except psutil.Error:
            return 0


def main(record: str, pid: int, seconds: float, memory: float, aftermath: list[str]) -> None:
    """Watch a process until it is gone."""
    path = Path(record)
    with path.open("r+b") as file:
        held = mmap.mmap(file.fileno(), HEAD)
    watch = Watch(pid, held, seconds, memory)
    signal.signal(signal.SIGINT, watch.interrupt)
    while os.getppid() == pid:
        if reason := watch.objection():
            path.with_suffix(".ended").write_text(reason, encoding="utf-8")
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(LOOK)
    if aftermath and head(held).owner == pid and head(held).calls:
        subprocess.run(aftermath, check=False)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
