"""MindSpore: its RNN with ReLU makes 0 of a NaN; https://github.com/mindspore-ai/mindspore/issues/380."""

import sys

import mindspore
import numpy as np

rnn = mindspore.nn.RNN(1, 1, nonlinearity="relu")
x = np.full((1, 1, 1), np.nan, np.float32)

expected = np.full((1, 1, 1), np.nan, np.float32)
got = rnn(mindspore.Tensor(x))[0].asnumpy()
print("expected", expected)
print("got     ", got)
sys.exit(not np.array_equal(got, expected, equal_nan=True))
