"""What capabilities and known defects look at in a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rnn_parity.contract.config import Array, Config


class Asked(Protocol):
    """What capabilities and known defects look at in a case; `rnn_parity.strategies.Case` has it all."""

    @property
    def config(self) -> Config:
        """The network."""

    @property
    def steps(self) -> int:
        """T."""

    @property
    def batch_size(self) -> int:
        """B."""

    @property
    def unbatched(self) -> bool:
        """Whether the batch axis is left out."""

    @property
    def memory(self) -> str:
        """How tensors lie in memory: "contiguous", or one of the other words of `rnn_parity.strategies.case.MEMORY`."""

    @property
    def has_h_0(self) -> bool:
        """Whether an initial state is given."""

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """How many steps of each row count; None where all do."""

    @property
    def packed(self) -> bool:
        """Whether sequences of these lengths are handed over as a PackedSequence."""

    @property
    def misuse(self) -> str:
        """The wrong call that is made, out of `MISUSES`; empty where the call is right."""

    @property
    def has_cotangents(self) -> bool:
        """Whether gradients are asked for."""

    @property
    def twice(self) -> bool:
        """Whether gradients of these gradients are asked for, too."""

    @property
    def finite(self) -> bool:
        """Whether nothing is, or may become, infinite or NaN."""

    @property
    def x(self) -> Array:
        """(T, B, input_size)."""

    @property
    def h_0(self) -> Array | None:
        """(num_layers * num_directions, B, hidden_size)."""

    @property
    def weights(self) -> Mapping[str, Array]:
        """nn.RNN's parameters by name."""
