"""On the OpenVINO backend Keras refuses an array of bfloat16 that holds an infinity."""

import os
import sys

os.environ["KERAS_BACKEND"] = "openvino"
import keras
import ml_dtypes
import numpy as np

print("expected inf")
try:
    got = keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(np.array([np.inf], ml_dtypes.bfloat16)))
except RuntimeError as error:
    print("got     ", error)
    sys.exit(1)
print("got     ", got)
sys.exit(not np.isinf(got.astype(float)).all())
