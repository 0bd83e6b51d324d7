import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.numpy import concatenate, flip, stack, swapaxes

jax.config.update("jax_enable_x64", True)


def to_own(tensor):
    return jnp.array(tensor.double().numpy(), dtype)


def to_torch(array):
    return torch.from_numpy(np.array(array, np.float64)).to(getattr(torch, array.dtype.name))


def run_gradients(run, x, h_0, weights, cotangents):
    results, pullback = jax.vjp(run, x, h_0, weights)
    of_x, of_h_0, of_weights = pullback(tuple(cotangents))
    return *results, {"x": of_x, "h_0": of_h_0, **of_weights}
