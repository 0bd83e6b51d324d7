"""Bug models of memory layout: arguments that are read as if their numbers lay side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from impls.contract import Array
from strategies import MEMORY, Case
from tests.judge.diagnosis.model import Model
from tests.judge.diagnosis.wiring import Wiring

ARGUMENTS: dict[str, Callable[[str], bool]] = {
    "x's memory": lambda name: name == "x",
    "h_0's memory": lambda name: name == "h_0",
    "the weights' memory": lambda name: name.startswith("weight"),
    "the parameters' memory": lambda name: name.startswith(("weight", "bias")),
    "the memory of every argument": lambda name: not name.startswith("grad"),
}


def _packed(tensor: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    if held.numel() < tensor.numel():
        raise ValueError("reads beyond the end of its memory")
    return held[: tensor.numel()].reshape(tensor.shape)


#: Where and how it is read: from a tensor and the numbers that its storage holds.
READ: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "as if the numbers lay side by side, from where it begins": lambda tensor, held: _packed(
        tensor, held[tensor.storage_offset() :]
    ),
    "as if the numbers lay side by side, from the beginning of its storage": _packed,
    "from the beginning of its storage, though it begins later": lambda tensor, held: held.as_strided(
        tensor.shape, tensor.stride(), 0
    ),
}


def _read(case: Case, name: str, array: Array, how: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Array:
    """Return the array that is read in the place of an argument."""
    layouts: dict[str, Callable[[Array], Array]] = {"x": case.in_layout, "h_0": case.state_in_layout}
    laid_out = layouts.get(name, np.asarray)(array)
    tensor = MEMORY[case.memory](torch.from_numpy(laid_out.copy()))
    held = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
    found: Array = how(tensor, held).numpy()
    if name == "x":
        return found[:, None] if case.unbatched else found.swapaxes(0, 1) if case.config.batch_first else found
    return found[:, None] if name == "h_0" and case.unbatched else found


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases whose tensors do not lie side by side; none for others."""
    if case.memory == "contiguous":
        return
    for what, where in ARGUMENTS.items():
        for words, how in READ.items():
            yield Model.wired(f"{what} is read {words}", Wiring(case=_reader(where, how)))


def _reader(
    where: Callable[[str], bool], how: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Callable[[Case], Case]:
    return lambda case: case.with_arrays(
        **{name: _read(case, name, array, how) for name, array in case.arrays.items() if where(name)}
    )
