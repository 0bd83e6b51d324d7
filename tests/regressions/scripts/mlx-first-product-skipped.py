"""mlx.nn.RNN leaves out the product of Whh with a state of zeros, which is NaN where Whh is infinite."""

import math
import sys

import mlx.core as mx
from mlx import nn

mx.set_default_device(mx.cpu)
rnn = nn.RNN(1, 1)
rnn.Wxh, rnn.Whh, rnn.bias = mx.array([[1.0]]), mx.array([[math.inf]]), mx.array([0.0])
got = rnn(mx.array([[1.0]])).item()
print("expected nan, as tanh(1 * 1 + inf * 0)")
print("got     ", got)
sys.exit(not math.isnan(got))
