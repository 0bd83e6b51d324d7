"""Bugs that show as a broken law: a result depends on how the case is cut, ordered, scaled or embedded."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.loop import Cell, Loop


@plant("laws", "laws")
class ChunkHandsOverEarlyState(Loop):
    """Sequences are run four steps at a time, and a chunk hands over the state before its last step."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        chunks = []
        for chunk in x.split(4):
            states = super().scan(cell, chunk, h)
            h = states[-2] if len(states) > 1 else states[-1]
            chunks.append(states)
        return torch.cat(chunks)


@plant("laws", "laws")
class FastPathForOneStep(Loop):
    """A sequence of one step takes a fast path, which knows nothing of W_hh."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h) * (self.steps > 1)

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        self.steps = len(x)
        return super().scan(cell, x, h)


@plant("laws", "laws")
class InputInEightBits(Loop):
    """The input is rounded to eight bits of the largest magnitude in the whole sequence and batch."""

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        largest = x.abs().amax().clamp(min=1) if x.numel() else 1
        return super().network((x / largest * 127).round() / 127 * largest, h_0)


@plant("laws", "laws")
class FirstStepReadsMean(Loop):
    """Without h_0 the first state is computed from the sequence's mean, to warm up."""

    def network(self, x: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        return super().network(x if h_0.any() else torch.cat([x.mean(0, keepdim=True), x[1:]]), h_0)


@plant("laws", "laws")
class RowsInOneStream(Loop):
    """The rows of the batch are one long stream: each row after the first goes on from the state that the last left."""

    def scan(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        rows = []
        for b in range(x.shape[1]):
            start = rows[-1][-1] if b else h[:1]
            rows.append(super().scan(cell, x[:, b : b + 1], start))
        return torch.cat(rows, 1) if rows else super().scan(cell, x, h)


@plant("laws", "laws")
class UnitsUpdatedInPlace(Loop):
    """The state is updated in place, a unit at a time: later units read the new states of earlier ones."""

    def step(self, cell: Cell, x: Tensor, h: Tensor, t: int) -> Tensor:
        h = h.clone()
        for j in range(h.shape[1]):
            h[:, j] = super().step(cell, x, h, t)[:, j]
        return h


@plant("laws", "laws")
class PaddedUnitsRepeatLast(Loop):
    """An odd number of hidden units is padded with a copy of the last, which W_hh then counts twice."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        again = self.product(h[:, -1:], cell.w_hh[:, -1:])
        return super().recur(cell, h) + again if h.shape[1] % 2 else super().recur(cell, h)


@plant("laws", "laws")
class StatesSaturate(Loop):
    """States are kept in a fixed-point format that ends at 4."""

    def activate(self, a: Tensor) -> Tensor:
        return super().activate(a).clamp(max=4)


@plant("laws", "laws")
class TanhOneSided(Loop):
    """tanh is cut off at 2 from above only."""

    def tanh(self, a: Tensor) -> Tensor:
        return torch.tanh(a.clamp(max=2))


@plant("laws", "laws")
class DeepStatesDamped(Loop):
    """W_hh counts half in a network of several layers, for stability."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        return super().recur(cell, h) * (0.5 if self.config.num_layers > 1 else 1.0)


@plant("laws", "laws")
class ReverseReadsOutput(Loop):
    """The forward direction writes its states over the sequence that the reverse one then reads, where widths allow."""

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        reads = self.written if cell.reverse and self.written.shape == x.shape else x
        self.written = super().direction(cell, reads, h)
        return self.written
