"""What an implementation gives on a case, without a verdict: all that it returns, gradients too, or what it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from rnn_parity import Implementation
from rnn_parity.contract import Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial import gradients, second_derivatives, surroundings
from rnn_parity.tests.judge.trial.by_name import gradients as by_names
from rnn_parity.tests.judge.trial.by_name import in_parts, outputs
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, by_name


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
    return by_name(case, network.call(case))


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
    parts = by_name(case, result)
    if not case.has_cotangents:
        return parts
    if case.twice:
        given = case, asked, network.leaves(asked.weights), [result], True
        twice = trial._timed("differentiating twice", second_derivatives.differentiate, *given)
        return parts | _named(case, "gradient of", twice.first) | _named(case, "second derivative by", twice.second)
    trial._timed("differentiating", gradients.backward, case, [result], False)
    return parts | _named(case, "gradient of", gradients.collect(asked, network.leaves(asked.weights)))


def _named(case: Case, says: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    parts = (in_parts(case, f"{says} {name}", tensor) for name, tensor in tensors.items())
    return {name: part for found in parts for name, part in found.items()}


def expected_on(implementation: Implementation, case: Case) -> dict[str, Ball]:
    """Return what the reference demands on a case, under the same names and in the same layouts."""
    trial = Trial(implementation)
    balls = outputs(case, *trial.expected(case))
    if case.has_cotangents:
        balls |= by_names(case, "gradient of", trial.expected_gradients(case))
    if case.twice and case.has_cotangents:
        balls |= by_names(case, "second derivative by", trial.expected_second_derivatives(case))
    return balls
