"""open-lm-engine/accelerated-model-architectures PR 239 (May 2025): the backward kernel runs a block of rows of the
batch a program, and each stores its gradient of W_hh where the others store theirs: of 16 rows a block the last
is left."""

import torch

from rnn_parity import register
from rnn_parity.toolkit.layers import run_scans

BLOCK = 16


@register("r09-last-batch-block")
def build(config, weights):
    return run_scans(config, [scan_of(config, weights, suffix) for suffix in config.suffixes()])


def scan_of(config, weights, suffix):
    activation = {"tanh": torch.tanh, "relu": torch.relu}[config.nonlinearity]
    W_ih, W_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
    b_ih, b_hh = (weights[f"bias_{role}_{suffix}"] if config.bias else 0 for role in ("ih", "hh"))

    def scan(x, h_0):
        h = x.new_zeros(x.shape[1], config.hidden_size) if h_0 is None else h_0
        h_array = []
        for x_t in x:
            h = activation(x_t @ W_ih.T + b_ih + Recurrent.apply(h, W_hh) + b_hh)
            h_array.append(h)
        return torch.stack(h_array)

    return scan


class Recurrent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, W_hh):
        ctx.save_for_backward(h, W_hh)
        return h @ W_hh.T

    @staticmethod
    def backward(ctx, grad):
        h, W_hh = ctx.saved_tensors
        last = slice(max(0, (len(h) - 1) // BLOCK * BLOCK), None)
        return grad @ W_hh, grad[last].T @ h[last]
