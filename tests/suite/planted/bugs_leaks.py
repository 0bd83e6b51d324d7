"""Networks that keep something of every call: right in every number, until memory is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.tests.suite.planted.bugs import Results, plant
from rnn_parity.tests.suite.planted.loop import Cell, Loop


@plant("leaks", "leaks")
class FinalStatesKept(Loop):
    """The final state of every call is kept in a list."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.kept: list[Tensor] = []

    def final_state(self, lasts: Sequence[Tensor]) -> Tensor:
        self.kept.append(super().final_state(lasts).detach())
        return self.kept[-1].clone()


@plant("leaks", "leaks")
class WorkspaceGrows(Loop):
    """One workspace becomes larger by eight numbers with every call."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.workspace = torch.zeros(0)

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.workspace = torch.cat([self.workspace, torch.zeros(8)])
        return super().network(x, h_0)


@plant("leaks", "leaks")
class PlansByCall(Loop):
    """What is planned for a call is cached under a key that never comes again."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.plans: dict[object, tuple[int, ...]] = {}

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.plans[object()] = tuple(x.shape)
        return super().network(x, h_0)


@plant("leaks", "leaks")
class CyclesKept(Loop):
    """A record of each reverse scan refers to itself, and to the one before."""

    record: dict[str, Any] | None = None

    def direction(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if cell.reverse:
            record: dict[str, Any] = {"before": self.record}
            record["itself"] = self.record = record
        return super().direction(cell, x, h)


@plant("leaks", "leaks")
class KeptBesideCaches(Loop):
    """Every call is kept with its input, beside a cache that fills to 256 entries."""

    def __init__(self, config: Config, weights: Weights) -> None:
        super().__init__(config, weights)
        self.calls: list[tuple[Tensor, Tensor]] = []
        self.cache: list[Tensor] = []

    def network(self, x: Tensor, h_0: Tensor) -> Results:
        self.calls.append((x.detach().clone(), h_0.detach().clone()))
        self.cache = [*self.cache, x.detach().clone()][-256:]
        return super().network(x, h_0)
