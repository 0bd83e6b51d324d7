import torch


class Exportable(torch.nn.Module):
    """nn.RNN without parameters: they are among its inputs."""

    def __init__(self):
        super().__init__()
        rnn = torch.nn.RNN(
            input_size,
            hidden_size,
            num_layers,
            nonlinearity,
            bias,
            batch_first,
            bidirectional=bidirectional,
            device="meta",
        )
        self.network = lambda weights, x, h_0: torch.func.functional_call(rnn, weights, (x, h_0))

    def forward(self, weights, x, *h_0):
        return self.network(weights, x, *(h_0 or [None]))
