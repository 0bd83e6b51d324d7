"""Trials that do more than judge: those of a hunt, and those that HypoFuzz runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import target

from strategies import Case
from tests.judge.base.fuzzing import fuzzing
from tests.judge.base.settings import Run
from tests.judge.crashes import as_it_is
from tests.judge.hunting.coverage import Coverage
from tests.judge.trial.recorder import Note
from tests.judge.trial.trial import Trial
from tests.judge.trial.verdict import Disagreement


def new_trial(run: Run, *arguments: Any, **options: Any) -> Trial:
    """Return the trial with the settings of this run."""
    if fuzzing():
        return Fuzzed(*arguments, **options | {"run": run})
    kind = Hunted if run.profile == "hunt" else Trial
    return kind(*arguments, **options)


@dataclass
class Hunted(Trial):
    """A trial that sees which cells its cases cover, and lets Hypothesis look for larger errors."""

    seen: Coverage = field(default_factory=Coverage)
    #: When, by the monotonic clock, it is fed no more.
    until: float = float("inf")

    @contextmanager
    def judging(self, case: Case) -> Iterator[bool]:
        """As any trial, within the time of the hunt."""
        if time.monotonic() >= self.until and self.tally.cases and not self._failed:
            yield False
            return
        with super().judging(case) as in_time:
            yield in_time
            if in_time:
                worst = self.tally.margin.worst
                self.seen.add(case, worst)
                target(worst, label=f"error / bound of {self.asked_for} on {self.implementation.name}")
        self.tally.cut = False  # A round that has had its time is whole.


@dataclass
class Fuzzed(Trial):
    """A trial that writes down the first case of each kind of disagreement, and says how it is replayed.

    HypoFuzz itself says that a property fails; what it keeps cannot be archived, nor told as other findings are.
    """

    run: Run | None = None
    _kept: set[str] = field(default_factory=set)

    @contextmanager
    def judging(self, case: Case) -> Iterator[bool]:
        """As any trial."""
        try:
            with super().judging(case) as in_time:
                yield in_time
        except Disagreement as disagreement:
            self._keep(case, disagreement)
            raise

    def _keep(self, case: Case, disagreement: Disagreement) -> None:
        if self.run is not None and disagreement.kind not in self._kept:
            self._kept.add(disagreement.kind)
            note = Note(self.implementation.name, self.asked_for, case, disagreement.kind, disagreement.text)
            found, said = as_it_is.keep(note, self.run)
            # What goes to stdout HypoFuzz throws away.
            print(f"\nrnn-parity: {said}", *found.commands.values(), sep="\n  ", file=sys.stderr, flush=True)
