"""What a trial has seen: counts of cases, time, and how near to their bounds results came."""

from __future__ import annotations

from dataclasses import dataclass, field

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.counts import Counts, count_margin
from rnn_parity.tests.judge.trial.features import features_of
from rnn_parity.tests.judge.trial.verdict import Margin


@dataclass
class Tally:
    """What a trial has seen, for the table and the report."""

    cases: int = 0
    #: How many of them fail as a plainer call fails.
    followed: int = 0
    implementation_seconds: float = 0.0
    margin: Margin = field(default_factory=Margin)
    #: Whether the budget of CPU seconds ended before that of cases.
    cut: bool = False
    #: By feature: how many cases that show it agreed, how many did not, and the worst error over bound.
    features: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    #: How many cases were drawn by facet, and how many agreed by dtype and error over bound; see `trial.counts`.
    drawn: Counts = field(default_factory=dict)
    margins: Counts = field(default_factory=dict)

    def count(self, case: Case, *, agreed: bool, worst: float) -> None:
        """Count a case inside the claims under each of its features."""
        for name in features_of(case):
            before = self.features.get(name, (0, 0, 0.0))
            self.features[name] = before[0] + agreed, before[1] + (not agreed), max(before[2], worst)
        if agreed and self.margin.elements:
            count_margin(self.margins, case, worst)
