def module():
    return torch.nn.GRU(input_size, hidden_size, num_layers, bias, batch_first, bidirectional=bidirectional)
