"""ooples/AiDotNet.Tensors PR 583 (June 2026): weights are packed at the first inference, and the pack is kept as long
as the parameter is the same object. An optimizer step writes into the parameter; inference goes on with the old
pack."""

import torch

from rnn_parity import Config, register_module
from rnn_parity.toolkit.layers import run_scans


class PrepackedRNN(torch.nn.Module):
    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        nonlinearity="tanh",
        bias=True,
        batch_first=False,
        bidirectional=False,
    ):
        super().__init__()
        self.config = Config(
            input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional
        )
        for name, shape in self.config.parameter_shapes().items():
            self.register_parameter(name, torch.nn.Parameter(torch.empty(shape).uniform_(-0.5, 0.5)))
        self.packs = {}

    def pack(self, name, parameter):
        """The matrix as the kernel wants it."""
        if torch.is_grad_enabled():
            return parameter.T  # training: straight from the parameter
        of, packed = self.packs.get(name, (None, None))
        if of is not parameter or packed.dtype != parameter.dtype:
            packed = parameter.detach().T.contiguous()
            self.packs[name] = parameter, packed
        return packed

    def forward(self, x, h_0=None):
        parameters = dict(self.named_parameters())
        config = Config(**{**self.config.module_arguments(), "dtype": next(iter(parameters.values())).dtype})
        return run_scans(config, [self.scan_of(config, parameters, suffix) for suffix in config.suffixes()])(x, h_0)

    def scan_of(self, config, parameters, suffix):
        activation = {"tanh": torch.tanh, "relu": torch.relu}[config.nonlinearity]
        W_ih, W_hh = (self.pack(name, parameters[name]) for name in (f"weight_ih_{suffix}", f"weight_hh_{suffix}"))
        b_ih, b_hh = (parameters[f"bias_{role}_{suffix}"] if config.bias else 0 for role in ("ih", "hh"))

        def scan(x, h_0):
            h = x.new_zeros(x.shape[1], config.hidden_size) if h_0 is None else h_0
            h_array = []
            for x_t in x:
                h = activation(x_t @ W_ih + b_ih + h @ W_hh + b_hh)
                h_array.append(h)
            return torch.stack(h_array)

        return scan


register_module("r04-prepacked-weights", PrepackedRNN)
