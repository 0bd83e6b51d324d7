"""The RNN of ONNX's reference evaluator uses np.dot, for which zero times infinity may be 0."""

import sys

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1]}
node = helper.make_node("RNN", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
one = np.ones((1, 1, 1), np.float32)
x = np.array([[[0], [np.inf]]], np.float32)
y, _ = ReferenceEvaluator(model).run(None, {"X": x, "W": one * 0, "R": one})
print("expected", [0.0, np.nan], "as tanh(0 * 0) and tanh(inf * 0)")
print("got     ", y.ravel().tolist())
sys.exit(not np.isnan(y.ravel()[1]))
