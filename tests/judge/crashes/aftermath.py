"""What is left of a run without workers when an implementation has taken it down: the case, and what to do.

    python -m rnn_parity.tests.judge.crashes.aftermath RECORD ARCHIVE

The watchdog runs it, once the process that it watched is gone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.trial import recorder, watchdog


def tell(record: Path, into: str) -> str:
    """Write down the case of a record; what the user is told."""
    seen = recorder.read(record)
    head, note = seen or (None, None)
    if head is None or note is None:
        return "rnn-parity: the process died; on which case is not known. Run it again with -n 1"
    how = watchdog.why_ended(record) or f"the process died while {watchdog.KINDS[head.kind]}"
    folder = Path(into or tempfile.mkdtemp(prefix="rnn-parity-found-"))
    seen_as = {"implementation": note.implementation, "kind": note.kind or "crashes", "says": note.text or how}
    path = archive.write(archive.Record(note.property, note.case, [seen_as]), folder)
    return f"""
rnn-parity: {note.in_words}, when {how}.
Without workers that ends the run. The case is kept in {path}
  to continue       : the same command with -n 1: what crashes is then judged in a separate process
  to replay it alone: the same --impl, with --isolate --case={path}"""


if __name__ == "__main__":
    print(tell(Path(sys.argv[1]), sys.argv[2]), file=sys.stderr, flush=True)
