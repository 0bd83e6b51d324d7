"""The RNN operator of ONNX Runtime, on the CPU."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from impls.contract import Capabilities, Config, Rounding, Run, Weights
from impls.onnx_model import Evaluator, Node, run_nodes
from impls.registry import register


@lru_cache(maxsize=1024)
def _session(node: Node) -> Evaluator:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = node.model().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def evaluate(feeds: dict[str, Any]) -> Any:
        return session.run(None, feeds)

    return evaluate


@register(
    "onnxruntime",
    # The CPU's kernel is of float32 alone. A graph of float16 runs too, cast to float32 and back; one of float64 does not.
    capabilities=Capabilities(dtypes=(torch.float32, torch.float16)),
    rounding=Rounding(
        accumulate=torch.float32,
        tanh_absolute=True,
        reason=(
            "its RNN computes Tanh as 2 Sigmoid(2x) - 1: core/providers/cpu/rnn/rnn_activation_functors.h, "
            "https://github.com/microsoft/onnxruntime/pull/28003; "
            "ONNX documents it as (1 - e^{-2x}) / (1 + e^{-2x}), https://onnx.ai/onnx/operators/onnx__RNN.html"
        ),
    ),
    library="onnxruntime",
    extra="onnx",
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN node a layer; a session serves all networks of the same sizes."""
    return run_nodes(config, weights, _session)
