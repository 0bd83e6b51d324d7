"""flax.linen's RNN around its SimpleCell."""

from __future__ import annotations

from typing import Any

from impls.contract import Capabilities, Config, KnownDefect, Run, Weights
from impls.defects import has_padding_in_gradients
from impls.jax_arrays import XLA, Settings, run_pure
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
            link="flax/linen/recurrent.py of https://github.com/google/flax (not reported as of 0.12.8)",
            case="length_gradients-b22c05210788.json",
            properties=("length_gradients",),
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """One RNN a layer and direction."""
    return run_pure(config, weights, _rnn)
