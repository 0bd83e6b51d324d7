import ncnn
import numpy as np
import torch
from numpy import swapaxes


def to_own(tensor):
    return tensor.numpy()


def to_torch(array):
    return torch.from_numpy(array)


def network_of(w_ih, b, w_hh):
    """Input (T, I) and h_0 (D, H) to output (T, D * H) and h_n (D, H), of one row of a batch."""
    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    # A stored array of float32 begins with four zero bytes.
    stored = b"".join(bytes(4) + array.tobytes() for array in (w_ih, b, w_hh))
    net.load_param_mem(
        "7767517\n3 4\nInput x 0 1 x\nInput h_0 0 1 h_0\n"
        f"RNN rnn 2 2 x h_0 output h_n 0={hidden_size} 1={w_ih.size} 2={2 if bidirectional else 0}\n"
    )
    net.load_model_mem(stored)
    return net, stored


def run_time_major(x, h_0, weights):
    finals, directions = [], 1 + bidirectional
    for layer in range(num_layers):
        suffixes = [f"l{layer}", f"l{layer}_reverse"][:directions]
        w_ih, w_hh = (np.stack([weights[f"weight_{role}_{suffix}"] for suffix in suffixes]) for role in ("ih", "hh"))
        b = np.zeros((directions, hidden_size), np.float32)
        if bias:
            b = np.stack([weights[f"bias_ih_{suffix}"] + weights[f"bias_hh_{suffix}"] for suffix in suffixes])
        net, stored = network_of(w_ih, b, w_hh)
        start = np.zeros((directions, x.shape[1], hidden_size), np.float32)
        if h_0 is not None:
            start = h_0[layer * directions :][:directions]
        output = np.zeros((*x.shape[:2], directions * hidden_size), np.float32)
        final = np.zeros_like(start)
        for row in range(x.shape[1]):
            with net.create_extractor() as extractor:
                for name, array in {"x": x[:, row], "h_0": start[:, row]}.items():
                    extractor.input(name, ncnn.Mat(np.ascontiguousarray(array)).clone())
                output[:, row], final[:, row] = (np.array(extractor.extract(name)[1]) for name in ("output", "h_n"))
        x = output
        finals.append(final)
    return x, np.concatenate(finals)
