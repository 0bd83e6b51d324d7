"""ONNX Runtime's RNN leaves out the product of R with an initial state of zeros, which is NaN where R is infinite."""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1]}
node = helper.make_node("RNN", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
one = np.ones((1, 1, 1), np.float32)
y, _ = session.run(None, {"X": one, "W": one, "R": one * np.inf})
print("expected nan, as tanh(1 * 1 + inf * 0)")
print("got     ", y.item())
sys.exit(not np.isnan(y.item()))
