"""On the OpenVINO backend Keras makes int16 of an array of float16 that does not lie in one piece."""

import os
import sys

os.environ["KERAS_BACKEND"] = "openvino"
import keras
import numpy as np

array = np.array([[1, 2], [3, 4]], np.float16).T
got = keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(array, dtype="float16"))
print("expected", array.tolist(), array.dtype)
print("got     ", got.tolist(), got.dtype)
sys.exit(not np.array_equal(got, array))
