def step(x, h, w_ih, w_hh, *biases):
    a = x @ w_ih.T + h @ w_hh.T + sum(biases)
    return np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0)
