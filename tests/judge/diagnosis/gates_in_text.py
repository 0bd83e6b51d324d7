"""The step of a gated cell as text: the last line, with its gates in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class GatesInText(NamedTuple):
    """The algebra of text for gated cells: a gate is its number, and what leads to it is left out."""

    gates: dict[str, str]

    def affine(self, gate: str, h: str) -> str:
        """Leave a sum out."""
        return ""

    def reset_affine(self, gate: str, h: str, reset: str) -> str:
        """Leave a sum out."""
        return ""

    def sigmoid(self, a: str) -> str:
        """Leave a function out."""
        return ""

    def tanh(self, a: str) -> str:
        """Leave a function out."""
        return ""

    def gate(self, name: str, value: str) -> str:
        """Write a gate as a number."""
        return self.gates[name]

    def mix(self, z: str, n: str, h: str) -> str:
        """Write (1 - z) n + z h."""
        return f"(1 - {z})*{n} + {z}*{h}"

    def times(self, a: str, b: str) -> str:
        """Write a b."""
        return f"{a}*{b}"

    def two_products(self, a: str, b: str, c: str, d: str) -> str:
        """Write a b + c d."""
        return f"{a}*{b} + {c}*{d}"

    def parts(self, state: Sequence[str]) -> Sequence[str]:
        """Return the parts of a state."""
        return state

    def joined(self, *parts: str) -> Sequence[str]:
        """Return the parts of the next state."""
        return parts
