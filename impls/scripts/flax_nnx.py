from flax import nnx


def run_direction(x, h_0, reverse, w_ih, w_hh, *biases):
    cell = nnx.SimpleCell(
        x.shape[-1],
        hidden_size,
        activation_fn={"tanh": nnx.tanh, "relu": nnx.relu}[nonlinearity],
        dtype=x.dtype,
        param_dtype=x.dtype,
        recurrent_kernel_init=nnx.initializers.zeros,
        rngs=nnx.Rngs(0),
    )
    cell.dense_i.kernel[...], cell.dense_h.kernel[...] = w_ih.T, w_hh.T
    cell.dense_i.bias[...] = sum(biases) if biases else jnp.zeros(hidden_size, x.dtype)
    rnn = nnx.RNN(cell, time_major=not batch_first, return_carry=True)
    ends = None if lengths is None else jnp.array(lengths)
    given = x.swapaxes(0, 1) if batch_first else x
    h_n, output = rnn(given, initial_carry=h_0, seq_lengths=ends, reverse=reverse, keep_order=True)
    return output.swapaxes(0, 1) if batch_first else output, h_n
