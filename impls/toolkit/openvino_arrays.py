"""OpenVINO for its adapters: a model compiled for the CPU, as a function of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, KnownDefect
from rnn_parity.toolkit.defects import has_nan_under_relu

#: As computed as its inputs say, on one thread.
_SETTINGS = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


#: Floating point numbers are computed in float32.
ABLE = Capabilities(dtypes=(torch.float32, torch.float16, torch.bfloat16), gradients=False)
DEFECTS = (
    KnownDefect(
        name="float64-is-float32",
        predicate=lambda case: case.config.dtype == torch.float64,
        reason="a model of float64 is taken, gives float64, and is computed in float32",
        link="src/plugins/intel_cpu/src/transformations/transformation_pipeline.cpp of "
        "https://github.com/openvinotoolkit/openvino (f64 is among the precisions converted to f32; not refused)",
        case="agreement-272b1bf82b4b.json",
    ),
    KnownDefect(
        name="relu-swallows-nan",
        predicate=has_nan_under_relu,
        reason="its ReLU makes 0 of a NaN",
        link="src/plugins/intel_cpu/src/nodes/rnn.cpp of https://github.com/openvinotoolkit/openvino "
        "(not reported as of 2026.4.1)",
        case="agreement-a713b8835395.json",
    ),
)


def compiled(model: Any) -> Callable[[Sequence[Any]], tuple[Any, Any]]:
    """Compile a model of two outputs to a function from arrays, in the order of its inputs, to arrays of its own."""
    import openvino

    compiled_model = openvino.Core().compile_model(model, "CPU", _SETTINGS)

    def call(arrays: Sequence[Any]) -> tuple[Any, Any]:
        request = compiled_model.create_infer_request()
        request.infer([_to_openvino(array) for array in arrays], share_inputs=False)
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
