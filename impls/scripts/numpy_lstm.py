def step(x, state, w_ih, w_hh, b_ih=0, b_hh=0):
    h, c = np.split(state, 2, axis=-1)
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=-1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    c = f * c + i * np.tanh(g)
    return np.concatenate([o * np.tanh(c), c], axis=-1)
