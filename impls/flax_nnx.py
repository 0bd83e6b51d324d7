"""flax.nnx's RNN around its SimpleCell."""

from __future__ import annotations

from typing import Any

from impls.contract import Capabilities, Config, KnownDefect, Run, Weights
from impls.defects import has_padding_in_gradients
from impls.jax_arrays import XLA, Settings, run_pure
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
    capabilities=Capabilities(per_shape=True, accepts=("x-no-steps",), lengths=("padded",)),
    rounding=XLA,
    library="flax",
    needs=("jax",),
    extra="jax",
    cases=60,
    known_defects=(
        KnownDefect(
            name="padding-in-gradients",
            predicate=has_padding_in_gradients,
            reason="gradients run through the steps beyond seq_lengths, where 0 times a NaN or an infinity is NaN",
            link="flax/nnx/nn/recurrent.py of https://github.com/google/flax (not reported as of 0.12.8)",
            case="length_gradients-b22c05210788.json",
            properties=("length_gradients",),
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN a layer and direction."""
    return run_pure(config, weights, _rnn)
