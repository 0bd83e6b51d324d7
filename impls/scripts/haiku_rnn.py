import haiku as hk


def run_direction(x, h_0, reverse, w_ih, w_hh, *biases):
    def unrolled(x, h_0):
        core = hk.VanillaRNN(hidden_size)
        start = core.initial_state(x.shape[0 if batch_first else 1]).astype(x.dtype) if h_0 is None else h_0
        return hk.dynamic_unroll(core, x, start, time_major=not batch_first, reverse=reverse)

    b_ih, b_hh = biases or [jnp.zeros(hidden_size, x.dtype)] * 2
    parameters = {"vanilla_rnn/linear": {"w": w_ih.T, "b": b_ih}, "vanilla_rnn/linear_1": {"w": w_hh.T, "b": b_hh}}
    network = hk.without_apply_rng(hk.transform(unrolled))
    output, h_n = network.apply(parameters, x.swapaxes(0, 1) if batch_first else x, h_0)
    return output.swapaxes(0, 1) if batch_first else output, h_n
