"""pack_padded_sequence(enforce_sorted=False) drops the rows for which there is no length."""

import sys

import torch
from torch.nn.utils.rnn import pack_padded_sequence

print("expected an error: two rows, and one length")
try:
    packed = pack_padded_sequence(torch.zeros(1, 2, 1), torch.tensor([1]), enforce_sorted=False)
except (RuntimeError, ValueError) as error:
    print("got     ", error)
    sys.exit(0)
print("got     ", packed)
sys.exit(1)
