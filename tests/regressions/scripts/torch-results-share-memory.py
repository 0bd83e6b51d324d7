"""Compiled by torch.compile, nn.RNN's h_n is a view of its output."""

import sys

import torch
import torch._dynamo

torch._dynamo.config.allow_rnn = True
rnn = torch.nn.RNN(1, 1, bias=False).requires_grad_(requires_grad=False)
compiled = torch.compile(rnn)
for name, network in {"expected": rnn, "got": compiled}.items():
    output, h_n = network(torch.ones(1, 1, 1))
    h_n.zero_()
    shared = output.untyped_storage().data_ptr() == h_n.untyped_storage().data_ptr()
    print(f"{name:8} shared memory: {shared}, output after h_n.zero_(): {output.item()}")
sys.exit(shared)
