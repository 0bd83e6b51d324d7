def run_direction(x, h_0, reverse, w_ih, w_hh, *biases):
    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu}[nonlinearity]

    def cell(h, now):
        x_t, running = now
        h = jnp.where(running[:, None], activation(x_t @ w_ih.T + h @ w_hh.T + sum(biases)), h)
        return h, h

    start = jnp.zeros((x.shape[1], hidden_size), x.dtype) if h_0 is None else h_0
    ends = jnp.full(x.shape[1], len(x)) if lengths is None else jnp.array(lengths)
    running = jnp.arange(len(x))[:, None] < ends
    x = jnp.where(running[:, :, None], x, 0)
    h_n, output = jax.lax.scan(cell, start, (x, running), reverse=reverse)
    return output, h_n
