"""DyNet: without an initial state the product of the recurrent matrix with zeros is left out."""

import sys

import dynet
import numpy as np

collection = dynet.ParameterCollection()
rnn = dynet.SimpleRNNBuilder(1, 1, 1, collection)
w_x, w_h, b = rnn.get_parameters()[0]
w_x.set_value(np.zeros((1, 1)))
w_h.set_value(np.full((1, 1), np.inf))
b.set_value(np.zeros(1))

dynet.renew_cg()
x, h_0 = dynet.vecInput(1), dynet.vecInput(1)
x.set([0])
h_0.set([0])
expected = rnn.initial_state([h_0]).add_input(x).output().npvalue()
got = rnn.initial_state().add_input(x).output().npvalue()
print("expected", expected)
print("got     ", got)
sys.exit(not np.array_equal(got, expected, equal_nan=True))
