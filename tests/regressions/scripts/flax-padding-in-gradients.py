"""Gradients of Flax's RNNs run through the steps beyond seq_lengths: a NaN there reaches the parameters."""

import sys

import jax
import jax.numpy as jnp
from flax import linen, nnx

x, lengths = jnp.array([[[0.0], [jnp.nan]]]), jnp.array([1])  # One row, of which the first step counts.
in_linen = linen.RNN(linen.SimpleCell(1), return_carry=True)
parameters = in_linen.init(jax.random.key(0), x)


def last_state(parameters):
    return in_linen.apply(parameters, x, seq_lengths=lengths)[0].sum()


def last_state_in_nnx(rnn):
    return rnn(x, seq_lengths=lengths, return_carry=True)[0].sum()


in_nnx = nnx.RNN(nnx.SimpleCell(1, 1, rngs=nnx.Rngs(0)))
print("expected numbers; the last state is", last_state(parameters), "and", last_state_in_nnx(in_nnx))
found = [jax.grad(last_state)(parameters), nnx.grad(last_state_in_nnx)(in_nnx)]
print("got     ", *(jax.tree.leaves(gradients) for gradients in found))
sys.exit(any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(found)))
