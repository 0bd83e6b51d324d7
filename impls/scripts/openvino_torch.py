import torch


def run(x, h_0, weights):
    rnn = torch.nn.RNN(
        input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, bidirectional=bidirectional
    )
    rnn.to(x.dtype).eval().load_state_dict(weights)
    given = (x,) if h_0 is None else (x, h_0)
    model = openvino.convert_model(rnn, example_input=x if h_0 is None else given)
    return [to_torch(array) for array in infer(model, [to_own(tensor) for tensor in given])]


def to_own(tensor):
    if dtype != "bfloat16":
        return tensor.numpy()
    from ml_dtypes import bfloat16

    return tensor.view(torch.int16).numpy().view(bfloat16)


def to_torch(array):
    return torch.from_numpy(array.astype(np.float64)).to(getattr(torch, array.dtype.name))
