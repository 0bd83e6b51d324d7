"""What a worker on another machine found and archived there: archived here as well, by what is told of it."""

from __future__ import annotations

from rnn_parity.strategies.plain import from_plain
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.reduction import archive


def keep(found: Finding, run: Run) -> None:
    """Archive a finding where this machine has no file of it.

    Raises:
        OSError: it cannot be written.
    """
    if not (found.archived and run.archive) or (run.archive / found.archived).exists():
        return
    seen = {
        "implementation": found.implementation,
        "kind": found.kind,
        "says": "; ".join(found.differs),
        "diagnosis": "; ".join(line.strip() for line in found.diagnosis),
    }
    record = archive.Record(found.property, from_plain(found.plain), [seen], {found.library: found.version})
    archive.write(record, run.archive)
