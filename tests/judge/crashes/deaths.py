"""How a process ended that judged an implementation, as far as that is known."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnn_parity.tests.judge.trial import recorder, watchdog
from rnn_parity.tests.judge.trial.recorder import Note

#: Seconds that a process which has died is given to be gone.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Death:
    """How a process ended that judged an implementation."""

    note: Note
    how: str
    #: Whether it was the implementation that ended it; else somebody killed it, or nobody knows.
    certain: bool
    #: What had been found by then.
    found: Note | None = None

    @classmethod
    def of_worker(cls, node: Any, record: Path, note: Note) -> Death:
        """Return the end of a worker, which left this record."""
        how, certain = _end(node, record)
        return cls(note, how, certain, recorder.untold(record))

    @property
    def told(self) -> Note | None:
        """What is known of the implementation, should a repetition show nothing: that it crashes, or what was found."""
        if self.certain and not self.note.kind:
            return replace(self.note, kind="crashes", text=self.how)
        return self.found


def _end(node: Any, record: Path) -> tuple[str, bool]:
    """Return how a worker ended, and whether it was the implementation that ended it."""
    if reason := watchdog.why_ended(record):
        return reason, True
    process = getattr(getattr(node.gateway, "_io", None), "popen", None)
    try:
        code = process.wait(_PATIENCE)  # type: ignore[union-attr]
    except Exception:
        return "its worker was lost", False
    if code == -signal.SIGKILL:
        return "its worker was killed, perhaps by the system because memory ran out", False
    how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"the process {how}", True
