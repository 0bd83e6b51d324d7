"""torch::nn::RNN, the C++ API's, built once on a machine by torch.utils.cpp_extension.

Two processes that build at once wait for each other: torch keeps a lock beside what it built.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.parameters import fill

SOURCE = """
using torch::Tensor;

struct Network {
  torch::nn::RNN rnn;

  Network(int64_t input, int64_t hidden, int64_t layers, bool relu, bool bias, bool batch_first, bool two)
      : rnn(options(input, hidden, layers, relu, bias, batch_first, two)) {}

  static torch::nn::RNNOptions options(
      int64_t input, int64_t hidden, int64_t layers, bool relu, bool bias, bool batch_first, bool two) {
    auto options = torch::nn::RNNOptions(input, hidden)
        .num_layers(layers).bias(bias).batch_first(batch_first).bidirectional(two);
    if (relu) options.nonlinearity(torch::kReLU); else options.nonlinearity(torch::kTanh);
    return options;
  }

  void to(torch::ScalarType dtype) { rnn->to(dtype); }

  std::map<std::string, Tensor> parameters() {
    std::map<std::string, Tensor> found;
    for (auto& item : rnn->named_parameters()) found[item.key()] = item.value();
    return found;
  }

  std::tuple<Tensor, Tensor> forward(Tensor x, std::optional<Tensor> h_0) {
    return rnn->forward(x, h_0.value_or(Tensor()));
  }

  std::tuple<Tensor, Tensor> forward_packed(
      Tensor data, Tensor batch_sizes, std::optional<Tensor> sorted, std::optional<Tensor> unsorted,
      std::optional<Tensor> h_0) {
    torch::nn::utils::rnn::PackedSequence packed(
        data, batch_sizes, sorted.value_or(Tensor()), unsorted.value_or(Tensor()));
    auto [output, h_n] = rnn->forward_with_packed_input(packed, h_0.value_or(Tensor()));
    return {output.data(), h_n};
  }
};

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  py::class_<Network>(module, "Network")
      .def(py::init<int64_t, int64_t, int64_t, bool, bool, bool, bool>())
      .def("to", [](Network& self, py::object dtype) {
        self.to(torch::python::detail::py_object_to_dtype(dtype)); })
      .def("parameters", &Network::parameters)
      .def("forward", &Network::forward)
      .def("forward_packed", &Network::forward_packed);
}
"""


@cache
def _extension() -> Any:
    from torch.utils.cpp_extension import load_inline

    return load_inline("rnn_parity_cpp", SOURCE, extra_cflags=["-O1"])  # type: ignore[no-untyped-call]


@register(
    "nn.rnn-cpp",
    capabilities=Capabilities(lengths=("packed",), unbatched=False),
    group="compiled",
    programs=("g++", "ninja"),
)
def build(config: Config, weights: Weights) -> Run:
    """Build a network of C++, and return its parameters as tensors of Python's."""
    network = _extension().Network(
        config.input_size,
        config.hidden_size,
        config.num_layers,
        config.nonlinearity == "relu",
        config.bias,
        config.batch_first,
        config.bidirectional,
    )
    network.to(config.dtype)
    parameters = network.parameters()
    fill(parameters, weights)

    def run(x: Any, h_0: torch.Tensor | None = None) -> Any:
        if not isinstance(x, PackedSequence):
            return network.forward(x, h_0)
        data, h_n = network.forward_packed(*x, h_0)
        return x._replace(data=data), h_n

    run.parameters = parameters  # type: ignore[attr-defined]
    return run
