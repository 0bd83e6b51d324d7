"""What implementations are fed: strategies for cases, a case, reducing it, and writing it to JSON."""

from strategies.case import Case, InvalidCase
from strategies.drawing.beyond import cases_beyond
from strategies.drawing.cases import Sizes, cases, configs, sizes
from strategies.drawing.cotangents import cases_with_cotangents, cases_with_or_without_cotangents
from strategies.drawing.lengths import cases_with_lengths, cases_with_or_without_lengths
from strategies.drawing.misuse import misused_cases
from strategies.drawing.special import special_cases
from strategies.drawing.twice import cases_to_differentiate_twice
from strategies.memory import INCOMING, MEMORY

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
