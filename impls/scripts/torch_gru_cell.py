def cell_of(features):
    return torch.nn.GRUCell(features, hidden_size, bias)
