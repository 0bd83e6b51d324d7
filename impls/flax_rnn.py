"""Flax's RNN around its SimpleCell, in linen and in nnx."""

from __future__ import annotations

from typing import Any

from rnn_parity.contract import Capabilities, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.defects import has_padding_in_gradients
from rnn_parity.toolkit.jax_arrays import XLA, Pure, Settings, run_pure


def _linen(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    from flax import linen

    activation = {"tanh": linen.tanh, "relu": linen.relu}[settings.nonlinearity]
    cell = linen.SimpleCell(settings.hidden_size, activation_fn=activation, dtype=x.dtype, param_dtype=x.dtype)
    parameters = {"i": {"kernel": w_ih.T, "bias": _one_bias(w_ih, *biases)}, "h": {"kernel": w_hh.T}}
    rnn = linen.RNN(cell, time_major=not settings.batch_first, return_carry=True)
    return _run(settings, x, h_0, lengths, rnn.bind({"params": {"cell": parameters}}))


def _nnx(settings: Settings, x: Any, h_0: Any, lengths: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    from flax import nnx
    from jax.nn.initializers import zeros

    cell = nnx.SimpleCell(
        x.shape[-1],
        settings.hidden_size,
        activation_fn={"tanh": nnx.tanh, "relu": nnx.relu}[settings.nonlinearity],
        dtype=x.dtype,
        param_dtype=x.dtype,
        # The default, orthogonal, is not there in 16 bits.
        recurrent_kernel_init=zeros,
        rngs=nnx.Rngs(0),
    )
    cell.dense_i.kernel[...], cell.dense_i.bias[...] = w_ih.T, _one_bias(w_ih, *biases)
    cell.dense_h.kernel[...] = w_hh.T
    return _run(settings, x, h_0, lengths, nnx.RNN(cell, time_major=not settings.batch_first, return_carry=True))


def _one_bias(w_ih: Any, *biases: Any) -> Any:
    """Return the one bias of Flax's cells, in the layer of the input: the sum of both."""
    from jax.numpy import zeros

    return sum(biases) if biases else zeros(len(w_ih), w_ih.dtype)


def _run(settings: Settings, x: Any, h_0: Any, lengths: Any, rnn: Any) -> Any:
    """Run a network of Linen or NNX: both have the same call, and either layout."""
    given = x.swapaxes(0, 1) if settings.batch_first else x
    h_n, output = rnn(given, initial_carry=h_0, seq_lengths=lengths, reverse=settings.reverse, keep_order=True)
    return output.swapaxes(0, 1) if settings.batch_first else output, h_n


def _register(name: str, pure: Pure, source: str) -> None:
    def build(config: Config, weights: Weights) -> Run:
        return run_pure(config, weights, pure)

    register(
        name,
        build,
        capabilities=Capabilities(
            per_shape=True, second_derivatives=False, accepts=("x-no-steps",), lengths=("padded",)
        ),
        rounding=XLA,
        library="flax",
        needs=("jax",),
        extra="jax",
        script=template("jax_arrays", name.replace("-", "_")),
        cases=60,
        known_defects=(
            KnownDefect(
                name="padding-in-gradients",
                predicate=has_padding_in_gradients,
                reason="gradients run through the steps beyond seq_lengths, where 0 times a NaN or an infinity is NaN",
                link=f"{source} of https://github.com/google/flax (not reported as of 0.12.8)",
                case="length_gradients-b22c05210788.json",
                properties=("length_gradients",),
            ),
        ),
    )


_register("flax-linen", _linen, "flax/linen/recurrent.py")
_register("flax-nnx", _nnx, "flax/nnx/nn/recurrent.py")
