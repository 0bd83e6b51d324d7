"""torch.nn.RNN exported to ONNX by torch.onnx, and run by ONNX Runtime."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Capabilities, Config, Rounding, Run, Weights
from rnn_parity.onnx_runtime import inference_session
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.torch_export import exportable


@cache
def _session(config: Config, *shapes: tuple[int, ...]) -> Any:
    # It warns that torchvision, which has nothing to do with it, is not there.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)

    program = torch.onnx.export(*exportable(config, *shapes), dynamo=True, verbose=False)
    assert program is not None
    return inference_session(program.model_proto)


@register(
    "nn.rnn-onnx",
    # ONNX Runtime has no bfloat16 on the CPU.
    capabilities=Capabilities(
        dtypes=(torch.float64, torch.float32, torch.float16), per_shape=True, several_shapes=False, gradients=False
    ),
    rounding=Rounding(
        tanh_ulps=4,
        reason=(
            "the operator Tanh is Eigen's rational function, 'accurate up to a couple of ulps' (3 and 4, XLA finds): "
            "https://github.com/microsoft/onnxruntime/pull/162, "
            "Eigen/src/Core/arch/Default/GenericPacketMathFunctions.h of https://gitlab.com/libeigen/eigen"
        ),
    ),
    library="onnxruntime",
    needs=("torch", "onnxscript"),
    extra="onnx",
    script=template("torch_exported", "torch_onnx"),
    cases=60,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one graph for each shape, with the parameters as its inputs."""

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        session = _session(config, *(tuple(tensor.shape) for tensor in tensors))
        given = [weights[name] for name in config.parameter_shapes()] + list(tensors)
        feeds = {entry.name: to_numpy(tensor) for entry, tensor in zip(session.get_inputs(), given, strict=True)}
        output, h_n = session.run(None, feeds)
        return to_torch(output), to_torch(h_n)

    return run
