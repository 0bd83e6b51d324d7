"""mxnet.gluon.rnn.RNN on the CPU: a whole network with layers, directions and layouts of its own. MXNet is retired."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.arguments import check_arguments
from rnn_parity.toolkit.arrays import to_numpy, to_torch
from rnn_parity.toolkit.defects import has_nan_under_relu, states_of
from rnn_parity.toolkit.layers import Optional, differentiable

#: How its parameters are called, `l0_i2h_weight` say.
_ROLES = {"weight_ih": "i2h_weight", "weight_hh": "h2h_weight", "bias_ih": "i2h_bias", "bias_hh": "h2h_bias"}


@cache
def _mxnet() -> Any:
    # It was last released when NumPy still had this name.
    np.bool = bool  # type: ignore[assignment,misc]
    import mxnet

    return mxnet


def _own_name(name: str) -> str:
    role, _, suffix = name.rpartition("_l")
    layer, _, reverse = suffix.partition("_")
    return f"{'r' if reverse else 'l'}{layer}_{_ROLES[role]}"


def _network(config: Config, weights: dict[str, Any], lengths: bool) -> Any:
    """Return a network made for calls with or without lengths; its biases are zero where there are none."""
    network = _mxnet().gluon.rnn.RNN(
        config.hidden_size,
        config.num_layers,
        config.nonlinearity,
        layout="NTC" if config.batch_first else "TNC",
        bidirectional=config.bidirectional,
        input_size=config.input_size,
        dtype=str(config.dtype).removeprefix("torch."),
        use_sequence_length=lengths,
    )
    network.initialize()
    for name, weight in weights.items():
        getattr(network, _own_name(name)).set_data(weight)
    return network


def _rounds_to_float32(case: Case) -> bool:
    if case.config.nonlinearity != "relu" or case.config.dtype != torch.float64:
        return False
    if case.has_cotangents:
        return True
    states = states_of(case)
    with np.errstate(over="ignore"):
        return not np.array_equal(states, states.astype(np.float32), equal_nan=True)


@register(
    "mxnet",
    capabilities=Capabilities(
        second_derivatives=False,
        # It has no FP16 gemm on the CPU, and says so. A size of 0 is one yet to be inferred.
        dtypes=(torch.float64, torch.float32),
        unbatched=False,
        min_batch=1,
    ),
    # A wrong call ends the process.
    environment={},
    library="mxnet",
    group="mxnet",
    script=template("mxnet_rnn"),
    cases=40,
    known_defects=(
        KnownDefect(
            name="relu-in-float32",
            predicate=_rounds_to_float32,
            reason="ReLU of float64 rounds to float32, and so do the gradients that pass through it",
            link="relu in src/operator/rnn_impl.h of https://github.com/apache/mxnet (not reported as of 1.9.1)",
            case="agreement-9a8bf45faf1d.json",
        ),
        KnownDefect(
            name="relu-swallows-nan",
            predicate=has_nan_under_relu,
            reason="ReLU makes 0 of a NaN",
            link="https://github.com/apache/mxnet/issues/11115 (which mended it elsewhere)",
            case="agreement-a713b8835395.json",
        ),
        KnownDefect(
            name="gradients-of-middle-layers",
            predicate=lambda case: (
                case.has_cotangents and case.config.num_layers > 2 and case.config.dtype == torch.float64
            ),
            reason="gradients of weight_ih are wrong in every layer but the first and the last",
            link="https://github.com/apache/mxnet/pull/18203 (which mended it for GRU)",
            case="gradients-346fad3a8386.json",
        ),
        KnownDefect(
            name="no-steps",
            predicate=lambda case: case.misuse == "x-no-steps" and case.config.dtype == torch.float64,
            reason="a sequence of no steps in float64 ends the process; in float32 it is refused",
            link="src/operator/rnn-inl.h of https://github.com/apache/mxnet (not reported as of 1.9.1)",
            case="refusals-d1807cc12de5.json",
        ),
        KnownDefect(
            name="lengths-ignored",
            predicate=lambda case: case.lengths is not None and case.config.dtype == torch.float32,
            reason="use_sequence_length is refused for float64 on the CPU, and for float32 taken and ignored",
            link="src/operator/rnn-inl.h of https://github.com/apache/mxnet (not reported as of 1.9.1)",
            case="claims-02c1d1063e17.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one gluon.rnn.RNN."""
    mxnet = _mxnet()

    def own(tensor: Optional) -> Any:
        return None if tensor is None else mxnet.nd.array(to_numpy(tensor), dtype=to_numpy(tensor).dtype)

    def ours(arrays: Sequence[Any]) -> list[torch.Tensor]:
        return [to_torch(array.asnumpy()) for array in arrays]

    def call(x: Any, h_0: Any, lengths: Any = None) -> list[Any]:
        # Without a state it returns none.
        state = network.begin_state(x.shape[0 if config.batch_first else 1]) if h_0 is None else h_0
        if lengths is None:
            output, (h_n,) = network(x, state)
        else:
            output, (h_n,) = _network(config, own_weights, lengths=True)(x, state, lengths)
        return [output, h_n]

    def forward(*given: Optional) -> tuple[torch.Tensor, ...]:
        x, h_0, lengths = map(own, given[:3])
        return tuple(ours(call(x, h_0, lengths)))

    def vjp(of_output: torch.Tensor, of_h_n: torch.Tensor, *given: Optional) -> list[Optional]:
        inputs = [own(tensor) for tensor in given[:2]]
        asking = [array for array in inputs if array is not None]
        for array in asking:
            array.attach_grad()
        with mxnet.autograd.record(train_mode=False):
            results = call(*inputs)
        mxnet.autograd.backward(results, [own(of_output), own(of_h_n)])
        found = ours([array.grad for array in asking])
        return [*found, *[None] * (3 - len(found)), *ours([parameter.grad() for parameter in parameters])]

    own_weights = {name: own(weight) for name, weight in weights.items()}
    network = _network(config, own_weights, lengths=False)
    parameters = [getattr(network, _own_name(name)) for name in weights]
    results = differentiable(forward, vjp)

    def run(x: torch.Tensor, h_0: Optional = None, lengths: Optional = None) -> Any:
        check_arguments(config, x, h_0, lengths)
        return results(x, h_0, lengths, *weights.values())

    return run
