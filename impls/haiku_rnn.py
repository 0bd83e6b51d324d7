"""dm-haiku's VanillaRNN under its dynamic_unroll."""

from __future__ import annotations

from typing import Any

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.jax_arrays import Settings, run_pure


def _rnn(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    import haiku as hk
    import jax.numpy as jnp

    if lengths is not None:
        raise NotImplementedError("sequences of different lengths")

    def unrolled(x: Any, h_0: Any) -> Any:
        core = hk.VanillaRNN(settings.hidden_size)
        start = core.initial_state(x.shape[0 if settings.batch_first else 1]).astype(x.dtype) if h_0 is None else h_0
        return hk.dynamic_unroll(core, x, start, time_major=not settings.batch_first, reverse=settings.reverse)

    b_ih, b_hh = biases or [jnp.zeros(settings.hidden_size, x.dtype)] * 2
    parameters = {
        "vanilla_rnn/linear": {"w": w_ih.T, "b": b_ih},
        "vanilla_rnn/linear_1": {"w": w_hh.T, "b": b_hh},
    }
    given = x.swapaxes(0, 1) if settings.batch_first else x
    output, h_n = hk.without_apply_rng(hk.transform(unrolled)).apply(parameters, given, h_0)
    return output.swapaxes(0, 1) if settings.batch_first else output, h_n


@register(
    "haiku",
    # Its docstring: h_t = ReLU(...).
    capabilities=Capabilities(
        nonlinearities=("relu",), per_shape=True, second_derivatives=False, accepts=("x-no-steps",)
    ),
    library="dm-haiku",
    needs=("jax",),
    extra="jax",
    script=template("jax_arrays", "haiku_rnn"),
    cases=60,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one unroll for each layer and direction."""
    if config.nonlinearity != "relu":
        raise NotImplementedError(f"VanillaRNN has no {config.nonlinearity}")
    return run_pure(config, weights, _rnn)
