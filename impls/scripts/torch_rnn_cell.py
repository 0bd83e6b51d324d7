def cell_of(features):
    return torch.nn.RNNCell(features, hidden_size, bias, nonlinearity)
