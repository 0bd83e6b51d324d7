"""flax.nnx's RNN around its SimpleCell."""

from __future__ import annotations

from typing import Any

from impls.contract import Capabilities, Config, Run, Weights
from impls.jax_arrays import Settings, run_pure
from impls.registry import register


def _rnn(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    import jax
    from flax import nnx

    cell = nnx.SimpleCell(
        x.shape[-1],
        settings.hidden_size,
        activation_fn={"tanh": nnx.tanh, "relu": nnx.relu}[settings.nonlinearity],
        dtype=x.dtype,
        param_dtype=x.dtype,
        # The default, orthogonal, is not there in 16 bits.
        recurrent_kernel_init=jax.nn.initializers.zeros,
        rngs=nnx.Rngs(0),
    )
    cell.dense_i.kernel[...], cell.dense_h.kernel[...] = w_ih.T, w_hh.T
    if biases:
        # One bias, in the layer of the input.
        cell.dense_i.bias[...] = sum(biases)
    rnn = nnx.RNN(cell, time_major=not settings.batch_first, return_carry=True)
    given = x.swapaxes(0, 1) if settings.batch_first else x
    h_n, output = rnn(given, initial_carry=h_0, seq_lengths=lengths, reverse=settings.reverse, keep_order=True)
    return output.swapaxes(0, 1) if settings.batch_first else output, h_n


@register(
    "flax-nnx",
    capabilities=Capabilities(per_shape=True, lengths=("padded",)),
    library="flax",
    needs=("jax",),
    extra="jax",
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN a layer and direction."""
    return run_pure(config, weights, _rnn)
