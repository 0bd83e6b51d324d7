"""Where the scripts that reproduce what was found are written, and what must not be written over."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.judge.base.files import why, write_text
from tests.judge.base.finding import Finding
from tests.judge.finding.script import MARKER, note

#: What `Finding.commands` calls it.
COMMAND = "reproduce"


def objection(path: Path) -> str:
    """Return why no script can be written there; empty where it can."""
    if path.suffix != ".py":
        return "expected the name of a script, FILE.py"
    if not path.absolute().parent.is_dir():
        return f"there is no folder {path.absolute().parent}"
    if path.exists() and not _is_ours(path):
        return "there is another file of that name, which is not written over: it is no script of rnn-parity"
    return ""


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(MARKER)


class Scripts:
    """The scripts of a run: FILE.py, FILE-2.py, ..."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        #: What is said of them, in lines.
        self.written: list[str] = []
        self._names = (f"{path.stem}-{number}.py" if number > 1 else path.name for number in count(1)) if path else None

    def write(self, finding: Finding) -> Finding:
        """Write a finding's script, if it has one and a run asks for it; the finding, told where it lies."""
        if self.path is None or self._names is None or not finding.script:
            return finding
        free = (self.path.with_name(name) for name in self._names)
        path = next(path for path in free if not objection(path))
        try:
            write_text(path, finding.script)
        except OSError as error:
            self.written.append(f"NOT written: reproduction: {path}: {why(error)}")
            return finding
        self.written.append(f"reproduction: {path} ({finding.implementation} fails {finding.property})")
        return replace(finding, commands={**finding.commands, COMMAND: f"python {path}{note(finding.script)}"})
