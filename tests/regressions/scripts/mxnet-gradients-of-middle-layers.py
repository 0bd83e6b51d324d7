"""MXNet: gradients of the input weights of layers between the first and the last are wrong in float64.

https://github.com/apache/mxnet/pull/18203 mended the same for GRU.
"""

import sys

import numpy as np

np.bool = bool
import mxnet


def gradient(dtype: str) -> np.ndarray:
    rnn = mxnet.gluon.rnn.RNN(1, 3, activation="relu", input_size=1, dtype=dtype)
    rnn.initialize(mxnet.init.One())
    with mxnet.autograd.record():
        output = rnn(mxnet.nd.array([[[1]], [[2]]], dtype=dtype))
    output.backward()
    return rnn.l1_i2h_weight.grad().asnumpy()


# All other weights are 1 and biases 0: layer 0 gives 1 and 3, layer 1 gives w and 4 w, layer 2 w and 5 w, and their sum
# is 6 w.
expected, got = [[6]], gradient("float64")
print("expected", expected, "as float32 has it:", gradient("float32"))
print("got     ", got)
sys.exit(not np.array_equal(got, expected))
