"""Second derivatives: asking for gradients of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import torch

from rnn_parity.contract import Array
from rnn_parity.contract.case import OPTIONAL
from rnn_parity.reference.second import direction
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.by_name import laid_out
from rnn_parity.tests.judge.trial.gradients import Asked
from rnn_parity.tests.judge.trial.verdict import Result

Tensors: TypeAlias = dict[str, torch.Tensor]
Pairs: TypeAlias = Sequence[tuple[torch.Tensor, torch.Tensor]]
_COTANGENTS = OPTIONAL[1:]
#: What is said where the second time fails.
ADVICE = "what cannot be differentiated twice refuses with an error and says Capabilities(second_derivatives=False)"


class Twice(NamedTuple):
    """Gradients by name, and the gradients of their sum along the direction, by the cotangents that asked as well."""

    first: Tensors
    second: Tensors


def differentiate(
    case: Case, asked: Asked, leaves: Mapping[str, torch.Tensor], results: Sequence[Result], asking: bool
) -> Twice:
    """Differentiate the results of one or more calls on a case twice; what is connected to nothing has zeros.

    Args:
        case: what the calls were made on.
        asked: its tensors.
        leaves: the tensors that gradients of parameters go to.
        results: those of the calls.
        asking: whether the cotangents ask for gradients, too; the calls share them.

    Raises:
        RuntimeError: no gradient is connected to anything, though x asks for one; or what torch raises.
    """
    arguments = {name: leaves.get(name, tensor) for name, tensor in asked.arguments().items()}
    directed = towards(case, asked.x)
    # Two that are one and the same number are asked for a gradient each.
    cotangents = {name: given.detach().requires_grad_(asking) for name, given in case.cotangents().items()}
    pairs = [
        (part, cotangents[name])
        for result in results
        for name, part in zip(_COTANGENTS, result, strict=True)
        if name in cotangents and part.requires_grad
    ]
    first = _gradients(pairs, arguments)
    connected = [(gradient, directed[name]) for name, gradient in first.items() if gradient.requires_grad]
    if not connected:
        raise RuntimeError(f"no gradient that create_graph=True gives is connected to anything: {ADVICE}")
    return Twice(first, _accumulated(connected, arguments | (cotangents if asking else {})))


def towards(case: Case, like: torch.Tensor) -> Tensors:
    """Return the direction in which gradients are added up, by argument, in the case's layout, on a tensor's device."""
    own = {name: array for name, array in case.arrays.items() if name not in _COTANGENTS}
    return {name: _tensor(case, name, array, like) for name, array in direction(own).items()}


def _tensor(case: Case, name: str, array: Array, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(laid_out(case, name, array).copy()).to(like.device, case.config.dtype)


def _gradients(pairs: Pairs, inputs: Mapping[str, torch.Tensor]) -> Tensors:
    """Gradients that are connected in turn."""
    found: Sequence[torch.Tensor | None] = [None] * len(inputs)
    if pairs:
        results, cotangents = zip(*pairs, strict=True)
        found = torch.autograd.grad(results, list(inputs.values()), cotangents, create_graph=True, allow_unused=True)
    return {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(inputs.items(), found, strict=True)
    }


def _accumulated(pairs: Pairs, inputs: Mapping[str, torch.Tensor]) -> Tensors:
    """Gradients as `backward` leaves them, which runs into what refuses; `grad` with its inputs named goes round it."""
    with warnings.catch_warnings():
        # As in `rnn_parity.tests.judge.trial.gradients.backward`.
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout contract")
        parts, gradients = zip(*pairs, strict=True)
        torch.autograd.backward(list(parts), list(gradients), retain_graph=True)
    found = {name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for name, tensor in inputs.items()}
    for tensor in inputs.values():
        tensor.grad = None
    return found
