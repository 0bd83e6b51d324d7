"""The archive: every counterexample ever kept, replayed on every implementation that can take it."""

from rnn_parity.tests.judge import PROPERTIES, Trial
from rnn_parity.tests.judge.reduction.archive import Record, UnreadableCase


def test_archive(trial: Trial, archived: Record | UnreadableCase) -> None:
    """An archived case, judged by the property that it once failed."""
    if isinstance(archived, UnreadableCase):
        raise archived
    trial.tally.cases += 1
    PROPERTIES[archived.property].judge(trial, archived.case)
