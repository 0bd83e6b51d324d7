"""What was found and can be neither reduced nor looked into: told, and kept, as it is.

A process that has died, and a run that is interrupted, leave a case and what was seen of it.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from rnn_parity.tests.judge.base.commands import replaying
from rnn_parity.tests.judge.base.files import why
from rnn_parity.tests.judge.base.finding import NAMED, Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.finding.explain import WRITTEN, explained
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.judge.trial.faults import ENDING
from rnn_parity.tests.judge.trial.recorder import Note
from rnn_parity.tests.judge.trial.verdict import Disagreement


def keep(note: Note, run: Run) -> tuple[Finding, str]:
    """Write a case down, into the archive where a run has one; the finding, and where it lies, in a line.

    Nothing is called: the implementation may take down this process, too.
    """
    counterexample = _counterexample(note, run)
    folder = run.archive or Path(tempfile.mkdtemp(prefix="rnn-parity-found-"))
    about = f"{note.implementation} fails {note.property} on {note.case.descriptor}"
    # What crashes is judged in a process of its own; what memory is asked for cannot be.
    apart = ["--isolate"] if note.apart or note.kind in ENDING else []
    try:
        path = archive.write(counterexample.record(), folder)
    except OSError as error:
        return _finding(counterexample, "", ""), f"{about}; NOT KEPT, {folder} cannot be written: {why(error)}"
    replay = replaying(path, [counterexample.implementation.asked or note.implementation], *apart)
    archived = path.name if run.archive else ""
    return _finding(counterexample, replay, archived), f"{about}; kept: {path}"


def _counterexample(note: Note, run: Run) -> Counterexample:
    (implementation,) = (found for found in run.implementations if found.name == note.implementation)
    name = f"it crashes its process: {note.text}" if note.kind == "crashes" else ""
    disagreement = Disagreement(note.kind, note.text, name=name)
    return Counterexample.as_found(load_properties()[note.property], implementation, note.case, disagreement)


def _finding(counterexample: Counterexample, replay: str, archived: str) -> Finding:
    name = counterexample.disagreement.name
    found = explained(counterexample, {"replay": replay} if replay else {}, archived, only=(WRITTEN,))
    return replace(found, diagnosis=[NAMED + name] if name else [])
