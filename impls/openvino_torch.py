"""OpenVINO on what its torch front end makes of nn.RNN: constant weights, so that each network is converted anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.openvino_arrays import ABLE, DEFECTS, compiled
from rnn_parity.toolkit.parameters import fill

CLAMPED = KnownDefect(
    name="infinite-weight-is-finite",
    predicate=lambda case: (
        case.config.dtype == torch.bfloat16 and any(np.isinf(weight).any() for weight in case.weights.values())
    ),
    reason="an infinite constant of bfloat16 becomes the largest finite number",
    link="https://github.com/openvinotoolkit/openvino (not reported as of 2026.4.1)",
    case="special-abf88fe165af.json",
    # Where the CPU has instructions for bfloat16, it is kept.
    present=lambda: not torch.cpu._is_avx512_bf16_supported(),
)


@register(
    "openvino-torch",
    capabilities=ABLE,
    known_defects=(*DEFECTS, CLAMPED),
    library="openvino",
    extra="openvino",
    script=template("openvino_arrays", "openvino_torch"),
    environment={},
    cases=20,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one model for calls with h_0, and one for those without."""
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype).eval()
    fill(dict(network.named_parameters()), weights)
    models: dict[Any, Any] = {}

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        import openvino

        ranks = tuple(tensor.dim() for tensor in tensors)
        if ranks not in models:
            example = tensors[0] if len(tensors) == 1 else tensors
            converted = openvino.convert_model(network, example_input=example)
            models[ranks] = compiled(converted)
        output, h_n = models[ranks]([to_numpy(tensor) for tensor in tensors])
        return to_torch(output), to_torch(h_n)

    return run
