"""From a counterexample to the bug's name: bug models, the evidence that they explain, and what is said of it."""

from rnn_parity.tests.judge.diagnosis.evidence import Evidence
from rnn_parity.tests.judge.diagnosis.solving import Diagnosis, solve
from rnn_parity.tests.judge.diagnosis.wording import Told, diagnose

__all__ = ["Diagnosis", "Evidence", "Told", "diagnose", "solve"]
