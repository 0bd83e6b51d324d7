"""What a process is doing, written down before it does it: what is known when an implementation has taken it down.

Each process that judges has a record in a folder that all of a run share: the case in hand, and since when which call
is under way, in memory that outlives the process; and beside it what was found and not yet told. A record costs some
20 microseconds a case and one a call. `tests.judge.trial.watchdog` keeps the limits of calls by it.
"""

from __future__ import annotations

import builtins
import mmap
import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from impls import Implementation
from strategies import Case
from tests.judge.trial.verdict import Disagreement
from tests.judge.trial.watchdog import HEAD, KINDS, Head, head, put

#: What most cases fit into; a record grows for one that does not.
_ROOM = 1 << 20
_NUMBERS, _OTHER = {kind: number for number, kind in enumerate(KINDS)}, len(KINDS) - 1


@dataclass(frozen=True)
class Note:
    """Who is judged by which property on which case, whether apart, and, once it is known, how it fails.

    One that says how it fails is of what is looked into.
    """

    implementation: str
    property: str
    case: Case
    kind: str = ""
    text: str = ""
    #: In a process of the implementation's own.
    apart: bool = False

    @classmethod
    def of(cls, implementation: Implementation, judged: str, case: Case, found: Disagreement) -> Note:
        """Return what is written down of a failure, which is looked into."""
        return cls(
            implementation.name, judged, case, found.kind, found.text, apart=implementation.environment is not None
        )

    @builtins.property
    def in_words(self) -> str:
        """What went on when this was written down."""
        if self.kind:
            return f"{self.implementation} fails {self.property} on {self.case.descriptor}, which was looked into"
        return f"{self.implementation} was judged by {self.property} on {self.case.descriptor}"


class Recorder:
    """A process's own record. One that was not started records nothing."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._kept: mmap.mmap | None = None
        #: The same while something is judged.
        self._map: mmap.mmap | None = None
        self._lock = threading.Lock()
        self._calls = 0
        self._failing = False
        self._looking_into = False

    def look_at(self, judging: bool) -> None:
        """Record from now on if an implementation is judged, and else nothing."""
        self._map = self._kept if judging else None

    def start(self, path: Path) -> None:
        """Record from now on.

        Raises:
            OSError: there is no room for it.
        """
        with path.open("w+b") as file:
            _take_room(file, HEAD + _ROOM)
            self._kept = mmap.mmap(file.fileno(), HEAD + _ROOM)
        self._path = path
        put(self._kept, "owner", os.getpid())

    @contextmanager
    def looking_into(self, note: Note) -> Iterator[None]:
        """Record nothing of what is judged within the block: it is done for the sake of what this note says.

        Calls are limited all the same, and what ends the process is known to have ended this.
        """
        self.note(note)
        self.found(note)
        self._looking_into = True
        try:
            yield
        finally:
            self._looking_into = False

    def note(self, note: Note) -> None:
        """Write down the case in hand."""
        if self._map is None or self._looking_into:
            return
        put(self._map, "length", 0)
        told = pickle.dumps(note, protocol=5)
        if HEAD + len(told) > len(self._map):
            self._grow(HEAD + 2 * len(told))
        self._map[HEAD : HEAD + len(told)] = told
        put(self._map, "length", len(told))

    def _grow(self, size: int) -> None:
        assert self._path is not None
        assert self._map is not None
        with self._path.open("r+b") as file:
            _take_room(file, size)
        self._map.resize(size)

    def begin(self, kind: str) -> None:
        """Note that a call has begun; several may be under way, in several threads."""
        if self._map is not None:
            self._count(+1, _NUMBERS.get(kind, _OTHER))

    def end(self) -> None:
        """Note that a call has returned."""
        if self._map is not None:
            self._count(-1, 0)

    def _count(self, step: int, kind: int) -> None:
        assert self._map is not None
        with self._lock:
            self._calls += step
            put(self._map, "since", monotonic())
            put(self._map, "kind", kind)
            put(self._map, "calls", self._calls)

    def found(self, note: Note) -> None:
        """Keep what was found until it is told."""
        if self._path is None or self._map is None or self._looking_into:
            return
        self._failing = True
        written = self._path.with_suffix(".writing")
        written.write_bytes(pickle.dumps(note, protocol=5))
        written.replace(self._path.with_suffix(".found"))

    def told(self) -> None:
        """Drop what was found, as it has been reported."""
        if self._failing and self._path is not None:
            self._path.with_suffix(".found").unlink(missing_ok=True)
            self._failing = False

    def stop(self) -> None:
        """Record no more; what was found and not told, as the run was interrupted, is left behind."""
        if self._path is not None and self._kept is not None:
            put(self._kept, "owner", 0)
            self._path.unlink(missing_ok=True)
            self._path = self._map = self._kept = None


#: This process's own.
RECORDER = Recorder()


def _take_room(file: BinaryIO, size: int) -> None:
    """Make a file so large, and take the room at once: on a full disk that fails, and no write to memory later."""
    file.truncate(size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


def read(path: Path) -> tuple[Head, Note | None] | None:
    """Return the record of another process, and the case in hand; None where there is no record."""
    try:
        held = path.read_bytes()
    except OSError:
        return None
    found = head(held)
    return found, _loaded(held[HEAD : HEAD + found.length]) if found.length else None


def untold(path: Path) -> Note | None:
    """Return the failures that the process with this record found and did not report."""
    try:
        return _loaded(path.with_suffix(".found").read_bytes())
    except OSError:
        return None


def all_untold(folder: Path) -> list[Note]:
    """Return the failures that all processes with records in a folder found and did not report."""
    return list(filter(None, map(untold, sorted(folder.glob("*.found")))))


def remove(path: Path) -> None:
    """Remove the record of a process that has died, and what it found."""
    for suffix in (".record", ".found"):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _loaded(pickled: bytes) -> Note | None:
    found = pickle.loads(pickled)
    return found if isinstance(found, Note) else None
