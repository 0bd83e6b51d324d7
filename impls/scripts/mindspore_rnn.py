import mindspore
import torch


def network_of(weights):
    network = mindspore.nn.RNN(
        input_size,
        hidden_size,
        num_layers,
        nonlinearity=nonlinearity,
        has_bias=bias,
        batch_first=batch_first,
        bidirectional=bidirectional,
        dtype=getattr(mindspore, dtype),
    ).set_train(False)
    own = {parameter.name: parameter for parameter in network.get_parameters()}
    for name, weight in weights.items():
        own[name].set_data(mindspore.Tensor(weight.numpy()))
    return network, [own[name] for name in weights]


def run(x, h_0, weights):
    network, _ = network_of(weights)
    given = [None if tensor is None else mindspore.Tensor(tensor.contiguous().numpy()) for tensor in (x, h_0)]
    ends = None if lengths is None else mindspore.Tensor(lengths)
    return [torch.from_numpy(result.asnumpy()) for result in network(*given, ends)]


def run_gradients(run, x, h_0, weights, cotangents):
    network, own = network_of(weights)
    ends = None if lengths is None else mindspore.Tensor(lengths)
    given = [mindspore.Tensor(tensor.numpy()) for tensor in (x, h_0) if tensor is not None]

    def results(x, *h_0):
        return network(x, *(h_0 or [None]), ends)

    found, back = mindspore.vjp(results, *given, weights=own)
    of_given, of_weights = back(*(mindspore.Tensor(part.numpy()) for part in cotangents))
    names = ["x", "h_0"][: len(given)] + list(weights)
    gradients = {name: torch.from_numpy(array.asnumpy()) for name, array in zip(names, [*of_given, *of_weights])}
    return *(torch.from_numpy(result.asnumpy()) for result in found), gradients
