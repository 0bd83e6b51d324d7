"""Layers, directions and nn.RNN's layouts, lent to what runs one layer, or one direction of it, on time-major steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.autograd.function import once_differentiable

from rnn_parity.contract import Config, Run
from rnn_parity.toolkit.arguments import check_arguments

Optional: TypeAlias = torch.Tensor | None
#: A layer: input (T, B, I), h_0 (D, B, H) or None and lengths (B,) or None to output (T, B, D * H) and h_n (D, B, H).
Layer: TypeAlias = Callable[[torch.Tensor, Optional, Optional], tuple[torch.Tensor, torch.Tensor]]
#: One direction of a layer, which goes backwards by itself: input (T, B, I), h_0 (B, H) or None and lengths (B,) or
#: None to output (T, B, H), in the order of the input's steps, and h_n (B, H).
Direction: TypeAlias = Callable[[torch.Tensor, Optional, Optional], tuple[torch.Tensor, torch.Tensor]]
#: One direction in the order of its own steps: input (T, B, I) and h_0 (B, H) or None to all states (T, B, H). A state
#: of several parts has them one behind the other: of an LSTM (B, 2 H), here and in h_0 and h_n of layers.
Scan: TypeAlias = Callable[[torch.Tensor, Optional], torch.Tensor]


def run_scans(config: Config, scans: Sequence[Scan]) -> Run:
    """Return a network of one scan for each layer and direction, in the order of `config.suffixes()`."""
    backwards = [suffix.endswith("_reverse") for suffix in config.suffixes()]
    size = config.hidden_size
    return run_directions(config, [_direction(scan, back, size) for scan, back in zip(scans, backwards, strict=True)])


def _direction(scan: Scan, backwards: bool, hidden: int) -> Direction:
    def run_direction(x: torch.Tensor, h_0: Optional, lengths: Optional) -> tuple[torch.Tensor, torch.Tensor]:
        if lengths is not None:
            raise NotImplementedError("sequences of different lengths")
        states = scan(x.flip(0) if backwards else x, h_0)
        outputs = states[..., :hidden]
        return outputs.flip(0) if backwards else outputs, states[-1]

    return run_direction


def run_directions(config: Config, directions: Sequence[Direction]) -> Run:
    """Return a network of these directions of its layers, in the order of `config.suffixes()`."""
    count = config.num_directions
    return run_layers(config, [_layer(directions[first:][:count]) for first in range(0, len(directions), count)])


def _layer(directions: Sequence[Direction]) -> Layer:
    def run_layer(x: torch.Tensor, h_0: Optional, lengths: Optional) -> tuple[torch.Tensor, torch.Tensor]:
        starts = [None] * len(directions) if h_0 is None else h_0.unbind()
        found = [direction(x, start, lengths) for direction, start in zip(directions, starts, strict=True)]
        outputs, states = zip(*found, strict=True)
        return torch.cat(outputs, dim=-1), torch.stack(states)

    return run_layer


def run_layers(config: Config, layers: Sequence[Layer]) -> Run:
    """Return a network of these layers, from the bottom up."""

    def run(x: torch.Tensor, state: Any = None, lengths: Optional = None) -> tuple[torch.Tensor, Any]:
        check_arguments(config, x, state, lengths)
        h_0 = joined(state)
        unbatched = x.dim() == 2
        if unbatched:
            x, h_0 = x.unsqueeze(1), None if h_0 is None else h_0.unsqueeze(1)
        elif config.batch_first:
            x = x.transpose(0, 1)

        finals = []
        for index, layer in enumerate(layers):
            start = None if h_0 is None else h_0[index * config.num_directions :][: config.num_directions]
            x, final = layer(x, start, lengths)
            finals.append(final)
        h_n = torch.cat(finals)

        if unbatched:
            return x.squeeze(1), apart(config, h_n.squeeze(1))
        return x.transpose(0, 1) if config.batch_first else x, apart(config, h_n)

    return run


def joined(state: Any) -> Optional:
    """Return a state, of which several parts were given as a tuple, with its parts one behind the other."""
    return torch.cat(state, -1) if isinstance(state, list | tuple) else state


def apart(config: Config, state: torch.Tensor) -> Any:
    """Return a state as it is returned: several parts as a tuple of tensors that share no memory."""
    parts = len(config.kind.states)
    return state if parts == 1 else tuple(part.clone() for part in state.chunk(parts, -1))


def differentiable(forward: Callable[..., Any], vjp: Callable[..., Sequence[Optional]]) -> Callable[..., Any]:
    """Connect a function of a foreign library to torch's autograd by that library's own differentiation.

    The result can be differentiated once only: its implementation says `Capabilities(second_derivatives=False)`.

    Args:
        forward: tensors, of which some may be None, to a tensor or a tuple of tensors.
        vjp: the cotangent of each result and the same tensors to a gradient for each (None where there is none).
    """

    class Foreign(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Optional) -> Any:
            ctx.save_for_backward(*tensors)
            return forward(*tensors)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
            # Copies: one gradient may go to several tensors, which add to it in place.
            found = vjp(*(cotangent.detach() for cotangent in cotangents), *ctx.saved_tensors)
            return tuple(None if gradient is None else gradient.clone() for gradient in found)

    return Foreign.apply
