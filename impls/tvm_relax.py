"""TVM on what its Relax front end makes of an exported nn.RNN, compiled for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Capabilities, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.defects import has_nan_under_relu
from rnn_parity.torch_export import exported


@cache
def _compiled(config: Config, *shapes: tuple[int, ...]) -> Callable[..., Any]:
    import tvm
    from tvm import relax
    from tvm.relax.frontend.torch import from_exported_program

    executable = tvm.compile(from_exported_program(exported(config, *shapes)), "llvm")
    machine = relax.VirtualMachine(executable, tvm.cpu())
    call: Callable[..., Any] = machine["main"]
    return call


@register(
    "tvm",
    # Of the other dtypes there is a known defect; a virtual machine runs one call at a time.
    capabilities=Capabilities(
        dtypes=(torch.float32,), per_shape=True, several_shapes=False, gradients=False, threads=False
    ),
    rounding=Rounding(
        tanh_absolute=True,
        reason=(
            "tanh is (1 - e^(-2x)) / (1 + e^(-2x)) on the CPU: src/target/llvm/intrin_rule_llvm.cc of "
            "https://github.com/apache/tvm"
        ),
    ),
    library="apache-tvm",
    extra="heavy",
    group="heavy",
    cases=100,
    known_defects=(
        KnownDefect(
            name="matrix-products-in-float32",
            predicate=lambda case: case.config.dtype != torch.float32,
            reason="its front end makes matrix products float32, whatever the dtype: float64 is refused or float32",
            link="python/tvm/relax/frontend/torch/base_fx_graph_translator.py of https://github.com/apache/tvm"
            " (not reported as of 0.27.0)",
            case="agreement-272b1bf82b4b.json",
        ),
        KnownDefect(
            name="relu-swallows-nan",
            predicate=has_nan_under_relu,
            reason="max(x, 0) makes 0 of a NaN",
            link="https://github.com/apache/tvm/issues/19579",
            case="agreement-a713b8835395.json",
        ),
        KnownDefect(
            name="empty-batch",
            predicate=lambda case: case.batch_size == 0,
            reason="of two reshapes of an empty tensor one is made, whose 0 means 'as it was': it cannot be compiled",
            link="https://github.com/apache/tvm/pull/20255 (related; not reported as of 0.27.0)",
            case="agreement-f47055b20178.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one function for each shape, with the parameters as its arguments."""

    def run(*tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        import tvm

        call = _compiled(config, *(tuple(tensor.shape) for tensor in tensors))
        given = [weights[name] for name in config.parameter_shapes()] + list(tensors)
        output, h_n = call(*(tvm.runtime.tensor(to_numpy(tensor)) for tensor in given))
        return to_torch(output.numpy()), to_torch(h_n.numpy())

    return run
