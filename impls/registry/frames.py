"""Where an error was raised: the frames of an implementation, innermost first, without those of the suite."""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from types import FrameType
from typing import NamedTuple

#: No more frames are kept, the innermost ones.
_KEPT = 12
#: No more frames are told.
_TOLD = 4
#: The suite's own modules, or how their names begin; adapters and their toolkit are part of what is judged.
_SUITE = tuple(
    f"rnn_parity.{part}" for part in ("contract", "reference", "registry", "strategies", "tests.judge", "tests.test_")
)
#: Under this attribute an error that was raised in another process has its frames.
_ATTRIBUTE = "rnn_parity_frames"


class Frame(NamedTuple):
    """One call on the way to an error."""

    #: From the current folder, or of a library from the folder where it is installed.
    file: str
    line: int
    function: str
    #: The line of the source, without its indentation; empty where it cannot be read.
    source: str
    #: Whether it is a library's: installed, or Python's own.
    installed: bool

    @property
    def place(self) -> str:
        """File and line, as terminals and editors link them."""
        return f"{self.file}:{self.line}"


def frames_of(error: BaseException) -> tuple[Frame, ...]:
    """Return the calls that led to an error, innermost first, those of the suite left out."""
    found: tuple[Frame, ...] | None = getattr(error, _ATTRIBUTE, None)
    if found is not None:
        return found
    calls = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if not _is_ours(frame)]
    return tuple(_frame(frame, line) for frame, line in calls[: -_KEPT - 1 : -1])


def attach(error: BaseException, frames: Sequence[Frame]) -> None:
    """Give an error the frames that it has in the process where it was raised."""
    setattr(error, _ATTRIBUTE, tuple(frames))


def in_lines(frames: Sequence[Frame]) -> Iterator[str]:
    """Yield the innermost call and those of the implementation's own code: the place, and the line of source.

    Of libraries alone, the innermost calls are told.
    """
    own = [frame for place, frame in enumerate(frames) if place == 0 or not frame.installed]
    told = own if len(own) > 1 or not frames or not frames[0].installed else frames
    # A comprehension has a frame of its own, in the line of the call around it.
    once = [frame for frame, caller in zip_longest(told, told[1:]) if not caller or caller.place != frame.place]
    for frame in once[:_TOLD]:
        yield f"  {frame.place}: in {frame.function}"
        if frame.source:
            yield f"    {frame.source}"


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(_SUITE)


def _frame(frame: FrameType, line: int) -> Frame:
    code = frame.f_code
    source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
    file, installed = _short(code.co_filename)
    return Frame(file, line, code.co_name, source, installed)


def _short(file: str) -> tuple[str, bool]:
    """Return a path from where it is installed, or else from the current folder if it lies below, and which it is."""
    path = Path(file)
    for base, installed in [*((base, True) for base in _INSTALLED), (_here(), False)]:
        if base and path.is_relative_to(base):
            return path.relative_to(base).as_posix(), installed
    return file, False


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # It is gone.
        return None


#: Where libraries lie; the first that holds a file counts.
_INSTALLED = [Path(sysconfig.get_paths()[name]) for name in ("purelib", "platlib", "stdlib")]
