"""mlx.nn.RNN with MLX's own kernels, on its CPU device."""

from __future__ import annotations

import torch
from torch.utils.dlpack import from_dlpack

from impls.contract import Config, KnownDefect, Run, Weights
from impls.layers import Scan, run_scans, skips_infinite_recurrence
from impls.registry import register


@register(
    "mlx",
    library="mlx",
    extra="mlx",
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
    """One mlx.nn.RNN a layer and direction."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    import mlx.core as mx
    from mlx import nn

    dtype = getattr(mx, str(config.dtype).removeprefix("torch."))

    def array(tensor: torch.Tensor) -> mx.array:
        # Unless told its dtype, MLX makes float32 of float64.
        return mx.array(tensor.detach(), dtype=dtype)

    w_ih, w_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
    with mx.stream(mx.cpu):
        activation = getattr(nn, config.nonlinearity)
        rnn = nn.RNN(w_ih.shape[1], config.hidden_size, config.bias, activation)  # type: ignore[attr-defined]
        rnn.Wxh, rnn.Whh = array(w_ih), array(w_hh)
        if config.bias:
            b_ih, b_hh = weights[f"bias_ih_{suffix}"], weights[f"bias_hh_{suffix}"]
            # Its one bias is their sum, rounded once.
            rnn.bias = array((b_ih.double() + b_hh.double()).to(config.dtype))
        # Threads may share arrays that are evaluated, but no graph that is not (ml-explore/mlx#3529).
        mx.eval(rnn.parameters())

    def scan(x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
        with mx.stream(mx.cpu):
            states = rnn(array(x.transpose(0, 1)), None if h_0 is None else array(h_0))
            mx.eval(states)
        return from_dlpack(states).transpose(0, 1)

    return scan
