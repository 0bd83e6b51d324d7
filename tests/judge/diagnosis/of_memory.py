"""Bug models of memory layout: arguments that are read as if their numbers lay side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from impls.contract import Array
from strategies import Case
from strategies.case import MEMORY
from tests.judge.diagnosis.model import Model
from tests.judge.diagnosis.wiring import Wiring

ARGUMENTS: dict[str, Callable[[str], bool]] = {
    "x's memory": lambda name: name == "x",
    "h_0's memory": lambda name: name == "h_0",
    "the weights' memory": lambda name: name.startswith("weight"),
    "the parameters' memory": lambda name: name.startswith(("weight", "bias")),
    "the memory of every argument": lambda name: not name.startswith("grad"),
}


def _as_packed(case: Case, name: str, array: Array, from_the_beginning: bool) -> Array:
    """What stands in the memory of an argument, as if its numbers lay side by side."""
    layouts: dict[str, Callable[[Array], Array]] = {"x": case.in_layout, "h_0": case.state_in_layout}
    laid_out = layouts.get(name, lambda array: array)(array)
    tensor = MEMORY[case.memory](torch.from_numpy(laid_out.copy()))
    held = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())  # type: ignore[call-overload]
    start = 0 if from_the_beginning else tensor.storage_offset()
    if held.numel() < start + tensor.numel():
        raise ValueError("reads beyond the end of its memory")
    packed: Array = held[start : start + tensor.numel()].reshape(tensor.shape).numpy()
    if name == "x":
        return packed[:, None] if case.unbatched else packed.swapaxes(0, 1) if case.config.batch_first else packed
    return packed[:, None] if name == "h_0" and case.unbatched else packed


def models(case: Case) -> Iterator[Model]:
    """All of them, for cases whose tensors do not lie side by side; none for others."""
    if case.memory == "contiguous":
        return
    for what, where in ARGUMENTS.items():
        for how, from_the_beginning in (
            (", from where it begins", False),
            (", from the beginning of its storage", True),
        ):
            yield Model.wired(
                f"{what} is read as if the numbers lay side by side{how}",
                Wiring(case=_reader(where, from_the_beginning)),
                family=what,
            )


def _reader(where: Callable[[str], bool], from_the_beginning: bool) -> Callable[[Case], Case]:
    return lambda case: case.with_arrays(
        **{
            name: _as_packed(case, name, array, from_the_beginning)
            for name, array in case.arrays.items()
            if where(name)
        }
    )
