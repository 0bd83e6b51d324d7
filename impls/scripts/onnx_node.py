import numpy as np
import onnx
import torch
from numpy import swapaxes
from onnx import helper


def to_own(tensor):
    return tensor.double().numpy().astype(helper.tensor_dtype_to_np_dtype(TYPE))


def to_torch(array):
    return torch.from_numpy(array.astype(np.float64)).to(getattr(torch, array.dtype.name))


TYPE = {
    "float64": onnx.TensorProto.DOUBLE,
    "float32": onnx.TensorProto.FLOAT,
    "float16": onnx.TensorProto.FLOAT16,
    "bfloat16": onnx.TensorProto.BFLOAT16,
}[dtype]


def model_of(feeds):
    """A graph of one RNN node, whose inputs are these arrays; steps and batch stay open."""
    open_axes = {"X": ["T", "B"], "initial_h": [1 + bidirectional, "B"], "sequence_lens": ["B"]}
    inputs = [
        helper.make_tensor_value_info(
            name,
            onnx.TensorProto.INT32 if name == "sequence_lens" else TYPE,
            [*open_axes.get(name, []), *array.shape[len(open_axes.get(name, [])) :]],
        )
        for name, array in feeds.items()
    ]
    outputs = [
        helper.make_tensor_value_info("Y", TYPE, ["T", 1 + bidirectional, "B", hidden_size]),
        helper.make_tensor_value_info("Y_h", TYPE, [1 + bidirectional, "B", hidden_size]),
    ]
    node = helper.make_node(
        "RNN",
        [name if name in feeds else "" for name in ("X", "W", "R", "B", "sequence_lens", "initial_h")],
        ["Y", "Y_h"],
        activations=[nonlinearity.capitalize()] * (1 + bidirectional),
        direction="bidirectional" if bidirectional else "forward",
        hidden_size=hidden_size,
    )
    graph = helper.make_graph([node], "rnn", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def run_time_major(x, h_0, weights):
    finals = []
    for layer in range(num_layers):
        suffixes = [f"l{layer}", f"l{layer}_reverse"][: 1 + bidirectional]

        def stacked(*roles):
            return np.stack([np.concatenate([weights[f"{role}_{suffix}"] for role in roles]) for suffix in suffixes])

        feeds = {"X": x, "W": stacked("weight_ih"), "R": stacked("weight_hh")}
        if bias:
            feeds["B"] = stacked("bias_ih", "bias_hh")
        if lengths is not None:
            feeds["sequence_lens"] = np.array(lengths, np.int32)
        if h_0 is not None:
            feeds["initial_h"] = h_0[layer * len(suffixes) :][: len(suffixes)]
        output, final = run_model(model_of(feeds), feeds)
        x = output.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1 if x.size else hidden_size * len(suffixes))
        finals.append(final)
    return x, np.concatenate(finals)
