import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run(x, h_0, weights):
    rnn = torch.nn.RNN(
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional
    )
    steps, rows = (x.shape[1], x.shape[0]) if batch_first else x.shape[:2]
    ends = torch.full((rows,), steps) if lengths is None else torch.tensor(lengths)
    packed = pack_padded_sequence(x, ends, batch_first, enforce_sorted=False)
    output, h_n = torch.func.functional_call(rnn.to(x.dtype), weights, (packed, h_0))
    output, _ = pad_packed_sequence(output, batch_first, total_length=steps)
    return output, h_n
