import torch


def run(x, h_0, weights):
    rnn = torch.nn.RNN(
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional
    )
    rnn.to(x.dtype).load_state_dict(weights)
    parameters.update(rnn.named_parameters())
    given = (x,) if h_0 is None else (x, h_0)
    return torch.jit.trace(rnn.eval(), given, check_trace=False)(*given)
