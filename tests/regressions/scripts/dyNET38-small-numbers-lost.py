"""DyNet: importing it sets the processor to flush subnormal numbers to zero; its tanh loses normal numbers by that."""

import sys

import dynet
import numpy as np

collection = dynet.ParameterCollection()
rnn = dynet.SimpleRNNBuilder(1, 1, 1, collection)
for parameter, value in zip(rnn.get_parameters()[0], (np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1)), strict=True):
    parameter.set_value(value)

dynet.renew_cg()
x = dynet.vecInput(1)
x.set([2.0**-120])  # The smallest normal number is 2^-126.
expected, got = 2.0**-120, float(rnn.initial_state().add_input(x).output().npvalue()[0])
print("expected", expected)
print("got     ", got)
sys.exit(got != expected)
