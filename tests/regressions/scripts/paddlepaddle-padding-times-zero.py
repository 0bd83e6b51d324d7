"""paddle.nn.SimpleRNN leaves out what stands beyond a sequence's end."""

import sys

import numpy as np
import paddle

network = paddle.nn.SimpleRNN(1, 1)
for name, value in {"weight_ih_l0": [[1.0]], "weight_hh_l0": [[1.0]], "bias_ih_l0": [0.0], "bias_hh_l0": [0.0]}.items():
    getattr(network, name).set_value(np.array(value, np.float32))

x = paddle.to_tensor([[[0.5], [float("nan")]]], stop_gradient=False)
_, h_n = network(x, None, paddle.to_tensor([1]))
h_n.sum().backward()

expected = [np.tanh(0.5), 0.5 * (1 - np.tanh(0.5) ** 2)]
got = [h_n.item(), network.weight_ih_l0.grad.item()]
print("expected", expected)
print("got     ", got)
sys.exit(not np.allclose(expected, got))
