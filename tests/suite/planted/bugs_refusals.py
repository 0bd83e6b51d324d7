"""Networks that take a call which nn.RNN refuses, and make something of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.tests.suite.planted.bugs import Results, plant
from rnn_parity.tests.suite.planted.loop import Loop


class Careless(Loop):
    """It mends what it is given before it looks at it."""

    def __call__(self, x: Any, h_0: Any = None) -> Results:
        return super().__call__(self.mend_x(x), None if h_0 is None else self.mend_h_0(h_0, x))

    def mend_x(self, x: Any) -> Any:
        return x

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0

    def rows(self, x: Tensor) -> int:
        """How many sequences x holds."""
        return int(x.shape[0 if self.config.batch_first else 1])


@plant("refusals", "refusals")
class StateOfOneRowBroadcast(Careless):
    """An h_0 of one row goes for every row of the batch."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0.expand(-1, self.rows(x), -1) if h_0.dim() == 3 and h_0.shape[1] == 1 and x.dim() == 3 else h_0


@plant("refusals", "refusals")
class RowsOfStateCut(Careless):
    """Of an h_0 with rows to spare the first ones are taken."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0[:, : self.rows(x)] if h_0.dim() == 3 and x.dim() == 3 else h_0


@plant("refusals", "refusals")
class LayersOfStateCut(Careless):
    """Of an h_0 with layers to spare the first ones are taken."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0[: len(self.cells)]


@plant("refusals", "refusals")
class LayersOfStateFilled(Careless):
    """Layers that an h_0 leaves out start from zero."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        missing = len(self.cells) - len(h_0)
        return torch.cat([h_0, h_0.new_zeros(missing, *h_0.shape[1:])]) if missing > 0 else h_0


@plant("refusals", "refusals")
class UnitsOfStateCut(Careless):
    """Of an h_0 with hidden units to spare the first ones are taken."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0[..., : self.config.hidden_size]


@plant("refusals", "refusals")
class StateReshaped(Careless):
    """An h_0 of the right number of elements is brought into shape."""

    def mend_h_0(self, h_0: Any, x: Any) -> Any:
        return h_0.reshape(len(self.cells), self.rows(x), -1) if x.dim() == 3 else h_0


@plant("refusals", "refusals")
class FeaturesCut(Careless):
    """Features beyond the input size are left out."""

    def mend_x(self, x: Any) -> Any:
        return x[..., : self.config.input_size]


@plant("refusals", "refusals")
class FeaturesFilled(Careless):
    """Features that are missing are zeros."""

    def mend_x(self, x: Any) -> Any:
        missing = max(0, self.config.input_size - x.shape[-1])
        return torch.nn.functional.pad(x, (0, missing))


@plant("refusals", "refusals")
class CastToItsDtype(Careless):
    """Whatever x is, it becomes a tensor of the network's dtype."""

    def mend_x(self, x: Any) -> Any:
        return torch.as_tensor(x).to(self.config.dtype)


@plant("refusals", "refusals")
class NoStepsGiveZeros(Careless):
    """A sequence of no steps ends in a state of zeros."""

    def scan(self, cell: Any, x: Tensor, h: Tensor) -> Tensor:
        return super().scan(cell, x, h) if len(x) else h.new_zeros(0, *h.shape)

    def last(self, cell: Any, states: Tensor) -> Tensor:
        return super().last(cell, states) if len(states) else states.new_zeros(states.shape[1:])


@plant("refusals", "refusals")
class LeadingAxisDropped(Careless):
    """An axis too many is dropped with all that is in it but the first."""

    def mend_x(self, x: Any) -> Any:
        return x[0] if x.dim() == 4 else x


@plant("refusals", "refusals")
class BrokenByARefusal(Loop):
    """After a call that it refused it refuses all others, as one whose lock is still held."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.busy = False

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        if self.busy:
            raise RuntimeError("a call is in progress")
        self.busy = True
        result = super().__call__(x, h_0)
        self.busy = False
        return result


@plant("refusals", "refusals")
class StateOfARefusalKept(Loop):
    """The h_0 of a call that it refused is where the next call starts."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> Results:
        kept, self.kept = getattr(self, "kept", None), h_0
        result = super().__call__(x, kept if h_0 is None and kept is not None else h_0)
        self.kept = None
        return result
