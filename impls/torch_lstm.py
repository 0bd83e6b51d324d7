"""torch.nn.LSTM itself: on the CPU oneDNN's in float32 and in 16 bits, PyTorch's own in float64; and its own alone."""

from __future__ import annotations

from typing import Any

import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import module_build, register, register_module
from rnn_parity.scripts import template

_set_flags: Any = torch.backends.mkldnn.set_flags

register_module(
    "nn.lstm",
    torch.nn.LSTM,
    capabilities=Capabilities(cells=("lstm",), lengths=("packed",)),
    script=template("torch_module", "torch_lstm"),
)


@register(
    "nn.lstm-native",
    # That oneDNN is left out is a setting of the whole process.
    capabilities=Capabilities(cells=("lstm",), lengths=("packed",), threads=False),
    script=template("torch_lstm_native", "torch_lstm"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build nn.LSTM without oneDNN, on PyTorch's own kernels in every dtype."""
    network = module_build(torch.nn.LSTM)(config, weights)

    def run(*arguments: Any) -> Any:
        # Not `flags`, which warns of a setting of other machines.
        before = _set_flags(False)[0]
        try:
            return network(*arguments)
        finally:
            _set_flags(before)

    run.parameters = network.parameters  # type: ignore[attr-defined]
    return run
