import numpy as np
import torch
from numpy import concatenate, flip, stack, swapaxes


def to_own(tensor):
    return tensor.numpy()


def to_torch(array):
    return torch.from_numpy(array)


def run_scan(x, h_0, w_ih, w_hh, *biases):
    h = np.zeros((x.shape[1], state_size), x.dtype) if h_0 is None else h_0
    states = []
    for x_t in x:
        h = step(x_t, h, w_ih, w_hh, *biases)
        states.append(h)
    return np.stack(states)
