"""How implementations are judged: properties, trials, verdicts, explanations, the archive, the report."""

from rnn_parity.tests.judge.base.fills import companion
from rnn_parity.tests.judge.demands.checks import at_once, same_bits, same_mapping, share_nothing, snapshot, unchanged
from rnn_parity.tests.judge.demands.leaks import forgets_its_calls
from rnn_parity.tests.judge.demands.leaving_alone import leaves_alone
from rnn_parity.tests.judge.demands.modes import agrees_under_autocast, claims_autocast, unmoved_by_modes
from rnn_parity.tests.judge.demands.modules import claims_dropout, claims_module, drops_out, survives_copying
from rnn_parity.tests.judge.demands.obeying import obeys_laws
from rnn_parity.tests.judge.demands.property import (
    PROPERTIES,
    Property,
    claims_gradients,
    claims_lengths,
    claims_second_derivatives,
    judged,
    own_process,
)
from rnn_parity.tests.judge.demands.refusals import admits_misuse, refuses
from rnn_parity.tests.judge.demands.updates import follows_its_parameters
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Margin, Result

__all__ = [
    "PROPERTIES",
    "Disagreement",
    "Margin",
    "Network",
    "Property",
    "Result",
    "Trial",
    "admits_misuse",
    "agrees_under_autocast",
    "at_once",
    "claims_autocast",
    "claims_dropout",
    "claims_gradients",
    "claims_lengths",
    "claims_module",
    "claims_second_derivatives",
    "companion",
    "drops_out",
    "follows_its_parameters",
    "forgets_its_calls",
    "judged",
    "leaves_alone",
    "obeys_laws",
    "own_process",
    "refuses",
    "same_bits",
    "same_mapping",
    "share_nothing",
    "snapshot",
    "survives_copying",
    "unchanged",
    "unmoved_by_modes",
]
