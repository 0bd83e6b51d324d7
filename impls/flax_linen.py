"""flax.linen's RNN around its SimpleCell."""

from __future__ import annotations

from typing import Any

from impls.contract import Capabilities, Config, Run, Weights
from impls.jax_arrays import Settings, run_pure
from impls.registry import register


def _rnn(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    import jax
    from flax import linen as nn

    activation = {"tanh": nn.tanh, "relu": nn.relu}[settings.nonlinearity]
    cell = nn.SimpleCell(settings.hidden_size, activation_fn=activation, dtype=x.dtype, param_dtype=x.dtype)
    rnn = nn.RNN(
        cell,
        time_major=not settings.batch_first,
        return_carry=True,
        reverse=settings.reverse,
        keep_order=True,
    )
    # One bias, in the layer of the input.
    bias = sum(biases) if biases else jax.numpy.zeros(settings.hidden_size, x.dtype)
    parameters = {"cell": {"i": {"kernel": w_ih.T, "bias": bias}, "h": {"kernel": w_hh.T}}}
    given = x.swapaxes(0, 1) if settings.batch_first else x
    h_n, output = rnn.apply({"params": parameters}, given, initial_carry=h_0, seq_lengths=lengths)
    return output.swapaxes(0, 1) if settings.batch_first else output, h_n


@register(
    "flax-linen",
    capabilities=Capabilities(per_shape=True, lengths=("padded",)),
    library="flax",
    needs=("jax",),
    extra="jax",
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN a layer and direction."""
    return run_pure(config, weights, _rnn)
