"""torch.nn.RNN exported: the graph that torch.export makes of it, and what AOTInductor builds of that graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.torch_compile import SHARED_RESULTS, network_of


class _Exportable(torch.nn.Module):
    """nn.RNN as a module without parameters: they are among its inputs."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.network = network_of(config)

    def forward(self, weights: dict[str, torch.Tensor], x: torch.Tensor, *h_0: torch.Tensor) -> Any:
        return self.network(weights, x, h_0[0] if h_0 else None)


def exportable(config: Config, *shapes: tuple[int, ...]) -> tuple[torch.nn.Module, tuple[Any, ...]]:
    """Return an exporter's arguments: nn.RNN, and its parameters, an x of this shape, and an h_0 as examples."""
    weights = {key: torch.zeros(shape, dtype=config.dtype) for key, shape in config.parameter_shapes().items()}
    tensors = [torch.zeros(shape, dtype=config.dtype) for shape in shapes]
    return _Exportable(config).eval(), (weights, *tensors)


def exported(config: Config, *shapes: tuple[int, ...]) -> Any:
    """Export nn.RNN for an x of this shape, and an h_0: an ExportedProgram, with the parameters as inputs."""
    return torch.export.export(*exportable(config, *shapes))


def _register(name: str, compiled: Callable[[Any], Callable[..., Any]], **options: Any) -> None:
    """Register what is compiled from the exported graph: for inference, one program for each shape."""

    @cache
    def graph(config: Config, *shapes: tuple[int, ...]) -> Callable[..., Any]:
        return compiled(exported(config, *shapes))

    def build(config: Config, weights: Weights) -> Run:
        def run(*tensors: torch.Tensor) -> Any:
            return graph(config, *(tuple(tensor.shape) for tensor in tensors))(dict(weights), *tensors)

        return run

    capabilities = Capabilities(per_shape=True, several_shapes=False, gradients=False, threads=False)
    register(name, build, capabilities=capabilities, group="compiled", cases=20, **options)


def _ahead_of_time(program: Any) -> Callable[..., Any]:
    import torch._inductor as inductor

    loaded: Callable[..., Any] = inductor.aoti_load_package(inductor.aoti_compile_and_package(program))

    def call(weights: dict[str, torch.Tensor], *tensors: torch.Tensor) -> Any:
        # It is compiled for tensors without gaps, does not look whether they are, and gives wrong numbers for others:
        # https://github.com/pytorch/pytorch/issues/122784, https://github.com/pytorch/pytorch/pull/186898.
        dense = {name: weight.contiguous() for name, weight in weights.items()}
        return loaded(dense, *(tensor.contiguous() for tensor in tensors))

    return call


_register(
    "nn.rnn-export",
    lambda program: program.module(),
    script=template("torch_exported", "torch_export"),
)
_register(
    "nn.rnn-aoti",
    _ahead_of_time,
    known_defects=(SHARED_RESULTS,),
    programs=("g++",),
    script=template("torch_exported", "torch_aoti"),
)
