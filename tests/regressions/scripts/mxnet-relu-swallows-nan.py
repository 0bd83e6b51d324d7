"""MXNet: its RNN with ReLU makes 0 of a NaN; https://github.com/apache/mxnet/issues/11115 mended it elsewhere."""

import sys

import numpy as np

np.bool = bool
import mxnet

rnn = mxnet.gluon.rnn.RNN(1, activation="relu", input_size=1)
rnn.initialize(mxnet.init.One())

expected = np.nan
got = rnn(mxnet.nd.array([[[np.nan]]])).asnumpy().item()
print("expected", expected)
print("got     ", got)
sys.exit(not np.isnan(got))
