"""ONNX Runtime's RNN, given no steps, makes zeros of the initial state."""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1], "initial_h": H}
node = helper.make_node("RNN", ["X", "W", "R", "", "", "initial_h"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
one = np.ones((1, 1, 1), np.float32)
_, y_h = session.run(None, {"X": np.zeros((0, 1, 1), np.float32), "W": one, "R": one, "initial_h": one})
print("expected 1.0, the initial state, or a refusal")
print("got     ", y_h.item())
sys.exit(y_h.item() != 1)
