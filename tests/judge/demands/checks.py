"""Demands beside agreement: the same bits, unchanged arguments, memory of one's own, calls at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from strategies import Case
from tests.judge.trial.faults import BY_CHANCE
from tests.judge.trial.trial import Network
from tests.judge.trial.verdict import Disagreement

#: What tensors are, by name: shape, strides, where they start, whether they ask for gradients; and their memory.
Snapshot = dict[str, tuple[tuple[object, ...], bytes]]


def same_bits(what: str, one: torch.Tensor, two: torch.Tensor) -> None:
    """Demand that two tensors are equal bit for bit, NaN being equal to NaN, and 0 to -0."""
    if one.shape != two.shape or one.dtype != two.dtype:
        raise Disagreement("bits", f"{what} differ: {tuple(one.shape)} {one.dtype} and {tuple(two.shape)} {two.dtype}")
    different = ~((one == two) | (one.isnan() & two.isnan()))
    if different.any():
        index = tuple(different.nonzero()[0].tolist())
        first, second = one[index].item(), two[index].item()
        raise Disagreement(
            "bits", f"{what} differ at {list(index)}: {first!r} and {second!r}", expected=first, got=second, allowed=0.0
        )


def _bytes(tensor: torch.Tensor) -> bytes:
    """All that a tensor's storage holds, gaps between its elements included."""
    storage = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    held: bytes = storage.cpu().numpy().tobytes()
    return held


def _form(tensor: torch.Tensor) -> tuple[object, ...]:
    return tuple(tensor.shape), tensor.stride(), tensor.storage_offset(), tensor.dtype, tensor.requires_grad


def snapshot(tensors: Mapping[str, torch.Tensor]) -> Snapshot:
    """Return the form of each tensor, and what is in its memory."""
    return {name: (_form(tensor), _bytes(tensor)) for name, tensor in tensors.items()}


def unchanged(what: str, before: Snapshot, tensors: Mapping[str, torch.Tensor]) -> None:
    """Demand that the tensors, and their memory, are as they were."""
    changed = [name for name, tensor in tensors.items() if (_form(tensor), _bytes(tensor)) != before[name]]
    if changed:
        raise Disagreement("changed", f"{what} changed its argument {', '.join(changed)}")


def same_mapping(what: str, mapping: Mapping[str, torch.Tensor], before: Mapping[str, torch.Tensor]) -> None:
    """Demand that a mapping holds the very tensors that it held."""
    changed = [name for name, tensor in mapping.items() if tensor is not before.get(name)]
    changed += [name for name in before if name.startswith(("weight", "bias")) and name not in mapping]
    if changed:
        raise Disagreement("changed", f"{what} changed what the mapping `weights` holds under {', '.join(changed)}")


def share_nothing(results: Mapping[str, torch.Tensor], arguments: Mapping[str, torch.Tensor]) -> None:
    """Demand that no result lies in the memory of an argument or of another result."""
    seen: dict[str, range] = {}
    for name, tensor in {**arguments, **results}.items():
        storage = tensor.untyped_storage()
        held = range(storage.data_ptr(), storage.data_ptr() + storage.nbytes())
        if name in results:
            for other, place in seen.items():
                if max(held.start, place.start) < min(held.stop, place.stop):
                    raise Disagreement("shared", f"{name} shares its memory with {other}")
        seen[name] = held


def at_once(network: Network, cases: Sequence[Case], rounds: int = 3) -> None:
    """Call a network on several cases from a thread each, all at the same time, and judge every result."""
    found: dict[Case, list[Disagreement]] = {case: [] for case in cases}
    together = threading.Barrier(2 * len(cases))

    def work(case: Case) -> None:
        together.wait()
        try:
            for _ in range(rounds):
                network.agrees(case)
        except Disagreement as disagreement:
            found[case].append(disagreement)

    with _eager_switching():
        threads = [threading.Thread(target=work, args=(case,)) for case in [*cases, *cases]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # Numbers of the case that will be shown come first.
    for case, disagreements in found.items():
        if disagreements:
            first = min(disagreements, key=lambda disagreement: disagreement.text)
            which = "" if case is cases[0] else ", in a call on another input than the one shown"
            said = f"with calls from {len(threads)} threads at once{which}, {first.text}"
            raise Disagreement(f"{BY_CHANCE}{first.kind}", said, **first.details)


@contextmanager
def _eager_switching() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
