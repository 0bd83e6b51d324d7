"""Which pair is worth the next round: a bandit with many arms, whose pay is new cells for CPU seconds.

Most turns go to the pair that pays best by its last rounds, the more so the nearer its results came to their bounds;
every so many a turn goes to the one that has waited longest, so that none is given up for what it gave once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random
from statistics import fmean

from tests.judge.hunting.coverage import CELLS
from tests.judge.hunting.ledger import Pair

#: One turn of so many goes to the pair that has waited longest.
FLOOR = 4
#: What a pair that had no round yet is taken to give in one: new cells, and seconds where none of its implementation
#: has had any either.
_FIRST_CELLS, _FIRST_SECONDS = CELLS / 5, 1.0
#: No round is shorter.
_LEAST_SECONDS = 0.01


class Bandit:
    """Chooses among pairs, each of which is named by implementation and property."""

    def __init__(self, pairs: Mapping[tuple[str, str], Pair], random: Random) -> None:
        self._pairs = dict(pairs)
        self._random = random
        self._turn = 0
        #: The turn in which each was chosen last.
        self._chosen = dict.fromkeys(self._pairs, 0)

    @property
    def pairs(self) -> Collection[tuple[str, str]]:
        """Those among which it chooses."""
        return self._pairs.keys()

    def retire(self, name: tuple[str, str]) -> None:
        """Choose a pair no more."""
        self._pairs.pop(name, None)

    def choose(self, busy: Collection[tuple[str, str]] = ()) -> tuple[str, str]:
        """Return the pair for the next round, one that is not `busy` if there is one."""
        free = [name for name in self._pairs if name not in busy] or list(self._pairs)
        self._random.shuffle(free)  # Those that are alike have their turns in any order.
        self._turn += 1
        if self._turn % FLOOR == 0:
            chosen = min(free, key=self._chosen.__getitem__)
        else:
            usual = self._usual_seconds()
            chosen = max(free, key=lambda name: _pay(self._pairs[name], usual.get(name[0], _FIRST_SECONDS)))
        self._chosen[chosen] = self._turn
        return chosen

    def _usual_seconds(self) -> dict[str, float]:
        """Return the seconds that a round takes, by implementation, as far as they are known."""
        seen: dict[str, list[float]] = {}
        for (implementation, _), pair in self._pairs.items():
            if pair.rounds:
                seen.setdefault(implementation, []).append(pair.seconds / pair.rounds)
        return {name: fmean(seconds) for name, seconds in seen.items()}


def _pay(pair: Pair, usual: float) -> float:
    """Return the new cells per second, up to doubled where results come near their bounds."""
    cells, seconds = (pair.recent_cells, pair.recent_seconds) if pair.rounds else (_FIRST_CELLS, usual)
    return cells / max(seconds, _LEAST_SECONDS) * (1 + min(pair.worst, 1.0))
