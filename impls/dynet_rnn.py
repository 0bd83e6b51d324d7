"""dynet.SimpleRNNBuilder: a graph that is built step by step, and differentiated as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.defects import skips_infinite_recurrence, states_of
from rnn_parity.toolkit.layers import Optional, Scan, differentiable, run_scans
from rnn_parity.toolkit.parameters import one_bias


def _has_small_state(case: Case) -> bool:
    sizes = abs(states_of(case))
    return bool(((sizes > 0) & (sizes < 2.5e-36)).any())


@register(
    "dynet",
    capabilities=Capabilities(
        nonlinearities=("tanh",),
        second_derivatives=False,
        dtypes=(torch.float32,),
        # There is one graph a process: https://github.com/clab/dynet/issues/678.
        threads=False,
    ),
    rounding=Rounding(
        tanh_ulps=6,
        reason="tanh is Eigen's, a rational interpolant that is 'accurate up to a couple of ulps': "
        "Eigen/src/Core/MathFunctionsImpl.h of https://gitlab.com/libeigen/eigen",
    ),
    known_defects=(
        KnownDefect(
            name="first-product-skipped",
            predicate=skips_infinite_recurrence,
            reason="without an initial state the recurrent product is left out: an infinity in its matrix is lost",
            link="SimpleRNNBuilder::add_input_impl in dynet/rnn.cc of https://github.com/clab/dynet"
            " (not reported as of 2.2)",
            case="agreement-c88da801fefd.json",
        ),
        KnownDefect(
            name="small-numbers-lost",
            predicate=_has_small_state,
            reason="importing it has the process flush subnormal numbers to zero, and tanh makes some on the way: "
            "below 2.4e-36 it is 0",
            link="CMakeLists.txt (-Ofast) of https://github.com/clab/dynet (not reported as of 2.2)",
            case="agreement-ede184fea375.json",
        ),
        KnownDefect(
            name="empty-batch",
            predicate=lambda case: case.batch_size == 0,
            reason="inputTensor takes an empty batch for a number, and raises TypeError",
            link="python/_dynet.pyx of https://github.com/clab/dynet (not reported as of 2.2)",
            case="agreement-00655adc5bc5.json",
        ),
    ),
    # What it does to subnormal numbers must not be done to the judge's.
    environment={},
    library="dyNET38",
    extra="dynet",
    group="dynet",
    cases=100,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one builder of one layer for each layer and direction."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    import dynet

    if (config.nonlinearity, config.dtype) != ("tanh", torch.float32):
        raise NotImplementedError(f"{config.nonlinearity} in {config.dtype}")
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    parameters = [weights.get(f"{role}_{suffix}") for role in roles]

    def forward(x: torch.Tensor, h_0: Optional, *_: Optional) -> torch.Tensor:
        states = network.unrolled(x, h_0)[1]
        return torch.stack([_rows(state.npvalue()) for state in states])

    def vjp(cotangent: torch.Tensor, x: torch.Tensor, h_0: Optional, *_: Any) -> list[Optional]:
        # Gradients of parameters add up for as long as these live.
        fresh = _Network(config, *copied)
        arguments, states = fresh.unrolled(x, h_0)
        products = [dynet.dot_product(state, _expression(rows)) for state, rows in zip(states, cotangent, strict=True)]
        dynet.sum_batches(dynet.esum(products)).backward(full=True)
        of_x = torch.stack([_rows(argument.gradient()) for argument in arguments[: len(x)]])
        of_h_0 = None if h_0 is None else _rows(arguments[-1].gradient())
        of_w_ih, of_w_hh, of_bias = (torch.from_numpy(own.grad_as_array()) for own in fresh.parameters)
        return [of_x, of_h_0, of_w_ih, of_w_hh, *[of_bias if config.bias else None] * 2]

    copied = [None if parameter is None else parameter.detach().clone() for parameter in parameters]
    network = _Network(config, *copied)
    states = differentiable(forward, vjp)
    return lambda x, h_0: states(x, h_0, *parameters)


class _Network:
    def __init__(self, config: Config, w_ih: Any, w_hh: Any, *biases: Optional) -> None:
        import dynet

        # The builder does not keep the collection alive in which its parameters are.
        self.collection = dynet.ParameterCollection()
        self.builder = dynet.SimpleRNNBuilder(1, w_ih.shape[1], config.hidden_size, self.collection)
        (self.parameters,) = self.builder.get_parameters()
        given = [bias for bias in biases if bias is not None]
        bias = one_bias(*given) if given else torch.zeros(config.hidden_size, dtype=torch.float32)
        for own, tensor in zip(self.parameters, (w_ih, w_hh, bias), strict=True):
            own.set_value(tensor.detach().numpy())

    def unrolled(self, x: torch.Tensor, h_0: Optional) -> tuple[list[Any], list[Any]]:
        """Return the expressions of the steps of x and of h_0, and those of the states, in a new graph."""
        import dynet

        dynet.renew_cg()
        inputs = [_expression(rows) for rows in x]
        start = [] if h_0 is None else [_expression(h_0)]
        return [*inputs, *start], self.builder.initial_state(start or None).transduce(inputs)


def _expression(rows: torch.Tensor) -> Any:
    """Return rows (B, n) as a batch of vectors, one row as a vector."""
    import dynet

    array = rows.detach().numpy()
    return dynet.inputTensor(array[0]) if len(array) == 1 else dynet.inputTensor(array.T, batched=True)


def _rows(array: Any) -> torch.Tensor:
    """Return a value (n, B), or (n,) where it is of one row, as (B, n)."""
    return torch.from_numpy(array.reshape(len(array), -1).T.astype(np.float32))
