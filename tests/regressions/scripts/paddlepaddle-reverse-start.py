"""paddle.nn.SimpleRNN: the gradient of the reverse W_hh of a row that is shorter than the batch."""

import sys

import numpy as np
import paddle


def gradient(x, lengths):
    """Of the sum of all outputs by weight_hh_l0_reverse."""
    network = paddle.nn.SimpleRNN(1, 1, direction="bidirect", activation="relu")
    for parameter in network.parameters():
        parameter.set_value(np.ones(parameter.shape, np.float32))
    output, _ = network(paddle.to_tensor(x), paddle.full([2, 1, 1], 3.0), lengths)
    output.sum().backward()
    return network.weight_hh_l0_reverse.grad.item()


expected = gradient([[[1.0]]], None)
got = gradient([[[1.0], [0.0]]], paddle.to_tensor([1]))
print("expected", expected, "as without the step of padding")
print("got     ", got)
sys.exit(expected != got)
