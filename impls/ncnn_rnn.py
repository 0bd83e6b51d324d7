"""ncnn's RNN layer: one row of a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Optional, run_layers
from rnn_parity.toolkit.parameters import one_bias

#: A stored array of float32 begins with this tag.
_FLOAT32 = bytes(4)
_NET = """7767517
3 4
Input x 0 1 x
Input h_0 0 1 h_0
RNN rnn 2 2 x h_0 output h_n 0={hidden_size} 1={weights} 2={direction}
"""


@register(
    "ncnn",
    # Its RNN has tanh alone, and a bias; a network without one is given zeros.
    capabilities=Capabilities(nonlinearities=("tanh",), dtypes=(torch.float32,), gradients=False),
    library="ncnn",
    extra="ncnn",
    script=template("ncnn_rnn"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one RNN layer for each layer, of both directions."""
    if config.nonlinearity != "tanh" or config.dtype != torch.float32:
        raise NotImplementedError(f"ncnn's RNN has no {config.nonlinearity} in {config.dtype}")
    return run_layers(config, [_layer(config, weights, layer) for layer in range(config.num_layers)])


def _layer(config: Config, weights: Weights, layer: int) -> Any:
    import ncnn

    directions, width = config.num_directions, config.layer_input_size(layer)
    suffixes = config.suffixes()[layer * directions :][:directions]
    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    text = _NET.format(
        hidden_size=config.hidden_size,
        weights=config.hidden_size * width * directions,
        direction=2 if directions == 2 else 0,
    )
    stored = b"".join(_FLOAT32 + array.tobytes() for array in _stored(config, weights, suffixes))
    net.load_param_mem(text)
    net.load_model_mem(stored)

    def run_layer(x: torch.Tensor, h_0: Optional, lengths: Optional) -> tuple[torch.Tensor, torch.Tensor]:
        if lengths is not None:
            raise NotImplementedError("sequences of different lengths")
        if not len(x):
            raise ValueError("x: expected at least one step")
        start = x.new_zeros(directions, x.shape[1], config.hidden_size) if h_0 is None else h_0
        if not x.shape[1]:
            return x.new_zeros(len(x), 0, directions * config.hidden_size), start
        rows = [_run_row(net, row, state) for row, state in zip(x.unbind(1), start.unbind(1), strict=True)]
        output, h_n = zip(*rows, strict=True)
        return torch.stack(output, 1), torch.stack(h_n, 1)

    # What was stored is read where it lies.
    run_layer.stored = stored  # type: ignore[attr-defined]
    return run_layer


def _run_row(net: Any, x: torch.Tensor, h_0: torch.Tensor) -> list[torch.Tensor]:
    import ncnn

    # A Mat looks at the memory of an array, which it does not keep; its own copy lies as its kernels need it.
    given = {"x": np.ascontiguousarray(x), "h_0": np.ascontiguousarray(h_0)}
    with net.create_extractor() as extractor:
        for name, array in given.items():
            extractor.input(name, ncnn.Mat(array).clone())
        found = [extractor.extract(name) for name in ("output", "h_n")]
        failed = [status for status, _ in found if status]
        if failed:
            raise RuntimeError(f"ncnn's extract returned {failed[0]}")
        return [torch.from_numpy(np.array(mat)) for _, mat in found]


def _stored(config: Config, weights: Weights, suffixes: list[str]) -> list[Any]:
    """Return the layer's parameters in its order: W_ih, the one bias and W_hh, each of all directions."""

    def stacked(role: str) -> torch.Tensor:
        return torch.stack([weights[f"{role}_{suffix}"].detach() for suffix in suffixes])

    bias = torch.zeros(len(suffixes), config.hidden_size, dtype=torch.float32)
    if config.bias:
        bias = one_bias(stacked("bias_ih"), stacked("bias_hh"))
    return [stacked("weight_ih").numpy(), bias.numpy(), stacked("weight_hh").numpy()]
