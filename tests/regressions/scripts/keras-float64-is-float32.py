"""A SimpleRNN of dtype float64 multiplies in float32, on every backend but TensorFlow's."""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

layer = keras.layers.SimpleRNN(1, activation="relu", kernel_initializer="ones", dtype="float64")
got = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor([[[0.1]]], dtype="float64"))).item()
print("expected 0.1")
print("got     ", got)
sys.exit(got != 0.1)
