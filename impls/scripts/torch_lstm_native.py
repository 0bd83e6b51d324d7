import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run(x, h_0, weights):
    rnn = module().to(x.dtype)
    given = x if lengths is None else pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
    torch.backends.mkldnn.set_flags(False)
    output, h_n = torch.func.functional_call(rnn, weights, (given, h_0))
    torch.backends.mkldnn.set_flags(True)
    if lengths is not None:
        output, _ = pad_packed_sequence(output, batch_first, total_length=x.shape[1 if batch_first else 0])
    return output, h_n
