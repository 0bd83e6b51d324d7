"""OpenVINO makes the largest finite number of an infinite weight of bfloat16."""

import math
import sys

import numpy as np
import openvino
import torch

rnn = torch.nn.RNN(1, 1, nonlinearity="relu", bias=False, dtype=torch.bfloat16).eval()
with torch.no_grad():
    rnn.weight_ih_l0.fill_(math.inf)
    rnn.weight_hh_l0.zero_()
x = torch.full((1, 1, 1), 0.5, dtype=torch.bfloat16)
model = openvino.convert_model(rnn, example_input=x)
SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
compiled = openvino.Core().compile_model(model, "CPU", SETTINGS)
given = openvino.Tensor(np.array([[[0x3F00]]], np.uint16), openvino.Shape([1, 1, 1]), openvino.Type.bf16)  # 0.5
request = compiled.create_infer_request()
request.infer([given])
bits = np.frombuffer(request.get_output_tensor(0).data.tobytes(), np.uint16).astype(np.uint32) << 16
y = bits.view(np.float32)[0]
print("expected inf")
print("got     ", y)
sys.exit(not math.isinf(y))
