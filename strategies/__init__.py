"""What implementations are fed: strategies for cases, a case, reducing it, and writing it to JSON."""

from strategies.beyond import cases_beyond
from strategies.case import Case, InvalidCase
from strategies.cases import Sizes, cases, configs, sizes
from strategies.cotangents import cases_with_cotangents, cases_with_or_without_cotangents
from strategies.lengths import cases_with_lengths, cases_with_or_without_lengths
from strategies.memory import INCOMING, MEMORY
from strategies.misuse import misused_cases
from strategies.special import special_cases
from strategies.twice import cases_to_differentiate_twice

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
    "sizes",
    "special_cases",
]
