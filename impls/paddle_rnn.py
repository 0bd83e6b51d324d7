"""paddle.nn.SimpleRNN: layers, directions, layouts, lengths and argument checks are Paddle's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.arrays import to_torch
from rnn_parity.toolkit.defects import has_nan_under_relu
from rnn_parity.toolkit.layers import Optional, differentiable


def _has_padding(case: Case) -> bool:
    return case.lengths is not None and min(case.lengths) < case.steps


@register(
    "paddle",
    capabilities=Capabilities(
        dtypes=(torch.float64, torch.float32),
        unbatched=False,
        min_batch=1,
        second_derivatives=False,
        lengths=("padded",),
    ),
    rounding=Rounding(
        tanh_ulps=8,
        reason=(
            "float32 tanh is Eigen's rational interpolant, 'accurate up to a couple of ulps' and 1 beyond 7.905: "
            "generic_fast_tanh_float in Eigen/src/Core/MathFunctionsImpl.h; 6.9 at most over all numbers"
        ),
    ),
    library="paddlepaddle",
    extra="heavy",
    script=template("paddle_rnn"),
    group="heavy",
    cases=300,
    # Some calls kill the process.
    environment={},
    known_defects=(
        KnownDefect(
            name="no-bias",
            predicate=lambda case: not case.config.bias,
            reason="without biases it cannot be built, or the call is a segmentation fault",
            link="https://github.com/PaddlePaddle/Paddle/issues/70231",
            case="agreement-898efab9b4ea.json",
        ),
        KnownDefect(
            name="relu-swallows-nan",
            predicate=has_nan_under_relu,
            reason="ReLU makes 0 of a NaN",
            link="https://github.com/PaddlePaddle/Paddle/issues/79351",
            case="agreement-a713b8835395.json",
        ),
        KnownDefect(
            name="padding-times-zero",
            predicate=lambda case: _has_padding(case) and not (case.finite and np.isfinite(case.x).all()),
            reason="what stands beyond a row's end is multiplied by 0, not left out: infinities and NaN leak",
            link="paddle/phi/kernels/cpu/rnn_kernel.cc of https://github.com/PaddlePaddle/Paddle"
            " (not reported as of 3.3.1)",
            case="lengths-f77db00aee9e.json",
        ),
        KnownDefect(
            name="reverse-start",
            predicate=lambda case: (
                _has_padding(case) and case.has_cotangents and case.config.bidirectional and case.has_h_0
            ),
            reason="the gradient of W_hh in the reverse direction takes the padding's zeros for a shorter row's h_0",
            link="paddle/phi/kernels/cpu/rnn_grad_kernel.cc of https://github.com/PaddlePaddle/Paddle"
            " (not reported as of 3.3.1)",
            case="length_gradients-b46aabadf6df.json",
        ),
        KnownDefect(
            name="no-steps",
            predicate=lambda case: case.misuse == "x-no-steps",
            reason="a sequence of no steps is a segmentation fault, not an error",
            link="paddle/phi/kernels/cpu/rnn_functor.h of https://github.com/PaddlePaddle/Paddle"
            " (not reported as of 3.3.1)",
            case="refusals-abd64da7ef81.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one SimpleRNN, whose parameters have nn.RNN's names."""
    import paddle

    network = _network(config, weights)
    parameters = [getattr(network, name) for name in weights]

    def forward(x: torch.Tensor, h_0: Optional, lengths: Optional, *_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with paddle.no_grad():
            return tuple(to_torch(result.numpy()) for result in network(*map(_own, (x, h_0, lengths))))

    def vjp(of_output: torch.Tensor, of_h_n: torch.Tensor, *given: Optional) -> list[Optional]:
        x, h_0, lengths = map(_own, given[:3])
        leaves = [leaf for leaf in (x, h_0) if leaf is not None]
        for leaf in leaves:
            leaf.stop_gradient = False
        results = network(x, h_0, lengths)
        found = paddle.grad(results, [*leaves, *parameters], [_own(of_output), _own(of_h_n)])
        of_x, *others = [to_torch(gradient.numpy()) for gradient in found]
        of_h_0 = others.pop(0) if h_0 is not None else None
        return [of_x, of_h_0, None, *others]

    call = differentiable(forward, vjp)

    def run(x: Any, h_0: Any = None, lengths: Any = None) -> Any:
        if lengths is not None:
            # Paddle takes a length of 0, and beyond the last step it overwrites its memory, and dies or hangs.
            check_arguments(config, x, h_0, lengths)
        return call(x, h_0, lengths, *weights.values())

    return run


def _network(config: Config, weights: Weights) -> Any:
    import paddle

    # The dtype of parameters can be said in no other way.
    paddle.set_default_dtype(str(config.dtype).removeprefix("torch."))
    network = paddle.nn.SimpleRNN(
        config.input_size,
        config.hidden_size,
        config.num_layers,
        direction="bidirect" if config.bidirectional else "forward",
        time_major=not config.batch_first,
        activation=config.nonlinearity,
        bias_ih_attr=None if config.bias else False,
        bias_hh_attr=None if config.bias else False,
    )
    for name, weight in weights.items():
        getattr(network, name).set_value(weight.detach().numpy())
    return network


def _own(tensor: Any) -> Any:
    import paddle

    return paddle.to_tensor(tensor.detach().numpy()) if isinstance(tensor, torch.Tensor) else tensor
