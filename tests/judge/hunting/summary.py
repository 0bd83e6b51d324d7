"""What a hunt has covered, in a few lines: while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.hunting import coverage
from rnn_parity.tests.judge.hunting.ledger import Pair
from rnn_parity.tests.judge.schedule.progress import EVERY, Progress

#: As many pairs are shown.
_SHOWN = 8
_HEADS = ("rounds", "cases", "covered", "new", "error/bound")


@dataclass
class Share:
    """What one pair had of this hunt."""

    rounds: int = 0
    cases: int = 0
    #: Cells that no round saw before, in this hunt or an earlier one.
    new: int = 0
    worst: float = 0.0


@dataclass
class Summary:
    """What all pairs together had of this hunt; a pair is an implementation and a property."""

    known: dict[tuple[str, str], Pair] = field(default_factory=dict)
    shares: dict[tuple[str, str], Share] = field(default_factory=dict)

    def add(self, pair: tuple[str, str], cases: int, new: int, worst: float) -> None:
        """Count a round."""
        share = self.shares.setdefault(pair, Share())
        share.rounds += 1
        share.cases += cases
        share.new += new
        share.worst = max(share.worst, worst)

    @property
    def rounds(self) -> int:
        """How many there were."""
        return sum(share.rounds for share in self.shares.values())

    @property
    def new(self) -> int:
        """Cells that no round of their pair saw before."""
        return sum(share.new for share in self.shares.values())

    def lines(self) -> Iterator[str]:
        """At the end of a hunt."""
        cases = sum(share.cases for share in self.shares.values())
        covered = sum(coverage.count(pair.cells) for pair in self.known.values())
        cells = coverage.CELLS * len(self.known)
        yield (
            f"{counted(self.rounds, 'round')}, {counted(cases, 'case')}, {len(self.shares)} of {len(self.known)} pairs "
            f"of an implementation and a property; {covered:,} of {counted(cells, 'cell')} covered, {self.new:,} of "
            "them new"
        )
        yield "a cell is a combination of three sides of a case (sizes, options, layout, ..., nearness to the bound)"
        yield from self._table("where most was new", lambda share: share.new)
        yield from self._table("nearest to their bounds", lambda share: share.worst)
        if missing := [" ".join(pair) for pair in self.known if pair not in self.shares]:
            yield f"not reached in these minutes: {_some(missing)}"

    def _table(self, title: str, by: Callable[[Share], float]) -> Iterator[str]:
        shown = sorted(self.shares, key=lambda pair: by(self.shares[pair]), reverse=True)[:_SHOWN]
        widest = max([len(title), *(len(" ".join(pair)) for pair in shown)])
        if shown:
            yield title.ljust(widest) + "".join(head.rjust(13) for head in _HEADS)
        for pair in shown:
            share, covered = self.shares[pair], coverage.count(self.known[pair].cells)
            counts = "".join(f"{number:13,}" for number in (share.rounds, share.cases, covered, share.new))
            yield f"{' '.join(pair).ljust(widest)}{counts}{share.worst:13.2f}"


def _some(names: Collection[str]) -> str:
    few = sorted(names)[:_SHOWN]
    return ", ".join(few) + (f" and {len(names) - len(few)} more" if len(names) > len(few) else "")


@dataclass
class HuntProgress(Progress):
    """The progress of a hunt, which is over when its time is."""

    summary: Summary = field(default_factory=Summary)
    left_seconds: Callable[[], float] = float

    def due(self) -> bool:
        """Return whether it is time for a line; true once for each line."""
        now = self.clock()
        if now - self._last < EVERY:
            return False
        self._last = now
        return True

    def line(self, disagreements: int) -> str:
        """Return what the hunt has covered so far."""
        speed = self.cases / max(self.clock() - (self._started or 0.0), 1.0)
        found = counted(disagreements, "disagreement") if disagreements else "no disagreements"
        reached = f"{len(self.summary.shares)} of {len(self.summary.known)} pairs"
        return (
            f"rnn-parity: {counted(self.cases, 'case')}, {speed:,.0f}/s, {counted(self.summary.rounds, 'round')} of "
            f"{reached}, {counted(self.summary.new, 'new cell')}, {found}, "
            f"{max(self.left_seconds(), 0) / 60:.1f} min left"
        )
