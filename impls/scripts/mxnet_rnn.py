import importlib

import numpy as np
import torch

np.bool = bool  # MXNet was last released when NumPy still had this name.
mxnet = importlib.import_module("mxnet")

ROLES = {"weight_ih": "i2h_weight", "weight_hh": "h2h_weight", "bias_ih": "i2h_bias", "bias_hh": "h2h_bias"}


def own_name(name):
    role, _, suffix = name.rpartition("_l")
    layer, _, reverse = suffix.partition("_")
    return f"{'r' if reverse else 'l'}{layer}_{ROLES[role]}"


def network_of(weights):
    network = mxnet.gluon.rnn.RNN(
        hidden_size,
        num_layers,
        nonlinearity,
        layout="NTC" if batch_first else "TNC",
        bidirectional=bidirectional,
        input_size=input_size,
        dtype=dtype,
        use_sequence_length=lengths is not None,
    )
    network.initialize()
    for name, weight in weights.items():
        getattr(network, own_name(name)).set_data(own(weight))
    return network


def own(tensor):
    return mxnet.nd.array(tensor.numpy(), dtype=tensor.numpy().dtype)


def call_network(network, x, h_0):
    state = network.begin_state(x.shape[0 if batch_first else 1]) if h_0 is None else h_0
    ends = [] if lengths is None else [mxnet.nd.array(lengths)]
    output, (h_n,) = network(x, state, *ends)
    return [output, h_n]


def run(x, h_0, weights):
    results = call_network(network_of(weights), own(x), None if h_0 is None else own(h_0))
    return [torch.from_numpy(array.asnumpy()) for array in results]


def run_gradients(run, x, h_0, weights, cotangents):
    network = network_of(weights)
    given = {name: own(tensor) for name, tensor in (("x", x), ("h_0", h_0)) if tensor is not None}
    for array in given.values():
        array.attach_grad()
    with mxnet.autograd.record(train_mode=False):
        results = call_network(network, given["x"], given.get("h_0"))
    mxnet.autograd.backward(results, [own(part) for part in cotangents])
    gradients = {name: array.grad for name, array in given.items()}
    gradients |= {name: getattr(network, own_name(name)).grad() for name in weights}
    ours = {name: torch.from_numpy(array.asnumpy()) for name, array in gradients.items()}
    return *(torch.from_numpy(array.asnumpy()) for array in results), ours
