"""Files that appear whole or not at all, whoever else writes them and whenever this process ends."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

#: What a process that was killed leaves behind: `.NAME.part`.
_PART = ".part"
#: Nobody takes so long over a file, whatever a clock that jumps says of its age.
_STALE_SECONDS = 86_400.0


def write_text(path: Path, text: str) -> None:
    """Write a file in one go: a reader finds the old text or the new one, and two writers do each other no harm.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=_PART, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what processes that were killed while writing have left in a folder."""
    for part in folder.glob(f".*{_PART}"):
        try:
            if abs(time.time() - part.stat().st_mtime) > _STALE_SECONDS:
                part.unlink()
        except OSError:
            continue  # Somebody else was faster, or may not write here: it does no harm.


def why(error: OSError) -> str:
    """Return the reason of an OSError in a few words."""
    return error.strerror or str(error)
