"""Beside a PackedSequence that was sorted, nn.RNN cuts an h_0 with rows to spare, and takes it."""

import sys

import torch
from torch.nn.utils.rnn import pack_padded_sequence

rnn = torch.nn.RNN(1, 1)
packed = pack_padded_sequence(torch.zeros(2, 2, 1), torch.tensor([1, 2]), enforce_sorted=False)
print("expected an error: two sequences, and an h_0 of three rows")
try:
    _, h_n = rnn(packed, torch.zeros(1, 3, 1))
except RuntimeError as error:
    print("got     ", error)
    sys.exit(0)
print("got      h_n of shape", tuple(h_n.shape))
sys.exit(1)
