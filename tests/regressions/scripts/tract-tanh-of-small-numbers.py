"""tract's tanh of float32 is 0 below 2^-118: what it is multiplied by makes a subnormal number, which is flushed."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tract
from onnx import TensorProto, helper

X, H = TensorProto.FLOAT, [1, "batch", 1]
inputs = {"X": ["steps", "batch", 1], "W": [1, 1, 1], "R": [1, 1, 1], "initial_h": H}
node = helper.make_node("RNN", ["X", "W", "R", "", "", "initial_h"], ["Y", "Y_h"], hidden_size=1, activations=["Tanh"])
infos = [helper.make_tensor_value_info(name, X, shape) for name, shape in inputs.items()]
outputs = [helper.make_tensor_value_info("Y", X, ["steps", 1, "batch", 1]), helper.make_tensor_value_info("Y_h", X, H)]
graph = helper.make_graph([node], "rnn", infos, outputs)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
with TemporaryDirectory() as folder:
    path = Path(folder, "rnn.onnx")
    path.write_bytes(model.SerializeToString())
    loaded = tract.onnx().load(path)
one = np.ones((1, 1, 1), np.float32)
small = np.full((1, 1, 1), 2.0**-120, np.float32)
y = loaded.into_model().into_runnable().run([one, small, one, one * 0])[0].to_numpy()
print("expected", small.item(), "to which its tanh rounds")
print("got     ", y.item())
sys.exit(y.item() != small.item())
