import numpy as np
import torch


def to_own(tensor):
    array = tensor.float().numpy() if dtype == "bfloat16" else tensor.numpy()
    return ops.convert_to_tensor(array, dtype=dtype)


def to_torch(value):
    array = ops.convert_to_numpy(value)
    return torch.from_numpy(np.array(array, np.float64)).to(getattr(torch, array.dtype.name))


def concatenate(arrays, axis):
    return ops.concatenate(arrays, axis)


def stack(arrays):
    return ops.stack(arrays)


def swapaxes(array, first, second):
    return ops.swapaxes(array, first, second)
