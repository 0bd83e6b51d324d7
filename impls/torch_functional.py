"""torch.nn.RNN as a function of its parameters, by torch.func.functional_call: gradients go to the tensors given."""

from __future__ import annotations

from typing import Any

import torch
from torch.func import functional_call

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template


@register(
    "nn.rnn-functional",
    # While it is called, the module holds other parameters: torch promises nothing for two calls at once.
    capabilities=Capabilities(lengths=("packed",), threads=False),
    script=template("torch_module", "torch_rnn"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build an nn.RNN whose own parameters are never read."""
    network = torch.nn.RNN(**config.module_arguments(), device="meta")

    def run(*arguments: Any) -> Any:
        return functional_call(network, dict(weights), arguments)

    return run
