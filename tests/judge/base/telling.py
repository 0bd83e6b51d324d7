"""What is told, part by part: what goes wrong in one costs that part only, and is told as an error of the suite.

`Teller.part` stands around each part: of a finding, where it was found, and of what stands at the end of a run. A run
in which anything went wrong has the exit status that pytest has for an internal error.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

#: The attribute of a pytest report under which what went wrong travels from a worker.
KEY = "rnn_parity_faults"


#: Tracebacks of errors on cases that were tried beside the one that is told, since the part in hand began.
_BESIDE: list[str] = []


def keep_error() -> None:
    """Keep the error in hand, of a case that was tried beside the one that is told: it is no verdict, and is told."""
    if (error := traceback.format_exc()) not in _BESIDE:
        _BESIDE.append(error)


@dataclass
class Teller:
    """Keeps what goes wrong while something is told."""

    #: What is told; empty for the run as a whole.
    about: str = ""
    #: A part and its traceback each.
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Tell this; the parts behind it are told, whatever is raised here."""
        around = _BESIDE.copy()
        _BESIDE.clear()
        try:
            yield
        except Exception:
            keep_error()
        place = f"{what} ({self.about})" if self.about else what
        self.take([f"internal error of the suite, while telling {place}\n{error}" for error in _BESIDE])
        _BESIDE[:] = around

    def take(self, faults: Iterable[str]) -> None:
        """Keep faults, each once."""
        self.faults += [fault for fault in dict.fromkeys(faults) if fault not in self.faults]

    def status(self, status: int) -> int:
        """Return the exit status of a run that would end with this one."""
        return int(pytest.ExitCode.INTERNAL_ERROR) if self.faults else status

    def told(self, parts: Mapping[str, Callable[[], Iterable[str] | None]]) -> Iterator[str]:
        """Yield the lines of these parts, which may also write directly; then what went wrong, and what to do."""
        for what, lines in parts.items():
            with self.part(what):
                yield from lines() or ()
        if self.faults:
            yield f"{'!' * 26} internal errors of the suite {'!' * 26}"
            yield "rnn-parity itself failed while it told what it found: parts are missing, and the verdicts stand."
            yield "Please report this, with what follows and the command of this run."
            yield from self.faults


#: The one of a run, in the process that tells its end.
TELLER = pytest.StashKey[Teller]()
