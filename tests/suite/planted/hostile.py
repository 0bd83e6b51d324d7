"""Implementations that harm their process: nn.RNN, but for two layers and up it does one of the deeds of `deeds`.

A file for `--impl`: each deed is registered under its own name.
"""

from collections.abc import Callable
from typing import Any

import torch

from rnn_parity import Capabilities, register
from rnn_parity.registry import module_build
from rnn_parity.tests.suite.planted.deeds import DEEDS


def hostile(deed: Callable[..., Any]) -> Any:
    def build(config: Any, weights: Any) -> Any:
        run = module_build(torch.nn.RNN)(config, weights)

        def call(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
            result = run(x, h_0)
            if config.num_layers > 1:
                deed(x)
            return result

        return call

    return build


for name, deed in DEEDS.items():
    register(name, hostile(deed), capabilities=Capabilities(gradients=False))
