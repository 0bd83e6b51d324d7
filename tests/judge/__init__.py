"""How implementations are judged: properties, trials, verdicts, explanations, the archive, the report."""

from tests.judge.checks import at_once, same_bits, same_mapping, share_nothing, snapshot, unchanged
from tests.judge.laws import obeys_laws
from tests.judge.property import PROPERTIES, Property, claims_gradients, claims_lengths, judged
from tests.judge.refusals import admits_misuse, refuses
from tests.judge.trial import Network, Trial, companion
from tests.judge.verdict import Disagreement, Margin, Result

__all__ = [
    "PROPERTIES",
    "Disagreement",
    "Margin",
    "Network",
    "Property",
    "Result",
    "Trial",
    "admits_misuse",
    "at_once",
    "claims_gradients",
    "claims_lengths",
    "companion",
    "judged",
    "obeys_laws",
    "refuses",
    "same_bits",
    "same_mapping",
    "share_nothing",
    "snapshot",
    "unchanged",
]
