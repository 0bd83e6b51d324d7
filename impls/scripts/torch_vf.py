import torch
from torch import _VF


def run(x, h_0, weights):
    kernel = {"tanh": _VF.rnn_tanh, "relu": _VF.rnn_relu}[nonlinearity]
    unbatched, batch_axis = x.dim() == 2, 0 if batch_first else 1
    if unbatched:
        x, h_0 = x.unsqueeze(batch_axis), None if h_0 is None else h_0.unsqueeze(1)
    if h_0 is None:
        h_0 = x.new_zeros(num_layers * (1 + bidirectional), x.shape[batch_axis], hidden_size)
    dropout, training = 0.0, False
    flat = list(weights.values())
    output, h_n = kernel(x, h_0, flat, bias, num_layers, dropout, training, bidirectional, batch_first)
    return (output.squeeze(batch_axis), h_n.squeeze(1)) if unbatched else (output, h_n)
