"""OpenVINO's RNNSequence, as its ONNX front end makes it of an RNN node."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from rnn_parity.contract import Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.onnx_model import Evaluator, Node, run_nodes
from rnn_parity.toolkit.openvino_arrays import ABLE, DEFECTS, compiled


@lru_cache(maxsize=1024)
def _evaluator(node: Node) -> Evaluator:
    import openvino

    model = node.model()
    call = compiled(openvino.Core().read_model(model.SerializeToString()))
    names = [given.name for given in model.graph.input]

    def evaluate(feeds: dict[str, Any]) -> tuple[Any, Any]:
        return call([feeds[name] for name in names])

    return evaluate


@register(
    "openvino-onnx",
    capabilities=replace(ABLE, lengths=("padded",)),
    library="openvino",
    needs=("onnx",),
    extra="openvino",
    script=template("onnx_node", "openvino_arrays", "openvino_onnx"),
    known_defects=(
        *DEFECTS,
        KnownDefect(
            name="empty-batch",
            predicate=lambda case: case.batch_size == 0,
            reason="an empty batch ends the process with SIGFPE, a division by zero",
            link="src/plugins/intel_cpu/src/nodes/rnn.cpp of https://github.com/openvinotoolkit/openvino "
            "(not reported as of 2026.4.1)",
            case="agreement-f47055b20178.json",
        ),
        KnownDefect(
            name="no-steps",
            predicate=lambda case: case.misuse == "x-no-steps",
            reason="on one thread, no steps give a Y_h without rows, and corrupt memory, so that later calls crash",
            link="src/plugins/intel_cpu/src/nodes/rnn.cpp of https://github.com/openvinotoolkit/openvino "
            "(not reported as of 2026.4.1)",
            case="refusals-65c71fc7d758.json",
        ),
    ),
    # It may end the process by a division by zero.
    environment={},
)
def build(config: Config, weights: Weights) -> Run:
    """Build one RNN node for each layer; a compiled model serves all networks of the same sizes."""
    return run_nodes(config, weights, _evaluator)
