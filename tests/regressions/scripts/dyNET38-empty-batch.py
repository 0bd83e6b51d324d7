"""DyNet: an empty batch raises TypeError."""

import sys

import dynet
import numpy as np

expected = ((2,), 0)
try:
    got = dynet.inputTensor(np.zeros((2, 0)), batched=True).dim()
except TypeError as error:
    got = error
print("expected", expected)
print("got     ", repr(got))
sys.exit(got != expected)
