"""OpenVINO's RNNSequence, given no steps, loses the batch as well."""

import sys

import numpy as np
import openvino
from onnx import TensorProto, helper

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1], "initial_h": H}
node = helper.make_node("RNN", ["X", "W", "R", "", "", "initial_h"], ["Y", "Y_h"], hidden_size=1, activations=["Relu"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", SETTINGS)
one = np.ones((1, 1, 1), np.float32)
y_h = compiled([np.zeros((0, 1, 1), np.float32), one, one, one])[1]
print("expected shape (1, 1, 1), the initial state's, or a refusal")
print("got     ", y_h.shape)
sys.exit(y_h.shape != (1, 1, 1))
