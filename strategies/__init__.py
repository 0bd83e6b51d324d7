"""What implementations are fed: strategies for cases, a case, reducing it, and writing it to JSON."""

from rnn_parity.contract import INCOMING, MEMORY, Case, InvalidCase
from rnn_parity.strategies.drawing.beyond import cases_beyond
from rnn_parity.strategies.drawing.cases import Sizes, cases, configs, sizes
from rnn_parity.strategies.drawing.cotangents import cases_with_cotangents, cases_with_or_without_cotangents
from rnn_parity.strategies.drawing.lengths import cases_with_lengths, cases_with_or_without_lengths
from rnn_parity.strategies.drawing.misuse import misused_cases
from rnn_parity.strategies.drawing.special import special_cases
from rnn_parity.strategies.drawing.twice import cases_to_differentiate_twice
from rnn_parity.strategies.minimal import shrink

if __name__ != "rnn_parity.strategies":
    from rnn_parity.registry.aliases import stand_for

    stand_for(__name__, "rnn_parity.strategies")

__all__ = [
    "INCOMING",
    "MEMORY",
    "Case",
    "InvalidCase",
    "Sizes",
    "cases",
    "cases_beyond",
    "cases_to_differentiate_twice",
    "cases_with_cotangents",
    "cases_with_lengths",
    "cases_with_or_without_cotangents",
    "cases_with_or_without_lengths",
    "configs",
    "misused_cases",
    "shrink",
    "sizes",
    "special_cases",
]
