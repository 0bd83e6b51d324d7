import torch


class OnTensor(torch.nn.Module):
    """nn.RNN has two signatures, and a script one."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.rnn(x, h_0)


def run(x, h_0, weights):
    rnn = torch.nn.RNN(
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional
    )
    rnn.to(x.dtype).load_state_dict(weights)
    parameters.update(rnn.named_parameters())
    return torch.jit.script(OnTensor(rnn.eval()))(x, h_0)
