"""OpenVINO for its adapters: a model compiled for the CPU, as a function of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: As computed as its inputs say, on one thread.
_SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def compiled(model: Any) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
    """A model of two outputs that maps arrays, in the order of its inputs, to arrays of its own."""
    import openvino

    compiled_model = openvino.Core().compile_model(model, "CPU", _SETTINGS)

    def call(arrays: Sequence[Any]) -> tuple[Any, Any]:
        request = compiled_model.create_infer_request()
        request.infer([_to_openvino(array) for array in arrays])
        return _to_array(request.get_output_tensor(0)), _to_array(request.get_output_tensor(1))

    return call


def _to_openvino(array: Any) -> Any:
    import openvino

    dense = np.ascontiguousarray(array)
    if array.dtype.name != "bfloat16":
        return openvino.Tensor(dense)
    return openvino.Tensor(dense.view(np.uint16), openvino.Shape(array.shape), openvino.Type.bf16)


def _to_array(tensor: Any) -> Any:
    import openvino

    if tensor.get_element_type() != openvino.Type.bf16:
        return tensor.data.copy()
    from ml_dtypes import bfloat16

    return tensor.data.view(bfloat16).copy()
