"""MXNet: on the CPU use_sequence_length is refused for float64, and taken and ignored for float32."""

import sys

import numpy as np

np.bool = bool
import mxnet

rnn = mxnet.gluon.rnn.RNN(1, activation="relu", input_size=1, use_sequence_length=True)
rnn.initialize(mxnet.init.One())
length = mxnet.nd.array([1], dtype="int32")

# After one step of two; to refuse would do as well.
expected = 1
_, (h_n,) = rnn(mxnet.nd.ones((2, 1, 1)), rnn.begin_state(1), length)
print("expected", expected)
print("got     ", h_n.asnumpy().item())
sys.exit(h_n.asnumpy().item() != expected)
