import numpy as np
import openvino


def to_openvino(array):
    array = np.ascontiguousarray(array)
    if array.dtype.name != "bfloat16":
        return openvino.Tensor(array)
    return openvino.Tensor(array.view(np.uint16), openvino.Shape(array.shape), openvino.Type.bf16)


def infer(model, arrays):
    """The results of a model on the CPU, computed in the dtype of its inputs."""
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    request.infer([to_openvino(array) for array in arrays], share_inputs=False)
    return [to_array(request.get_output_tensor(index)) for index in range(2)]


def to_array(tensor):
    if tensor.get_element_type() != openvino.Type.bf16:
        return tensor.data.copy()
    from ml_dtypes import bfloat16

    return tensor.data.view(bfloat16).copy()
