def module():
    return torch.nn.LSTM(input_size, hidden_size, num_layers, bias, batch_first, bidirectional=bidirectional)
