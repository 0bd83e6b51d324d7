"""mlx.nn.RNN with MLX's own kernels, on its CPU device."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.dlpack import from_dlpack

from rnn_parity.contract import Capabilities, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.defects import skips_infinite_recurrence
from rnn_parity.toolkit.layers import Optional, Scan, differentiable, run_scans
from rnn_parity.toolkit.parameters import one_bias


@register(
    "mlx",
    capabilities=Capabilities(second_derivatives=False),
    library="mlx",
    extra="mlx",
    script=template("mlx_rnn"),
    known_defects=(
        KnownDefect(
            name="first-product-skipped",
            predicate=skips_infinite_recurrence,
            reason="without a hidden state the product of Whh with zeros is left out: an infinity in Whh is lost",
            link="https://github.com/ml-explore/mlx/issues/3249 (its GRU; not reported for RNN as of 0.32.4)",
            case="agreement-c88da801fefd.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one mlx.nn.RNN for each layer and direction."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    import mlx.core as mx
    from mlx import nn

    dtype = getattr(mx, str(config.dtype).removeprefix("torch."))
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    parameters = [weights.get(f"{role}_{suffix}") for role in roles]

    def array(tensor: torch.Tensor) -> mx.array:
        # Unless told its dtype, MLX makes float32 of float64.
        return mx.array(tensor.detach(), dtype=dtype)

    def own(w_ih: torch.Tensor, w_hh: torch.Tensor, *biases: Optional) -> list[mx.array]:
        given = [bias for bias in biases if bias is not None]
        return [array(w_ih), array(w_hh), *([array(one_bias(*given))] if given else [])]

    def network(w_xh: mx.array, w_hh: mx.array, *bias: mx.array) -> Any:
        rnn = nn.RNN(w_xh.shape[1], config.hidden_size, config.bias, getattr(nn, config.nonlinearity))  # type: ignore[attr-defined]
        rnn.Wxh, rnn.Whh = w_xh, w_hh
        if bias:
            (rnn.bias,) = bias
        return rnn

    def forward(x: torch.Tensor, h_0: Optional, *_: Optional) -> torch.Tensor:
        with mx.stream(mx.cpu):
            states = rnn(array(x.transpose(0, 1)), None if h_0 is None else array(h_0))
            mx.eval(states)
        return from_dlpack(states).transpose(0, 1)

    def vjp(cotangent: torch.Tensor, x: torch.Tensor, h_0: Optional, *_parameters: Optional) -> list[Optional]:
        with mx.stream(mx.cpu):
            state = [] if h_0 is None else [array(h_0)]

            def states(x: mx.array, *others: mx.array) -> mx.array:
                output: mx.array = network(*others[len(state) :])(x, *others[: len(state)])
                return output

            _, found = mx.vjp(states, [array(x.transpose(0, 1)), *state, *copied], [array(cotangent.transpose(0, 1))])
            mx.eval(found)
        of_x, *others = [from_dlpack(gradient) for gradient in found]
        of_h_0 = others.pop(0) if state else None
        of_bias: list[Optional] = [*others[2:]] or [None]
        return [of_x.transpose(0, 1), of_h_0, *others[:2], *of_bias, *of_bias]

    with mx.stream(mx.cpu):
        copied = own(*parameters)  # type: ignore[arg-type]
        rnn = network(*copied)
        # Threads may share arrays that are evaluated, but no graph that is not (ml-explore/mlx#3529).
        mx.eval(rnn.parameters())
    run = differentiable(forward, vjp)
    return lambda x, h_0: run(x, h_0, *parameters)
