"""MXNet: its RNN with ReLU rounds float64 to float32; relu in src/operator/rnn_impl.h."""

import sys

import numpy as np

np.bool = bool
import mxnet

rnn = mxnet.gluon.rnn.RNN(1, activation="relu", input_size=1, dtype="float64")
rnn.initialize(mxnet.init.One())

expected = 0.3
got = rnn(mxnet.nd.array([[[0.3]]], dtype="float64")).asnumpy().item()
print("expected", expected)
print("got     ", got)
sys.exit(got != expected)
