"""mindspore.nn.RNN on its CPU device: a whole network with layers, directions, layouts and lengths of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.defects import has_nan_under_relu, has_padding_in_gradients, states_of
from rnn_parity.toolkit.layers import Optional, differentiable


@cache
def _mindspore() -> Any:
    import mindspore

    # By way of the threads to which it hands each operation otherwise, an answer takes four times as long.
    mindspore.runtime.launch_blocking()
    return mindspore


def _has_state_of_inexact_tanh(case: Case) -> bool:
    if case.config.nonlinearity != "tanh" or case.config.dtype != torch.float32:
        return False
    size = abs(states_of(case))
    return bool(((np.tanh(2) < size) & (size < 1 - 2**-25)).any())


def _has_nothing_to_differentiate_or_reverse(case: Case) -> bool:
    rows, steps = case.batch_size > 0, case.misuse != "x-no-steps"
    return (case.has_cotangents and not rows) or (case.config.bidirectional and not (rows and steps))


def _network(config: Config, weights: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return the network and its parameters, in nn.RNN's order and under its names."""
    mindspore = _mindspore()
    network = mindspore.nn.RNN(
        config.input_size,
        config.hidden_size,
        config.num_layers,
        nonlinearity=config.nonlinearity,
        has_bias=config.bias,
        batch_first=config.batch_first,
        bidirectional=config.bidirectional,
        dtype=getattr(mindspore, str(config.dtype).removeprefix("torch.")),
    ).set_train(False)
    parameters = {parameter.name: parameter for parameter in network.get_parameters()}
    for name, weight in weights.items():
        parameters[name].set_data(weight)
    return network, [parameters[name] for name in weights]


@register(
    "mindspore",
    # Its inputs are documented as float32 or float16, of three axes. Two threads at once end the process, in the
    # blocking mode that it documents as one for debugging.
    capabilities=Capabilities(
        dtypes=(torch.float32, torch.float16),
        unbatched=False,
        second_derivatives=False,
        threads=False,
        lengths=("padded",),
    ),
    library="mindspore",
    group="mindspore",
    script=template("mindspore_rnn"),
    cases=16,
    rounding=Rounding(
        tanh_ulps=4,
        reason="Tanh of float32 is a ratio of polynomials, evaluated in float32: "
        "TanhOpt in nnacl/fp32/activation_fp32.c of https://github.com/mindspore-ai/mindspore",
    ),
    known_defects=(
        KnownDefect(
            name="tanh-of-large-numbers",
            predicate=_has_state_of_inexact_tanh,
            reason="Tanh of float32 departs from tanh beyond 2, by up to 1e-4 at 5, where it exceeds 1; "
            "its documentation shows the right values",
            link="https://github.com/mindspore-ai/mindspore/issues/348",
            case="agreement-7ca81b5ab701.json",
        ),
        KnownDefect(
            name="relu-swallows-nan",
            predicate=has_nan_under_relu,
            reason="ReLU makes 0 of a NaN",
            link="https://github.com/mindspore-ai/mindspore/issues/380",
            case="agreement-a713b8835395.json",
        ),
        KnownDefect(
            name="padding-in-gradients",
            predicate=has_padding_in_gradients,
            reason="a NaN or an infinity beyond a sequence's end is multiplied by a gradient of 0, which makes NaN",
            link="_DynamicRNNBase in mindspore/python/mindspore/nn/layer/rnns.py of "
            "https://github.com/mindspore-ai/mindspore (not reported as of 2.10.0)",
            case="length_gradients-5c2c09bba248.json",
        ),
        KnownDefect(
            name="empty-batch",
            predicate=_has_nothing_to_differentiate_or_reverse,
            reason="an empty batch is run, but to differentiate it is a memcpy error in Unstack, and after ten calls "
            "of bidirectional networks, it or a sequence of no steps may end the process: ReverseV2 divides by zero",
            link="mindspore/ops/kernel/cpu/native of https://github.com/mindspore-ai/mindspore"
            " (not reported as of 2.10.0)",
            case="gradients-53ec019351f0.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one mindspore.nn.RNN."""
    mindspore = _mindspore()

    def own(tensor: Optional) -> Any:
        return None if tensor is None else mindspore.Tensor(to_numpy(tensor.contiguous()))

    def ours(tensors: Sequence[Any]) -> list[torch.Tensor]:
        return [to_torch(tensor.asnumpy()) for tensor in tensors]

    def forward(*given: Optional) -> tuple[torch.Tensor, ...]:
        return tuple(ours(network(*map(own, given[:3]))))

    def vjp(of_output: torch.Tensor, of_h_n: torch.Tensor, *given: Optional) -> list[Optional]:
        x, h_0, lengths = map(own, given[:3])

        def results(x: Any, *h_0: Any) -> Any:
            return network(x, *(h_0 or [None]), lengths)

        state = [] if h_0 is None else [h_0]
        _, back = mindspore.vjp(results, x, *state, weights=parameters)
        of_inputs, of_parameters = back(own(of_output), own(of_h_n))
        return [*ours(of_inputs), *[None] * (3 - len(of_inputs)), *ours(of_parameters)]

    network, parameters = _network(config, {name: own(weight) for name, weight in weights.items()})
    results = differentiable(forward, vjp)

    def run(x: torch.Tensor, h_0: Optional = None, lengths: Optional = None) -> Any:
        check_arguments(config, x, h_0, lengths)
        return results(x, h_0, lengths, *weights.values())

    return run
