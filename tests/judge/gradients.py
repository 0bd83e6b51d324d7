"""Gradients: asking for them, running back, and comparing with the reference's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from impls.balls import FORMATS, Ball
from impls.contract import Array
from strategies import Case
from tests.judge.verdict import Disagreement, Index, Margin, Result, judge_tensor


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


def backward(case: Case, results: Sequence[Result], retain_graph: bool) -> None:
    """Run back from the results of one or more calls on a case at once, with the cotangents that it names.

    A result that is connected to nothing sends nothing back: without h_0 and with W_hh alone asking for a gradient,
    which is zero, a single step may leave its product out.
    """
    pairs = [
        (part, torch.from_numpy(cotangent.copy()).to(case.config.dtype))
        for result in results
        for part, cotangent in _cotangents(case, result)
        if part.requires_grad
    ]
    with warnings.catch_warnings():
        # Torch warns of the strides of empty gradients, which no one is slowed down by.
        warnings.filterwarnings("ignore", "grad and param do not obey the gradient layout contract")
        if pairs:
            torch.autograd.backward(*map(list, zip(*pairs, strict=True)), retain_graph=retain_graph)


def _cotangents(case: Case, result: Result) -> Iterator[tuple[torch.Tensor, Array]]:
    if case.grad_output is not None:
        yield result.output, case.in_layout(case.grad_output)
    if case.grad_h_n is not None:
        yield result.h_n, case.state_in_layout(case.grad_h_n)


def found(asked: Asked, leaves: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The gradient of each argument that asked for one; where none arrived, it is zero, as in torch.

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


def judge(case: Case, gradients: Mapping[str, torch.Tensor], expected: Mapping[str, Ball], times: int = 1) -> Margin:
    """Compare gradients with the balls of the reference, or with so many `times` of them added up.

    Raises:
        Disagreement: where they differ.
    """
    margin = Margin()
    for name, gradient in gradients.items():
        ball = several(expected[name], times, case.config.dtype)
        if name in _LAYOUTS:
            ball = Ball(*(_LAYOUTS[name](case, part) for part in ball))
        margin.add(judge_tensor(case, f"gradient of {name}", gradient, ball, "gradient", _place))
    return margin


def several(ball: Ball, times: int, dtype: torch.dtype) -> Ball:
    """A ball added to itself: each sum is rounded once more, and twice a number is exact."""
    if times == 1:
        return ball
    mid, rad = times * ball.mid, times * ball.rad
    rounded = (times - 1) * 2 * FORMATS[dtype].unit_roundoff * (np.abs(mid) + rad)
    free = ~(np.abs(mid) + rad + rounded <= FORMATS[dtype].largest)
    rad = np.where(ball.rad == 0, 0.0, rad + rounded)
    return Ball(mid, np.where(free, np.inf, rad))


_LAYOUTS: dict[str, Callable[[Case, Array], Array]] = {"x": Case.in_layout, "h_0": Case.state_in_layout}


def _place(_case: Case, _name: str, index: Index) -> str:
    return str(list(index))
