"""LiteRT makes the largest float32 of an infinity under ReLU, in a product of two inputs."""

import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


@tf.function(input_signature=[tf.TensorSpec([1, 1])] * 2)
def activated(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tf.matmul(x, w))


converted = tf.lite.TFLiteConverter.from_concrete_functions([activated.get_concrete_function()]).convert()
interpreter = Interpreter(model_content=converted)
interpreter.allocate_tensors()
for entry, value in zip(interpreter.get_input_details(), (np.inf, 1), strict=True):
    interpreter.set_tensor(entry["index"], np.array([[value]], np.float32))
interpreter.invoke()
got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).item()
print("expected inf")
print("got     ", got)
sys.exit(not np.isinf(got))
