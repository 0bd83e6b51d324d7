from flax import linen


def run_direction(x, h_0, reverse, w_ih, w_hh, *biases):
    activation = {"tanh": linen.tanh, "relu": linen.relu}[nonlinearity]
    cell = linen.SimpleCell(hidden_size, activation_fn=activation, dtype=x.dtype, param_dtype=x.dtype)
    rnn = linen.RNN(cell, time_major=not batch_first, return_carry=True)
    bias_i = sum(biases) if biases else jnp.zeros(hidden_size, x.dtype)
    parameters = {"cell": {"i": {"kernel": w_ih.T, "bias": bias_i}, "h": {"kernel": w_hh.T}}}
    ends = None if lengths is None else jnp.array(lengths)
    h_n, output = rnn.apply(
        {"params": parameters},
        x.swapaxes(0, 1) if batch_first else x,
        initial_carry=h_0,
        seq_lengths=ends,
        reverse=reverse,
        keep_order=True,
    )
    return output.swapaxes(0, 1) if batch_first else output, h_n
