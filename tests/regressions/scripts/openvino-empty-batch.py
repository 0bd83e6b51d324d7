"""OpenVINO's RNNSequence ends the process with SIGFPE for an empty batch."""

import sys

import numpy as np
import openvino
from onnx import TensorProto, helper

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1]}
node = helper.make_node("RNN", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", SETTINGS)
one = np.ones((1, 1, 1), np.float32)
print("expected shape (1, 1, 0, 1)")
print("got      SIGFPE, unless a shape follows", flush=True)
y = compiled([np.zeros((1, 0, 1), np.float32), one, one])[0]
print(y.shape)
sys.exit(y.shape != (1, 1, 0, 1))
