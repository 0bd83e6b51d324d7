"""Bugs in how the gradients that come in are read: right where their numbers lie side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.by_hand import going_back
from rnn_parity.tests.suite.planted.loop import Loop


class Reading(Loop):
    """A network that reads the gradients of its results itself."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, h_n = super().__call__(x, h_0)
        return going_back(output, self.read), going_back(h_n, self.read)

    def read(self, gradient: Tensor) -> Tensor:
        raise NotImplementedError


def held(gradient: Tensor) -> Tensor:
    """All that lies in a gradient's storage."""
    return torch.empty(0, dtype=gradient.dtype).set_(gradient.untyped_storage())  # type: ignore[call-overload]


def side_by_side(gradient: Tensor, start: int) -> Tensor:
    """As many numbers as it has, from one of its storage on; zeros beyond the end."""
    found = held(gradient)[start:][: gradient.numel()]
    return torch.cat([found, found.new_zeros(gradient.numel() - len(found))]).view(gradient.shape)


@plant("gradients", "gradients")
class IncomingReadAsPacked(Reading):
    """Gradients that come in are read as if their numbers lay side by side."""

    def read(self, gradient: Tensor) -> Tensor:
        return side_by_side(gradient, gradient.storage_offset())


@plant("gradients", "gradients")
class IncomingFromItsStoragesBegin(Reading):
    """Gradients that come in are read from where their storage begins."""

    def read(self, gradient: Tensor) -> Tensor:
        return side_by_side(gradient, 0) if gradient.is_contiguous() else gradient


@plant("gradients", "gradients")
class IncomingRowsWithoutGaps(Reading):
    """A gradient whose last stride is 1 is taken for one without gaps."""

    def read(self, gradient: Tensor) -> Tensor:
        return side_by_side(gradient, gradient.storage_offset()) if gradient.stride(-1) == 1 else gradient


@plant("gradients", "gradients")
class IncomingIsOneNumber(Reading):
    """A gradient with a stride of 0 is taken for one number all over, as a sum sends it back."""

    def read(self, gradient: Tensor) -> Tensor:
        zero = any(stride == 0 for stride in gradient.stride())
        return gradient[(slice(0, 1),) * gradient.dim()].expand_as(gradient) if zero else gradient


@plant("gradients", "gradients")
class IncomingInTheOrderOfMemory(Reading):
    """A gradient that is dense, but turned, is read in the order of its memory."""

    def read(self, gradient: Tensor) -> Tensor:
        dense = gradient.transpose(0, -1).is_contiguous() and not gradient.is_contiguous()
        return side_by_side(gradient, 0) if dense else gradient


@plant("gradients", "gradients")
class IncomingWrittenInto(Reading):
    """The buffer that holds what goes back is the gradient that comes in, which ends as zeros."""

    def read(self, gradient: Tensor) -> Tensor:
        kept = gradient.clone()
        if gradient.is_contiguous():
            gradient.zero_()
        return kept


@plant("gradients", "gradients")
class IncomingSharedStorageOnce(Loop):
    """Gradients of output and h_n that begin at one place in memory are taken for one, which is counted once."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, h_n = super().__call__(x, h_0)
        seen: list[int] = []

        def once(gradient: Tensor) -> Tensor:
            seen.append(gradient.data_ptr())
            return gradient * (seen.count(seen[-1]) == 1)

        return going_back(output, once), going_back(h_n, once)
