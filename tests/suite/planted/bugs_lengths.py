"""Bugs with sequences of different lengths in one batch; without lengths each of these networks is right."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.bugs_incoming import side_by_side
from rnn_parity.tests.suite.planted.loop import Cell, Loop
from rnn_parity.tests.suite.planted.ragged import Ragged

PADDED, PACKED = ("padded",), ("packed",)

# Which lengths


@plant("lengths", "lengths", lengths=PADDED)
class LongestForAll(Ragged):
    """Every row runs as long as the longest."""

    def take_lengths(self, lengths: Tensor, x: Tensor) -> Tensor:
        return lengths.max().expand(lengths.shape)


@plant("lengths", "lengths", lengths=PADDED)
class FirstLengthForAll(Ragged):
    """Every row runs as long as the first."""

    def take_lengths(self, lengths: Tensor, x: Tensor) -> Tensor:
        return lengths[:1].expand(lengths.shape)


@plant("lengths", "lengths", lengths=PADDED)
class OneStepLess(Ragged):
    """Lengths are taken for the index of the last step."""

    def take_lengths(self, lengths: Tensor, x: Tensor) -> Tensor:
        return lengths - 1


@plant("lengths", "lengths", lengths=PADDED)
class OneStepMore(Ragged):
    """A row makes one step beyond its end, where there is one."""

    def valid(self, cell: Cell, t: int) -> Tensor:
        return (t <= self.lengths)[:, None]


@plant("lengths", "lengths", lengths=PADDED)
class LengthsClipped(Ragged):
    """No row runs longer than eight steps."""

    def take_lengths(self, lengths: Tensor, x: Tensor) -> Tensor:
        return lengths.clamp(max=8)


@plant("lengths", "lengths", lengths=PADDED)
class LengthsAlongHidden(Ragged):
    """Where the batch is as large as the hidden size, units are stopped instead of rows."""

    def valid(self, cell: Cell, t: int) -> Tensor:
        mask = super().valid(cell, t)
        return mask.T if len(mask) == self.config.hidden_size else mask


# The state at the end


@plant("lengths", "lengths", lengths=PADDED)
class FinalStateOfLastStep(Ragged):
    """h_n is the state after the last step, padding included."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        return Loop.step(self, cell, x, h, t)


@plant("lengths", "lengths", lengths=PADDED)
class FinalStateOfLastOutput(Ragged):
    """h_n is the last output, which beyond a row's end is zero."""

    def kept(self, h: Tensor) -> Tensor:
        return torch.zeros_like(h)


@plant("lengths", "lengths", lengths=PADDED)
class UpperLayersIgnoreLengths(Ragged):
    """Layers above the first do not stop at the ends."""

    def valid(self, cell: Cell, t: int) -> Tensor:
        mask = super().valid(cell, t)
        return torch.ones_like(mask) if cell.layer else mask


# The reverse direction


@plant("lengths", "lengths", lengths=PADDED)
class ReverseStartsAtPadding(Ragged):
    """The reverse direction starts at the last step, padding included."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if not cell.reverse or self.lengths is None:
            return super().direction(cell, x, h)
        whole = copy(self)
        whole.lengths = torch.full_like(self.lengths, len(x))
        return Ragged.direction(whole, cell, x, h)


@plant("lengths", "lengths", lengths=PADDED)
class ReverseNotTurnedBack(Ragged):
    """The outputs of the reverse direction stay in the order of processing where a row is short."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        states = super().direction(cell, x, h)
        if not cell.reverse or self.lengths is None:
            return states
        return torch.where(self.lengths[:, None] < len(x), self.turned(states), states)

    def last(self, cell: Cell, states: Tensor) -> Tensor:
        if not cell.reverse or self.lengths is None:
            return super().last(cell, states)
        return torch.where(self.lengths[:, None] < len(states), states[-1], states[0])


# Rows sorted by their lengths


def by_length(lengths: Tensor) -> Tensor:
    """The rows from the longest to the shortest, ties as they come."""
    return lengths.sort(descending=True, stable=True).indices


@plant("lengths", "lengths", lengths=PADDED)
class FinalStateStaysSorted(Ragged):
    """h_n stays in the order of lengths in which the rows were run."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        h_n = super().final_state(lasts)
        return h_n if self.lengths is None else h_n[:, by_length(self.lengths)]


@plant("lengths", "lengths", lengths=PADDED)
class InitialStateNotSorted(Ragged):
    """Rows are sorted by length before they are run, but h_0 is not."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        state = super().initial_state(x, h_0)
        return state if self.lengths is None else state[:, by_length(self.lengths).argsort()]


@plant("lengths", "lengths", lengths=PADDED)
class TiesTurnedRound(Ragged):
    """Rows of one length come back from sorting in the opposite order."""

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        h_n = super().final_state(lasts)
        if self.lengths is None:
            return h_n
        backwards = len(self.lengths) - 1 - by_length(self.lengths.flip(0))
        return h_n[:, backwards[by_length(self.lengths).argsort()]]


@plant("lengths", "lengths", lengths=PACKED)
class PackedIndicesLost(Ragged):
    """The packed output has its rows sorted, and does not say so."""

    def pack(self, output: Tensor, lengths: Tensor, like: PackedSequence) -> PackedSequence:
        return PackedSequence(super().pack(output, lengths, like).data, like.batch_sizes)


@plant("lengths", "lengths", lengths=PACKED)
class PackedRowsNotSorted(Ragged):
    """The state of a packed batch is in the order of its packing."""

    def packed(self, x: PackedSequence, h_0: Tensor | None) -> tuple[PackedSequence, Tensor]:
        output, h_n = super().packed(x, h_0)
        return output, h_n if x.sorted_indices is None else h_n[:, x.sorted_indices]


# What stands beyond the ends


@plant("lengths", "lengths", lengths=PADDED)
class PaddingTimesZero(Ragged):
    """Steps beyond the end are multiplied by zero, which keeps NaN."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        return sequences[-1]

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        new = Loop.step(self, cell, x, h, t)
        if self.lengths is None:
            return new
        valid = self.valid(cell, t).to(new.dtype)
        return valid * new + (1 - valid) * h


@plant("lengths", "lengths", lengths=PADDED, padding="zeros")
class PaddingKeepsState(Ragged):
    """Outputs beyond the end are the last state, though zeros are promised."""

    def blank_output(self, output: Tensor) -> Tensor:
        return output


# Gradients


@plant("lengths", "length_gradients", lengths=PADDED)
class KeptStateDetached(Ragged):
    """What is asked of h_n goes back in the longest rows only."""

    def kept(self, h: Tensor) -> Tensor:
        return h.detach()


@plant("lengths", "length_gradients", lengths=PADDED, padding="zeros")
class PaddingSendsBack(Ragged):
    """Outputs beyond the end are made zero behind autograd, and send back what is asked of them."""

    def blank_output(self, output: Tensor) -> Tensor:
        return output + (super().blank_output(output) - output).detach()


@plant("lengths", "length_gradients", lengths=PADDED)
class GarbageInGradients(Ragged):
    """Beyond the end states are chosen rightly, but steps are made on garbage, whose NaN comes back."""

    def layer_input(self, layer: int, sequences: Sequence[Tensor]) -> Tensor:
        return sequences[-1]


# Lengths, and what else is asked


@plant("lengths", "calls", lengths=PADDED)
class LengthsOfTheFirstCall(Ragged):
    """The lengths of the first call are kept for all batches of as many rows and steps."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        kept = self.__dict__.setdefault("kept_lengths", {})
        return super().__call__(x, h_0, lengths if lengths is None else kept.setdefault(x.shape, lengths))


@plant("lengths", "strides", lengths=PADDED)
class PaddedReadAsPacked(Ragged):
    """Sequences with lengths are read as if their numbers lay side by side."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().__call__(x if lengths is None else side_by_side(x, x.storage_offset()), h_0, lengths)
