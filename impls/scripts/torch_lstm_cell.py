def cell_of(features):
    return torch.nn.LSTMCell(features, hidden_size, bias)
