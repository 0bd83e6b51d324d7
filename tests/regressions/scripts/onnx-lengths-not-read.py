"""The RNN of ONNX's reference evaluator runs every row to the end, whatever sequence_lens says."""

import sys

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1], "lengths": ["batch"]}
node = helper.make_node("RNN", ["X", "W", "R", "", "lengths"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [
    helper.make_tensor_value_info(name, TensorProto.INT32 if name == "lengths" else X, shape)
    for name, shape in inputs.items()
]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
one = np.ones((1, 1, 1), np.float32)
feeds = {"X": np.ones((2, 1, 1), np.float32), "W": one, "R": one, "lengths": np.array([1], np.int32)}
_, y_h = ReferenceEvaluator(model).run(None, feeds)
print("expected", np.tanh(np.float32(1)), "the state after the one step that counts")
print("got     ", y_h.item())
sys.exit(not np.isclose(y_h.item(), np.tanh(1)))
