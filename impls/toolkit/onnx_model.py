"""ONNX's RNN operator for what runs it: the graph of one node, and a network that stacks such nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch

from rnn_parity.contract import Config, Run, Weights
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.layers import Layer, Optional, run_layers

if TYPE_CHECKING:
    import onnx

#: Runs a graph: arrays by input name to Y and Y_h.
Evaluator: TypeAlias = Callable[[dict[str, Any]], tuple[Any, Any]]


class Node(NamedTuple):
    """What shapes a graph of one RNN node. Weights, steps and batch stay open: one graph serves many networks."""

    input_size: int
    hidden_size: int
    directions: int
    nonlinearity: str
    bias: bool
    h_0: bool
    lengths: bool
    dtype: torch.dtype

    def model(self) -> onnx.ModelProto:
        """Return the graph."""
        from onnx import TensorProto, ValueInfoProto, helper

        directions, hidden_size = self.directions, self.hidden_size
        inputs: dict[str, list[str | int]] = {
            "X": ["seq_length", "batch_size", self.input_size],
            "W": [directions, hidden_size, self.input_size],
            "R": [directions, hidden_size, hidden_size],
        }
        if self.bias:
            inputs["B"] = [directions, 2 * hidden_size]
        if self.lengths:
            inputs["sequence_lens"] = ["batch_size"]
        if self.h_0:
            inputs["initial_h"] = [directions, "batch_size", hidden_size]
        outputs: dict[str, list[str | int]] = {
            "Y": ["seq_length", directions, "batch_size", hidden_size],
            "Y_h": [directions, "batch_size", hidden_size],
        }
        node = helper.make_node(
            "RNN",
            # An empty name stands for an input that is absent.
            [name if name in inputs else "" for name in ("X", "W", "R", "B", "sequence_lens", "initial_h")],
            list(outputs),
            activations=[self.nonlinearity.capitalize()] * directions,
            direction="bidirectional" if directions == 2 else "forward",
            hidden_size=hidden_size,
        )
        dtype = {
            torch.float64: TensorProto.DOUBLE,
            torch.float32: TensorProto.FLOAT,
            torch.float16: TensorProto.FLOAT16,
            torch.bfloat16: TensorProto.BFLOAT16,
        }[self.dtype]

        def infos(shapes: dict[str, list[str | int]]) -> list[ValueInfoProto]:
            types = {"sequence_lens": TensorProto.INT32}
            return [
                helper.make_tensor_value_info(name, types.get(name, dtype), shape) for name, shape in shapes.items()
            ]

        graph = helper.make_graph([node], "rnn", infos(inputs), infos(outputs))
        # RNN's newest version, in the file format of its time: a runtime may be older than the onnx that is installed.
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def run_nodes(config: Config, weights: Weights, evaluator: Callable[[Node], Evaluator]) -> Run:
    """Return a network of one RNN node for each layer, each run by what `evaluator` makes of it."""
    directions = config.num_directions

    def layer_of(layer: int) -> Layer:
        suffixes = config.suffixes()[layer * directions :][:directions]

        def feed(*kinds: str) -> Any:
            parts = [torch.cat([weights[f"{kind}_{suffix}"] for kind in kinds]) for suffix in suffixes]
            return to_numpy(torch.stack(parts))

        constant = {"W": feed("weight_ih"), "R": feed("weight_hh")}
        if config.bias:
            constant["B"] = feed("bias_ih", "bias_hh")

        def run_layer(x: torch.Tensor, h_0: Optional, lengths: Optional) -> tuple[torch.Tensor, torch.Tensor]:
            node = Node(
                input_size=config.layer_input_size(layer),
                hidden_size=config.hidden_size,
                directions=directions,
                nonlinearity=config.nonlinearity,
                bias=config.bias,
                h_0=h_0 is not None,
                lengths=lengths is not None,
                dtype=config.dtype,
            )
            feeds = {**constant, "X": to_numpy(x)}
            if h_0 is not None:
                feeds["initial_h"] = to_numpy(h_0)
            if lengths is not None:
                feeds["sequence_lens"] = lengths.to(torch.int32).numpy()
            output, h_n = evaluator(node)(feeds)
            return to_torch(output).transpose(1, 2).flatten(2), to_torch(h_n)

        return run_layer

    return run_layers(config, [layer_of(layer) for layer in range(config.num_layers)])
