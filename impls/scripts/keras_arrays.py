import numpy as np
import torch


def to_own(tensor):
    return ops.convert_to_tensor(tensor.double().numpy(), dtype=dtype)


def to_torch(array):
    return torch.from_numpy(np.array(ops.convert_to_numpy(array), np.float64)).to(
        getattr(torch, keras.backend.standardize_dtype(array.dtype))
    )


def concatenate(arrays, axis):
    return ops.concatenate(arrays, axis)


def stack(arrays):
    return ops.stack(arrays)


def swapaxes(array, first, second):
    return ops.swapaxes(array, first, second)
