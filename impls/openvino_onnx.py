"""OpenVINO's RNNSequence, as its ONNX front end makes it of an RNN node."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from impls.contract import Capabilities, Config, Run, Weights
from impls.onnx_model import Evaluator, Node, run_nodes
from impls.openvino_arrays import compiled
from impls.registry import register


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
    capabilities=Capabilities(gradients=False, lengths=("padded",)),
    library="openvino",
    needs=("onnx",),
    extra="openvino",
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN node a layer; a compiled model serves all networks of the same sizes."""
    return run_nodes(config, weights, _evaluator)
