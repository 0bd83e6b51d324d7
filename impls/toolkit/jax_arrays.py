"""JAX for its adapters: a pure function of arrays, compiled, becomes one direction of a network of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import torch

from rnn_parity.contract import Config, Rounding, Run, Weights
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.layers import Optional, differentiable, run_directions
from rnn_parity.toolkit.parameters import of_direction

#: How XLA rounds on the CPU.
XLA = Rounding(
    tanh_ulps=4,
    reason=(
        "XLA allows its tanh 3 units in the last place in float32 and 4 in float64: kTanhF32Budget and kTanhF64Budget "
        "in xla/codegen/intrinsic/accuracy/accuracy_budget.h of https://github.com/openxla/xla"
    ),
)


class Settings(NamedTuple):
    """What shapes a graph of one direction, beside the arrays."""

    hidden_size: int
    nonlinearity: str
    bias: bool
    batch_first: bool
    reverse: bool


def settings_of(config: Config, suffix: str) -> Settings:
    """Return the settings of one layer and direction."""
    reverse = suffix.endswith("_reverse")
    return Settings(config.hidden_size, config.nonlinearity, config.bias, config.batch_first, reverse)


#: Settings, x (T, B, I), h_0 (B, H) or None, lengths (B,) or None and nn.RNN's parameters of one direction to
#: output (T, B, H), in the order of the input's steps, and h_n (B, H).
Pure: TypeAlias = Callable[..., tuple[Any, Any]]


@cache
def _compiled(pure: Pure) -> tuple[Any, Any]:
    """Return the function and its pullback, each compiled once for each settings and shapes."""
    import jax

    # float64 is float32 otherwise; it has to be set before the first array.
    jax.config.update("jax_enable_x64", True)

    def pullback(settings: Settings, lengths: Any, cotangents: Any, x: Any, h_0: Any, *parameters: Any) -> Any:
        def results(x: Any, h_0: Any, *parameters: Any) -> Any:
            return pure(settings, x, h_0, lengths, *parameters)

        return jax.vjp(results, x, h_0, *parameters)[1](cotangents)

    return jax.jit(pure, static_argnums=0), jax.jit(pullback, static_argnums=0)


def run_pure(config: Config, weights: Weights, pure: Pure) -> Run:
    """Return a network whose directions are computed by `pure` and differentiated by jax.vjp."""
    return run_directions(config, [_direction(config, weights, pure, suffix) for suffix in config.suffixes()])


def _direction(config: Config, weights: Weights, pure: Pure, suffix: str) -> Any:
    function, pullback = _compiled(pure)
    settings = settings_of(config, suffix)

    def forward(lengths: Optional, x: torch.Tensor, h_0: Optional, *parameters: torch.Tensor) -> Any:
        return _to_torch(function(settings, _to_jax(x), _to_jax(h_0), _to_jax(lengths), *map(_to_jax, parameters)))

    def vjp(output: torch.Tensor, h_n: torch.Tensor, lengths: Optional, *tensors: Optional) -> Sequence[Optional]:
        cotangents = _to_jax(output), _to_jax(h_n)
        return None, *_to_torch(pullback(settings, _to_jax(lengths), cotangents, *map(_to_jax, tensors)))

    connected = differentiable(forward, vjp)
    parameters = of_direction(config, weights, suffix)
    return lambda x, h_0, lengths: connected(lengths, x, h_0, *parameters)


def _to_jax(tensor: Optional) -> Any:
    import jax.numpy as jnp

    # Copies: what JAX computes may be read later, and the tensor belongs to its owner.
    return None if tensor is None else jnp.array(to_numpy(tensor), copy=True)


def _to_torch(arrays: Sequence[Any]) -> tuple[Any, ...]:
    import numpy as np

    return tuple(None if array is None else to_torch(np.array(array)) for array in arrays)
