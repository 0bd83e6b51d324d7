import paddle
import torch


def network_of(weights):
    paddle.set_default_dtype(dtype)
    network = paddle.nn.SimpleRNN(
        input_size,
        hidden_size,
        num_layers,
        direction="bidirect" if bidirectional else "forward",
        time_major=not batch_first,
        activation=nonlinearity,
        bias_ih_attr=None if bias else False,
        bias_hh_attr=None if bias else False,
    )
    for name, weight in weights.items():
        getattr(network, name).set_value(weight.numpy())
    return network


def run(x, h_0, weights):
    given = [None if tensor is None else paddle.to_tensor(tensor.numpy()) for tensor in (x, h_0)]
    ends = None if lengths is None else paddle.to_tensor(lengths)
    return [torch.from_numpy(result.numpy()) for result in network_of(weights)(*given, ends)]


def run_gradients(run, x, h_0, weights, cotangents):
    network = network_of(weights)
    given = {
        name: paddle.to_tensor(tensor.numpy(), stop_gradient=False)
        for name, tensor in {"x": x, "h_0": h_0}.items()
        if tensor is not None
    }
    ends = None if lengths is None else paddle.to_tensor(lengths)
    results = network(given["x"], given.get("h_0"), ends)
    leaves = given | {name: getattr(network, name) for name in weights}
    found = paddle.grad(results, list(leaves.values()), [paddle.to_tensor(part.numpy()) for part in cotangents])
    gradients = {name: torch.from_numpy(gradient.numpy()) for name, gradient in zip(leaves, found)}
    return *(torch.from_numpy(result.numpy()) for result in results), gradients
