"""tract's RNN, read from ONNX."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from impls.contract import Capabilities, Config, Run, Weights
from impls.onnx_model import Evaluator, Node, run_nodes
from impls.registry import register


@lru_cache(maxsize=1024)
def _runnable(node: Node) -> Evaluator:
    import tract

    model = node.model()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rnn.onnx"
        path.write_bytes(model.SerializeToString())
        runnable = tract.onnx().load(path).into_model().into_runnable()
    names = [given.name for given in model.graph.input]

    def evaluate(feeds: dict[str, Any]) -> Any:
        output, h_n = runnable.run([feeds[name] for name in names])
        return output.to_numpy(), h_n.to_numpy()

    return evaluate


@register(
    "tract",
    # Its ONNX front end knows no bfloat16, and refuses sequence_lens where lengths differ.
    capabilities=Capabilities(dtypes=(torch.float64, torch.float32, torch.float16), gradients=False),
    library="tract",
    needs=("onnx",),
    extra="tract",
    # Its errors may abort the process.
    environment={},
    cases=100,
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN node a layer; a model serves all networks of the same sizes."""
    return run_nodes(config, weights, _runnable)
