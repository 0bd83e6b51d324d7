import torch
import torch._dynamo

torch._dynamo.config.allow_rnn = True


def run(x, h_0, weights):
    rnn = torch.nn.RNN(
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional, device="meta"
    )

    def network(weights, x, h_0):
        return torch.func.functional_call(rnn, weights, (x, h_0))

    return torch.compile(network, dynamic=False, fullgraph=True)(weights, x, h_0)
