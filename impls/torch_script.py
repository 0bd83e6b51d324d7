"""torch.nn.RNN as TorchScript: compiled from its source, and traced."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.parameters import fill


class OnTensor(torch.nn.Module):
    """nn.RNN has two signatures, and a script one: this is the one with a tensor."""

    def __init__(self, network: torch.nn.RNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Call the network."""
        return self.network(x, h_0)  # type: ignore[no-any-return]


class OnPacked(OnTensor):
    """The one with a packed sequence."""

    def forward(  # type: ignore[override]
        self, x: PackedSequence, h_0: torch.Tensor | None = None
    ) -> tuple[PackedSequence, torch.Tensor]:
        """Call the network."""
        return self.network(x, h_0)  # type: ignore[no-any-return]


def _network(config: Config, weights: Weights) -> torch.nn.RNN:
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype).eval()
    fill(dict(network.named_parameters()), weights)
    return network


@register(
    "nn.rnn-script",
    capabilities=Capabilities(lengths=("packed",)),
    script=template("torch_script"),
    group="compiled",
    cases=30,
)
def build_script(config: Config, weights: Weights) -> Run:
    """Build a script for tensors, and one for packed sequences at their first call."""
    network = _network(config, weights)
    # Made here: CPython's parser, which scripting uses, is not for several threads at once (python/cpython#106905).
    scripts: dict[type[OnTensor], Any] = {OnTensor: torch.jit.script(OnTensor(network))}

    def run(x: Any, h_0: torch.Tensor | None = None) -> Any:
        kind = OnPacked if isinstance(x, PackedSequence) else OnTensor
        if kind not in scripts:
            scripts[kind] = torch.jit.script(kind(network))
        output, h_n = scripts[kind](x, h_0)
        # A script has named tuples of its own.
        return (PackedSequence(*output) if kind is OnPacked else output), h_n

    run.parameters = dict(network.named_parameters())  # type: ignore[attr-defined]
    return run


@register("nn.rnn-trace", script=template("torch_trace"), group="compiled", cases=100)
def build_trace(config: Config, weights: Weights) -> Run:
    """Build a trace for each shape: a trace keeps the values that it saw."""
    network = _network(config, weights)
    traces: dict[Any, Any] = {}

    def run(x: torch.Tensor, *h_0: torch.Tensor) -> Any:
        shape = x.shape, len(h_0)
        if shape not in traces:
            traces[shape] = torch.jit.trace(network, (x, *h_0), check_trace=False)  # type: ignore[no-untyped-call]
        return traces[shape](x, *h_0)

    run.parameters = dict(network.named_parameters())  # type: ignore[attr-defined]
    return run
