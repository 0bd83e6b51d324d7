"""MindSpore: tanh of float32 on the CPU departs from tanh; https://github.com/mindspore-ai/mindspore/issues/348."""

import sys

import mindspore
import numpy as np

x = np.array([3, 4, 5], np.float32)
rnn = mindspore.nn.RNN(1, 1, has_bias=False)
for parameter in rnn.get_parameters():
    parameter.set_data(mindspore.Tensor([[float(parameter.name == "weight_ih_l0")]], mindspore.float32))

# The documentation of mindspore.ops.Tanh shows these for 3, 4 and 5.
expected = np.array([0.9950547, 0.9993293, 0.9999092], np.float32)
got = rnn(mindspore.Tensor(x.reshape(1, 3, 1)))[0].asnumpy().reshape(3)
print("expected", expected)
print("got     ", got)
sys.exit(not np.allclose(got, expected, rtol=2e-7, atol=0))
