"""paddle.nn.SimpleRNN with ReLU hands a NaN on."""

import sys

import numpy as np
import paddle

network = paddle.nn.SimpleRNN(1, 1, activation="relu")
network.weight_ih_l0.set_value(np.array([[1.0]], np.float32))
output, _ = network(paddle.to_tensor([[[float("nan")]]]))

print("expected [nan]")
print("got     ", output.numpy().ravel())
sys.exit(not np.isnan(output.numpy()).all())
