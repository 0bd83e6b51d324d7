"""The RNN operator of ONNX's own ReferenceEvaluator, which is written in NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from impls.contract import Capabilities, Config, Run, Weights
from impls.onnx_model import Evaluator, Node, run_nodes
from impls.registry import register


@lru_cache(maxsize=1024)
def _evaluator(node: Node) -> Evaluator:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(node.model())

    def evaluate(feeds: dict[str, Any]) -> Any:
        with np.errstate(all="ignore"):
            return evaluator.run(None, feeds)

    return evaluate


@register(
    "onnx-reference",
    # Its RNN raises on all activations but Tanh and Affine.
    capabilities=Capabilities(nonlinearities=("tanh",)),
    library="onnx",
    extra="onnx",
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN node a layer; an evaluator serves all networks of the same sizes."""
    return run_nodes(config, weights, _evaluator)
