"""MindSpore: an infinity beyond a sequence's end, which seq_length says not to read, makes NaN of a gradient."""

import sys

import mindspore
import numpy as np

rnn = mindspore.nn.RNN(1, 1, nonlinearity="relu", has_bias=False)
x = mindspore.Tensor(np.array([[[1]], [[np.inf]]], np.float32))
length = mindspore.Tensor(np.array([1]), mindspore.int64)
for parameter in rnn.get_parameters():
    parameter.set_data(mindspore.Tensor([[float(parameter.name == "weight_ih_l0")]], mindspore.float32))

_, vjp = mindspore.vjp(lambda x: rnn(x, None, length)[1], x, weights=[rnn.w_ih_list[0]])
_, (gradient,) = vjp(mindspore.ops.ones((1, 1, 1)))

expected, got = np.ones((1, 1), np.float32), gradient.asnumpy()
print("expected", expected)
print("got     ", got)
sys.exit(not np.array_equal(got, expected))
