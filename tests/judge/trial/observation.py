"""What an implementation gives on a case, without a verdict: all that it returns, gradients too, or what it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from impls import Implementation
from impls.balls import Ball
from impls.contract import Array
from strategies import Case
from tests.judge.trial import gradients, second_derivatives, surroundings
from tests.judge.trial.trial import Network, Trial
from tests.judge.trial.verdict import Disagreement, Result


@dataclass(frozen=True)
class Observation:
    """One look at an implementation: results as they came, in its shapes and layouts."""

    case: Case
    #: `output`, `h_n`, `gradient of NAME` and `second derivative by NAME`: float64 arrays; empty where it raised.
    parts: Mapping[str, Array] = field(default_factory=dict)
    dtypes: Mapping[str, torch.dtype] = field(default_factory=dict)
    #: What it raised, in words; empty where it returned.
    error: str = ""


@surroundings.kept()
def observe(implementation: Implementation, case: Case, *, tracked: bool = False) -> Observation:
    """Call a new network on the case; where the case asks for gradients, differentiate it as well.

    Args:
        implementation: whose network.
        case: what it is called on.
        tracked: whether every argument asks for gradients, though the case may not.
    """
    trial = Trial(implementation)
    try:
        found = _differentiated(trial, case) if tracked or case.has_cotangents else tensors_of(trial.build(case), case)
    except Disagreement as disagreement:
        return Observation(case, error=disagreement.text)
    return observed(case, found)


@surroundings.kept()
def observe_calls(implementation: Implementation, calls: Sequence[Case]) -> Observation:
    """Call a new network on several cases one after the other, and return the results of the last call."""
    try:
        network = Trial(implementation).build(calls[-1])
        for case in calls[:-1]:
            network.call(case)
        found = tensors_of(network, calls[-1])
    except Disagreement as disagreement:
        return Observation(calls[-1], error=disagreement.text)
    return observed(calls[-1], found)


def tensors_of(network: Network, case: Case) -> dict[str, torch.Tensor]:
    """Return what a network returns on a case, by name."""
    return dict(zip(Result._fields, network.call(case), strict=True))


def observed(case: Case, found: Mapping[str, torch.Tensor]) -> Observation:
    """Tensors as an observation."""
    wide = {name: tensor.detach().cpu().to(torch.float64).resolve_neg() for name, tensor in found.items()}
    return Observation(
        case,
        {name: tensor.numpy() for name, tensor in wide.items()},
        {name: tensor.dtype for name, tensor in found.items()},
    )


def _differentiated(trial: Trial, case: Case) -> dict[str, torch.Tensor]:
    asked = gradients.ask(case)
    network = trial.build_from(case, asked.weights)
    result = network.call_on(case, asked.x, asked.h_0)
    parts = dict(zip(Result._fields, result, strict=True))
    if not case.has_cotangents:
        return parts
    if case.twice:
        given = case, asked, network.leaves(asked.weights), [result], True
        twice = trial._timed("differentiating twice", second_derivatives.differentiate, *given)
        second = {f"second derivative by {name}": tensor for name, tensor in twice.second.items()}
        return parts | {f"gradient of {name}": tensor for name, tensor in twice.first.items()} | second
    trial._timed("differentiating", gradients.backward, case, [result], False)
    found = gradients.collect(asked, network.leaves(asked.weights))
    return parts | {f"gradient of {name}": tensor for name, tensor in found.items()}


def expected_on(implementation: Implementation, case: Case) -> dict[str, Ball]:
    """Return what the reference demands on a case, under the same names and in the same layouts."""
    trial = Trial(implementation)
    output, h_n = trial.expected(case)
    balls = {"output": Ball(*map(case.in_layout, output)), "h_n": Ball(*map(case.state_in_layout, h_n))}
    if case.has_cotangents:
        for name, ball in trial.expected_gradients(case).items():
            balls[f"gradient of {name}"] = gradients.in_layout(case, name, ball)
    if case.twice and case.has_cotangents:
        for name, ball in trial.expected_second_derivatives(case).items():
            balls[f"second derivative by {name}"] = gradients.in_layout(case, name, ball)
    return balls
