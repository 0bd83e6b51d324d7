"""Tensors as NumPy arrays and back, bfloat16 included, which NumPy knows through ml_dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def to_numpy(tensor: torch.Tensor) -> Any:
    """Return an array of the same dtype, which may share the tensor's memory."""
    if tensor.dtype != torch.bfloat16:
        return tensor.detach().numpy()
    from ml_dtypes import bfloat16

    return tensor.detach().view(torch.int16).numpy().view(bfloat16)


def to_torch(array: Any) -> torch.Tensor:
    """Return a tensor of the same dtype, which shares the array's memory where that may be written."""
    if not array.flags.writeable:
        array = array.copy()
    if array.dtype.name != "bfloat16":
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
