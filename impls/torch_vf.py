"""The kernels under torch.nn.RNN, torch._VF.rnn_tanh and rnn_relu, called as nn.RNN calls them."""

from __future__ import annotations

import torch
from torch import _VF

from rnn_parity.contract import Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.layers import Optional


@register("torch-vf", script=template("torch_vf"))
def build(config: Config, weights: Weights) -> Run:
    """Build one call of the whole network, on the tensors in `weights` themselves."""
    kernel = {"tanh": _VF.rnn_tanh, "relu": _VF.rnn_relu}[config.nonlinearity]
    flat = [weights[name] for name in config.parameter_shapes()]

    def run(x: torch.Tensor, h_0: Optional = None) -> tuple[torch.Tensor, torch.Tensor]:
        check_arguments(config, x, h_0)
        unbatched = x.dim() == 2
        batch_axis = 0 if config.batch_first else 1
        if unbatched:
            x, h_0 = x.unsqueeze(batch_axis), None if h_0 is None else h_0.unsqueeze(1)
        if h_0 is None:
            h_0 = x.new_zeros(len(config.suffixes()), x.shape[batch_axis], config.hidden_size)
        output, h_n = kernel(
            x,
            h_0,
            flat,
            config.bias,
            config.num_layers,
            0.0,  # dropout
            False,  # training
            config.bidirectional,
            config.batch_first,
        )
        return (output.squeeze(batch_axis), h_n.squeeze(1)) if unbatched else (output, h_n)

    return run
