"""The RNN operator of ONNX Runtime, on the CPU."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from rnn_parity.contract import Capabilities, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.defects import has_nan_under_relu, skips_infinite_recurrence
from rnn_parity.toolkit.onnx_model import Evaluator, Node, run_nodes

if TYPE_CHECKING:
    import onnx


def inference_session(model: onnx.ModelProto) -> Any:
    """Return a session on the CPU, on one thread; what it refuses it raises, and does not print as well."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # What is fatal alone.
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1024)
def _session(node: Node) -> Evaluator:
    session = inference_session(node.model())

    def evaluate(feeds: dict[str, Any]) -> Any:
        return session.run(None, feeds)

    return evaluate


@register(
    "onnxruntime",
    # The CPU's kernel is of float32 alone. A graph of float16 runs too, cast to float32 and back; none of float64.
    capabilities=Capabilities(dtypes=(torch.float32, torch.float16), gradients=False, lengths=("padded",)),
    rounding=Rounding(
        accumulate=torch.float32,
        # For float16 the casts stand around the whole node: core/optimizer/insert_cast_transformer.cc.
        rounded="state",
        tanh_absolute=True,
        reason=(
            "its RNN computes Tanh as 2 Sigmoid(2x) - 1: core/providers/cpu/rnn/rnn_activation_functors.h, "
            "https://github.com/microsoft/onnxruntime/pull/28003; "
            "ONNX documents it as (1 - e^{-2x}) / (1 + e^{-2x}), https://onnx.ai/onnx/operators/onnx__RNN.html"
        ),
    ),
    library="onnxruntime",
    known_defects=(
        KnownDefect(
            name="relu-swallows-nan",
            predicate=has_nan_under_relu,
            reason="Relu inside its RNN is std::max(0, x), which makes 0 of a NaN",
            link="core/providers/cpu/rnn/rnn_activation_functors.h of https://github.com/microsoft/onnxruntime"
            " (not reported as of 1.32.0)",
            case="agreement-a713b8835395.json",
        ),
        KnownDefect(
            name="first-product-skipped",
            predicate=skips_infinite_recurrence,
            reason="without initial_h the product of R with the zero state is left out: an infinity in R is lost",
            link="https://onnx.ai/onnx/operators/onnx__RNN.html says that it is 'assumed to be 0'"
            " (not reported as of 1.32.0)",
            case="agreement-c88da801fefd.json",
        ),
        KnownDefect(
            name="no-steps",
            predicate=lambda case: case.misuse == "x-no-steps",
            reason="for a sequence of no steps Y_h is zeros, where it should refuse or hand back initial_h",
            link="core/providers/cpu/rnn/rnn.cc of https://github.com/microsoft/onnxruntime"
            " (not reported as of 1.32.0)",
            case="refusals-65c71fc7d758.json",
        ),
    ),
    extra="onnx",
    script=template("onnx_node", "onnx_runtime"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one RNN node for each layer; a session serves all networks of the same sizes."""
    return run_nodes(config, weights, _session)
