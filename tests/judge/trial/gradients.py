"""Gradients: asking for them, running back, and comparing with the reference's."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch

from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial import by_name
from rnn_parity.tests.judge.trial.by_name import in_parts
from rnn_parity.tests.judge.trial.verdict import Disagreement, Margin, Result, judge_values, well_formed


class Asked(NamedTuple):
    """Tensors of a case, of which some ask for gradients."""

    weights: dict[str, torch.Tensor]
    x: torch.Tensor
    h_0: torch.Tensor | None
    #: The names of those; kept here, as an implementation may make others ask.
    wanted: frozenset[str] = frozenset()

    def arguments(self) -> dict[str, torch.Tensor]:
        """All of them by name."""
        return {"x": self.x, **({} if self.h_0 is None else {"h_0": self.h_0}), **self.weights}


def ask(case: Case, wanted: Collection[str] | None = None) -> Asked:
    """Fresh tensors of a case; those that are `wanted` (all, if none are named) ask for gradients."""
    asked = Asked(*case.tensors())
    arguments = asked.arguments()
    names = frozenset(arguments if wanted is None else wanted)
    for name, tensor in arguments.items():
        tensor.requires_grad_(name in names)
    return asked._replace(wanted=names)


def backward(case: Case, results: Sequence[Result], retain_graph: bool) -> list[str]:
    """Run back from the results of one or more calls on a case at once, with the cotangents that it names.

    Each call's result is handed the same tensors. A result that is connected to nothing sends nothing back: without h_0
    and with W_hh alone asking for a gradient, which is zero, a single step may leave its product out.

    Returns:
        The names of the cotangents that are not what they were.
    """
    cotangents = case.cotangents()
    before = {name: cotangent.clone() for name, cotangent in cotangents.items()}
    pairs = [
        (part, cotangents[f"grad_{name}"])
        for result in results
        for name, part in result._asdict().items()
        if f"grad_{name}" in cotangents and part.requires_grad
    ]
    with warnings.catch_warnings():
        # Torch warns of the strides of empty gradients, which no one is slowed down by.
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout contract")
        if pairs:
            parts, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(list(parts), list(gradients), retain_graph=retain_graph)
    return [name for name, cotangent in cotangents.items() if not torch.equal(cotangent, before[name])]


def collect(asked: Asked, leaves: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the gradient of each argument that asked for one; where none arrived, it is zero, as in torch.

    Raises:
        Disagreement: an argument has one that did not ask for it.
    """
    gradients: dict[str, torch.Tensor] = {}
    for name, tensor in asked.arguments().items():
        gradient = leaves.get(name, tensor).grad
        if name in asked.wanted:
            gradients[name] = torch.zeros_like(tensor) if gradient is None else gradient
        elif gradient is not None:
            raise Disagreement("gradient unasked", f"{name} did not ask for a gradient, and got one")
    return gradients


def judge(
    case: Case,
    gradients: Mapping[str, torch.Tensor],
    expected: Mapping[str, Ball],
    kind: str = "gradient",
    says: str = "gradient of",
) -> Margin:
    """Compare gradients, or what is of another `kind` and has their shapes, with the balls of the reference.

    Raises:
        Disagreement: where they differ.
    """
    margin = Margin()
    balls = by_name.gradients(case, says, {name: expected[name] for name in gradients})
    for name, gradient in gradients.items():
        for said, part in in_parts(case, f"{says} {name}", gradient).items():
            found = well_formed(case, said, part, balls[said].mid.shape)
            margin.add(judge_values(case, said, found, balls[said], kind))
    if case.config.activation.piecewise_linear:
        # Where a derivative may be 0 or 1, a gradient lies at an edge of its ball: that says nothing of its rounding.
        margin.worst = 0.0
    return margin
