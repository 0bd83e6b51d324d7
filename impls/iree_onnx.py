"""IREE on ONNX's RNN operator, compiled for the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.layers import Optional, Scan, run_scans
from rnn_parity.toolkit.onnx_model import Node

_FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    # It would turn float64 into float32.
    "--iree-input-demote-f64-to-f32=false",
)


@cache
def _compiled(node: Node, steps: int, batch: int) -> Callable[..., Any]:
    import iree.compiler
    from iree import runtime

    program = iree.compiler.compile_str(_imported(node, steps, batch), input_type="onnx", extra_args=_FLAGS)
    config = runtime.Config("local-sync")
    module = runtime.VmModule.copy_buffer(config.vm_instance, program)
    call: Callable[..., Any] = runtime.load_vm_module(module, config)["rnn"]
    return call


def _imported(node: Node, steps: int, batch: int) -> str:
    """Return the graph as MLIR. It cannot be compiled for open sizes."""
    from iree.compiler.extras import onnx_importer
    from iree.compiler.ir import Context

    model, sizes = node.model(), {"seq_length": steps, "batch_size": batch}
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_value = sizes[axis.dim_param]
    with Context() as context:
        info = onnx_importer.ModelInfo(model)
        module = info.create_module(context=context).operation
        onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
        return str(module)


@register(
    "iree",
    capabilities=Capabilities(per_shape=True, several_shapes=False, gradients=False),
    rounding=Rounding(
        tanh_ulps=5,
        reason=(
            "float32 tanh is Eigen's rational interpolant, 'accurate up to a couple of ulps' (4.9 at most over all "
            "numbers): mlir/lib/Dialect/Math/Transforms/PolynomialApproximation.cpp of "
            "https://github.com/llvm/llvm-project, Eigen/src/Core/MathFunctionsImpl.h"
        ),
    ),
    library="iree-base-compiler",
    needs=("iree-base-runtime", "onnx"),
    extra="heavy",
    group="heavy",
    cases=300,
    known_defects=(
        KnownDefect(
            name="dangling-views",
            predicate=lambda case: False,
            reason="views of what to_host() returns outlive its memory, and change; worked around by a copy",
            link="runtime/bindings/python of https://github.com/iree-org/iree (not reported as of 3.13.0)",
            case="",
        ),
        KnownDefect(
            name="tanh-of-float64",
            predicate=lambda case: case.config.dtype == torch.float64 and case.config.nonlinearity == "tanh",
            reason="it calls tanh of the C library, to which what it compiles is not linked",
            link="https://github.com/iree-org/iree/issues/8719 (of exp and log; not reported of tanh as of 3.13.0)",
            case="agreement-0a317e037234.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one graph for each shape of a layer, with the parameters as its inputs."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    w_ih, w_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
    biases = [torch.cat([weights[f"bias_ih_{suffix}"], weights[f"bias_hh_{suffix}"]])] if config.bias else []

    def scan(x: torch.Tensor, h_0: Optional) -> torch.Tensor:
        node = Node(
            input_size=x.shape[2],
            hidden_size=config.hidden_size,
            directions=1,
            nonlinearity=config.nonlinearity,
            bias=config.bias,
            h_0=h_0 is not None,
            lengths=False,
            dtype=config.dtype,
        )
        of_direction = [w_ih, w_hh, *biases, *([] if h_0 is None else [h_0])]
        given = [x, *(tensor[None] for tensor in of_direction)]
        arrays = [np.ascontiguousarray(to_numpy(tensor)) for tensor in given]
        output, _ = _compiled(node, *x.shape[:2])(*arrays)
        # A copy: views of what to_host() returns outlive its memory.
        return to_torch(np.array(output.to_host()))[:, 0]

    return scan
