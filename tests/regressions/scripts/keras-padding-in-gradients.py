"""A NaN in a step that the mask leaves out reaches the gradients of a SimpleRNN."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

x, mask = torch.tensor([[[0.0], [torch.nan]]]), torch.tensor([[True, False]])  # Of two steps the first counts.
layer = keras.layers.SimpleRNN(1)
last = layer(x, mask=mask)
print("expected numbers; the last state is", last.item())
last.sum().backward()
got = [variable.value.grad.ravel().tolist() for variable in layer.trainable_weights]
print("got     ", got)
sys.exit(any(number != number for numbers in got for number in numbers))
