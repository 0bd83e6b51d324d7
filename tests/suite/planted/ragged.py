"""A correct network for sequences of different lengths, padded or packed, in methods that are overridden."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnn_parity.tests.suite.planted.loop import Cell, Loop
from rnn_parity.toolkit.arguments import check_arguments


class Ragged(Loop):
    """Beyond its end a row's state stays as it is, its input counts as zeros, and its output is zeros."""

    #: Of the call in progress, (B,); None where every step counts.
    lengths: Tensor | None = None

    def __call__(
        self, x: Tensor | PackedSequence, h_0: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        if isinstance(x, PackedSequence):
            return self.packed(x, h_0)
        check_arguments(self.config, x, h_0, lengths)
        # Each call has its own copy: calls from several threads do not see each other's lengths.
        call = copy(self)
        call.lengths = None if lengths is None else self.take_lengths(lengths, x)
        return super(Ragged, call).__call__(x, h_0)

    def packed(self, x: PackedSequence, h_0: Tensor | None) -> tuple[PackedSequence, Tensor]:
        padded, lengths = pad_packed_sequence(x, batch_first=self.config.batch_first)
        output, h_n = self(padded, h_0, lengths)
        return self.pack(output, lengths, x), h_n

    def pack(self, output: Tensor, lengths: Tensor, like: PackedSequence) -> PackedSequence:
        """The output, packed in the order of the input."""
        if like.sorted_indices is not None:
            output = output.index_select(0 if self.config.batch_first else 1, like.sorted_indices)
            lengths = lengths[like.sorted_indices]
        packed = pack_padded_sequence(output, lengths, batch_first=self.config.batch_first)
        return PackedSequence(packed.data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)

    def take_lengths(self, lengths: Tensor, x: Tensor) -> Tensor:
        """The lengths that the network goes by."""
        return lengths

    def valid(self, cell: Cell, t: int) -> Tensor:
        """Which rows have a step number t: (B, 1)."""
        return (t < self.lengths)[:, None]

    def blank(self, sequence: Tensor) -> Tensor:
        """Zeros beyond the ends. Chosen, not multiplied: zero times NaN is NaN."""
        if self.lengths is None:
            return sequence
        counts = torch.arange(len(sequence))[:, None, None] < self.lengths[:, None]
        return torch.where(counts, sequence, torch.zeros_like(sequence))

    def turned(self, sequence: Tensor) -> Tensor:
        """Each row turned round within its own length."""
        if self.lengths is None:
            return sequence.flip(0)
        t = torch.arange(len(sequence))[:, None]
        source = torch.where(t < self.lengths, self.lengths - 1 - t, t)
        return sequence.gather(0, source[..., None].expand(sequence.shape))

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        return self.blank(super().layer_input(layer, sequences))

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        return self.turned(self.scan(cell, self.turned(x), h)) if cell.reverse else self.scan(cell, x, h)

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        new = super().step(cell, x, h, t)
        return new if self.lengths is None else torch.where(self.valid(cell, t), new, self.kept(h))

    def kept(self, h: Tensor) -> Tensor:
        """The state of rows that have ended."""
        return h

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        output, h_n = super().network(x, h_0)
        return self.blank_output(output), h_n

    def blank_output(self, output: Tensor) -> Tensor:
        return self.blank(output)
