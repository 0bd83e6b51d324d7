"""ExecuTorch on an exported nn.RNN, with its portable kernels."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Capabilities, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.torch_export import exported


@cache
def _compiled(config: Config, *shapes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return a program and its method, which does not keep the program alive."""
    from executorch.exir import to_edge
    from executorch.runtime import Runtime

    program = Runtime.get().load_program(to_edge(exported(config, *shapes)).to_executorch().buffer)
    return program, program.load_method("forward")


@register(
    "executorch",
    capabilities=Capabilities(per_shape=True, several_shapes=False, gradients=False),
    library="executorch",
    extra="heavy",
    group="heavy",
    cases=60,
    # Some calls kill the process.
    environment={},
    known_defects=(
        KnownDefect(
            name="method-outlives-program",
            predicate=lambda case: False,
            reason="a method does not keep its program alive, and its call crashes; worked around by keeping both",
            link="https://github.com/pytorch/executorch/issues/10725 (related)",
            case="",
        ),
        KnownDefect(
            name="empty-batch",
            predicate=lambda case: case.batch_size == 0,
            reason="an empty tensor whose strides are 0, as torch.from_numpy makes them, aborts the process",
            link="extension/tensor/tensor_ptr.cpp of https://github.com/pytorch/executorch (not reported as of 1.5.1)",
            case="agreement-f47055b20178.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one program for each shape, with the parameters as its inputs."""

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _, method = _compiled(config, *(tuple(tensor.shape) for tensor in tensors))
        given = [weights[name] for name in config.parameter_shapes()] + list(tensors)
        # It refuses tensors with gaps.
        output, h_n = method.execute([tensor.detach().contiguous() for tensor in given])
        return output, h_n

    return run
