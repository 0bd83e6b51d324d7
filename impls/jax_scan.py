"""The recurrence as it is written in JAX: a cell under jax.lax.scan."""

from __future__ import annotations

from typing import Any

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.jax_arrays import XLA, Settings, run_pure


def _scan(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    import jax
    import jax.numpy as jnp

    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu}[settings.nonlinearity]
    start = jnp.zeros((x.shape[1], settings.hidden_size), x.dtype) if h_0 is None else h_0

    def cell(h: Any, now: Any) -> Any:
        x_t, running = now
        new = activation(x_t @ w_ih.T + h @ w_hh.T + sum(biases))
        # A row that has ended keeps its state.
        new = jnp.where(running[:, None], new, h)
        return new, new

    steps = jnp.arange(len(x))[:, None]
    running = jnp.ones(x.shape[:2], bool) if lengths is None else steps < lengths
    # In a gradient what lies beyond a row's end is multiplied by 0, which makes NaN of a NaN.
    x = jnp.where(running[:, :, None], x, 0)
    h_n, output = jax.lax.scan(cell, start, (x, running), reverse=settings.reverse)
    return output, h_n


@register(
    "jax-scan",
    capabilities=Capabilities(per_shape=True, second_derivatives=False, accepts=("x-no-steps",), lengths=("padded",)),
    rounding=XLA,
    library="jax",
    extra="jax",
    script=template("jax_arrays", "jax_scan"),
    cases=60,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one scan for each layer and direction."""
    return run_pure(config, weights, _scan)
