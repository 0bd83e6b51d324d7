"""How tensors lie in memory: the same values, side by side, with gaps, turned, out of the middle, or expanded."""

from __future__ import annotations

from collections.abc import Callable

import torch


def _strided(tensor: torch.Tensor) -> torch.Tensor:
    """Lay it out as every second element of a larger tensor in each direction, NaN between them."""
    room = torch.full([2 * size for size in tensor.shape], torch.nan, dtype=tensor.dtype)
    view = room[tuple(slice(None, None, 2) for _ in tensor.shape)]
    return view.copy_(tensor)


def _transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Lay the axes out in the opposite order in memory, as after `.T` or `movedim`."""
    backwards = tuple(reversed(range(tensor.dim())))
    return tensor.permute(backwards).contiguous().permute(backwards)


def _offset(tensor: torch.Tensor) -> torch.Tensor:
    """Make a view that starts one element into its storage, so that it is not aligned."""
    room = torch.full((tensor.numel() + 1,), torch.nan, dtype=tensor.dtype)
    return room[1:].copy_(tensor.reshape(-1)).view(tensor.shape)


def _sliced(tensor: torch.Tensor) -> torch.Tensor:
    """Lay it out as the last part of a tensor larger by one in each direction, as `chunk` gives it; NaN around it."""
    room = torch.full([size + 1 for size in tensor.shape], torch.nan, dtype=tensor.dtype)
    view = room[tuple(slice(1, None) for _ in tensor.shape)]
    return view.copy_(tensor)


def _expanded(tensor: torch.Tensor) -> torch.Tensor:
    """Give stride 0 to every axis on which all elements are equal."""
    small = tensor
    for axis in range(tensor.dim()):
        first = small.narrow(axis, 0, min(1, small.shape[axis]))
        if small.shape[axis] and bool((small == first).all()):
            small = first
    return small.clone().expand(tensor.shape)


def _shared(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Make views of one storage: of one number, where all are that number, or else one behind the other."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    one = flat[:1].clone()
    if flat.numel() and bool((flat == one).all()):
        views = {tensor.shape: one.expand(tensor.shape) for tensor in tensors}
        return [views[tensor.shape] for tensor in tensors]
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


#: How a tensor may lie in memory, from the plainest on: name -> the same values, laid out so.
MEMORY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "contiguous": lambda tensor: tensor.contiguous(),
    "strided": _strided,
    "transposed": _transposed,
    "offset": _offset,
    "sliced": _sliced,
    "expanded": _expanded,
}


def _each(lay: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., list[torch.Tensor]]:
    return lambda *tensors: [lay(tensor) for tensor in tensors]


#: How the gradients that come in may: each like any tensor, or all in one storage. `loss.sum().backward()` expands one
#: number, and `(output.sum() + h_n.sum()).backward()` the same one twice; torch.cat sends slices back.
INCOMING: dict[str, Callable[..., list[torch.Tensor]]] = {
    **{name: _each(lay) for name, lay in MEMORY.items()},
    "shared": _shared,
}
