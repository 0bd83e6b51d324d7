"""Layers, directions and nn.RNN's layouts, lent to libraries that run one layer, or one direction, on time-major steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from impls.contract import Config, Run

#: One layer: input (T, B, I) and h_0 (D, B, H) or None to output (T, B, D*H) and h_n (D, B, H).
Layer: TypeAlias = Callable[[torch.Tensor, torch.Tensor | None], tuple[torch.Tensor, torch.Tensor]]
#: One direction of it, in the order of its steps: input (T, B, I) and h_0 (B, H) or None to every hidden state (T, B, H).
Scan: TypeAlias = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]


def run_scans(config: Config, scans: Sequence[Scan]) -> Run:
    """A network of one scan per layer and direction, in the order of `config.suffixes()`."""
    directions = config.num_directions
    return run_layers(config, [_layer(scans[i : i + directions]) for i in range(0, len(scans), directions)])


def _layer(scans: Sequence[Scan]) -> Layer:
    def layer(x: torch.Tensor, h_0: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        starts = [None] * len(scans) if h_0 is None else h_0.unbind()
        states = [scan(x.flip(0) if i else x, start) for i, (scan, start) in enumerate(zip(scans, starts, strict=True))]
        output = torch.cat([h.flip(0) if i else h for i, h in enumerate(states)], dim=-1)
        return output, torch.stack([h[-1] for h in states])

    return layer


def run_layers(config: Config, layers: Sequence[Layer]) -> Run:
    """A network of these layers, from the bottom up."""

    def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        unbatched = x.dim() == 2
        if unbatched:
            x, h_0 = x.unsqueeze(1), h_0 if h_0 is None else h_0.unsqueeze(1)
        elif config.batch_first:
            x = x.transpose(0, 1)
        starts = [None] * len(layers) if h_0 is None else h_0.split(config.num_directions)
        finals = []
        for layer, start in zip(layers, starts, strict=True):
            x, final = layer(x, start)
            finals.append(final)
        h_n = torch.cat(finals)
        if unbatched:
            return x.squeeze(1), h_n.squeeze(1)
        return x.transpose(0, 1) if config.batch_first else x, h_n

    return run
