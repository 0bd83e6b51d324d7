"""ONNX's RNN operator for those that run it: the graph of one node, and a network that stacks such nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch

from impls.contract import Config, Run, Weights
from impls.layers import Layer, run_layers

if TYPE_CHECKING:
    import onnx

#: Feeds by input name to the node's outputs Y and Y_h.
Evaluator: TypeAlias = Callable[[dict[str, Any]], tuple[Any, Any]]


class Node(NamedTuple):
    """What shapes a graph of one RNN node; weights, steps and batch size stay open, so that a session serves many networks."""

    input_size: int
    hidden_size: int
    directions: int
    nonlinearity: str
    bias: bool
    h_0: bool
    dtype: torch.dtype


def model(node: Node) -> onnx.ModelProto:
    """The graph: everything that varies from call to call is an input."""
    from onnx import TensorProto, helper

    dtype = {
        torch.float64: TensorProto.DOUBLE,
        torch.float32: TensorProto.FLOAT,
        torch.float16: TensorProto.FLOAT16,
        torch.bfloat16: TensorProto.BFLOAT16,
    }[node.dtype]
    D, H, I = node.directions, node.hidden_size, node.input_size
    shapes: dict[str, list[int | str]] = {"X": ["T", "B", I], "W": [D, H, I], "R": [D, H, H]}
    if node.bias:
        shapes["B"] = [D, 2 * H]
    if node.h_0:
        shapes["initial_h"] = [D, "B", H]
    rnn = helper.make_node(
        "RNN",
        # An empty name stands for an optional input that is absent.
        [name if name in shapes else "" for name in ("X", "W", "R", "B", "sequence_lens", "initial_h")],
        ["Y", "Y_h"],
        hidden_size=H,
        direction="forward" if D == 1 else "bidirectional",
        activations=[node.nonlinearity.capitalize()] * D,
    )
    graph = helper.make_graph(
        [rnn],
        "rnn",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in shapes.items()],
        [
            helper.make_tensor_value_info("Y", dtype, ["T", D, "B", H]),
            helper.make_tensor_value_info("Y_h", dtype, [D, "B", H]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def network(config: Config, weights: Weights, evaluator: Callable[[Node], Evaluator]) -> Run:
    """One RNN node a layer, run by what `evaluator` makes of it."""
    ...
