"""tract's RNN, read from ONNX."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Rounding, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.defects import has_nan_state, states_of
from rnn_parity.toolkit.onnx_model import Evaluator, Node, run_nodes


@lru_cache(maxsize=1024)
def _runnable(node: Node) -> Evaluator:
    import tract

    model = node.model()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rnn.onnx"
        path.write_bytes(model.SerializeToString())
        runnable = tract.onnx().load(path).into_model().into_runnable()
    names = [given.name for given in model.graph.input]

    def evaluate(feeds: dict[str, Any]) -> Any:
        output, h_n = runnable.run([feeds[name] for name in names])
        return output.to_numpy(), h_n.to_numpy()

    return evaluate


def _saturates(case: Case) -> bool:
    """Return whether a tanh comes near to 1, where its clamped argument shows."""
    return case.config.dtype == torch.float32 and bool((np.abs(states_of(case)) > 1 - 2**-18).any())


def _vanishes(case: Case) -> bool:
    """Return whether a tanh is so small that a small multiple of it is subnormal."""
    states = np.abs(states_of(case))
    return case.config.dtype == torch.float32 and bool(((states > 0) & (states < 2.0**-116)).any())


@register(
    "tract",
    # Its ONNX front end knows no bfloat16, and refuses sequence_lens where lengths differ.
    capabilities=Capabilities(dtypes=(torch.float64, torch.float32, torch.float16), gradients=False),
    rounding=Rounding(
        tanh_ulps=4,
        reason="its tanh of float32 is a rational function of degree 13 over 6: linalg/src/generic/tanh.rs of "
        "https://github.com/sonos/tract",
    ),
    known_defects=(
        KnownDefect(
            name="relu-is-tanh",
            predicate=lambda case: case.config.nonlinearity == "relu",
            reason="the attribute activations of RNN is not read: it computes tanh whatever it says",
            link="onnx/src/ops/rec/rnn.rs of https://github.com/sonos/tract (not reported as of 0.23.9)",
            case="agreement-06d7090af5ef.json",
        ),
        KnownDefect(
            name="no-initial-state",
            predicate=lambda case: not case.has_h_0,
            reason="without initial_h a model whose batch is a symbol aborts the process: UndeterminedSymbol",
            link="onnx/src/ops/rec/common.rs of https://github.com/sonos/tract (not reported as of 0.23.9)",
            case="agreement-51348c15cf54.json",
        ),
        KnownDefect(
            name="tanh-swallows-nan",
            predicate=lambda case: case.config.dtype != torch.float64 and has_nan_state(case),
            reason="tanh of a NaN is -1, or nearly: its argument is clamped",
            link="linalg/src/generic/tanh.rs of https://github.com/sonos/tract (not reported as of 0.23.9)",
            case="agreement-b11b6d90875c.json",
        ),
        KnownDefect(
            name="tanh-of-large-numbers",
            predicate=_saturates,
            reason="tanh of float32 comes no nearer to 1 than 0.9999994: its argument is clamped",
            link="linalg/src/generic/tanh.rs of https://github.com/sonos/tract (not reported as of 0.23.9)",
            case="agreement-9d564bb61da3.json",
        ),
        KnownDefect(
            name="tanh-of-small-numbers",
            predicate=_vanishes,
            reason="tanh of float32 is 0 below some 200 smallest normal numbers: a multiple of its argument is flushed",
            link="linalg/src/generic/tanh.rs of https://github.com/sonos/tract (not reported as of 0.23.9)",
            case="agreement-858824a10aa0.json",
        ),
    ),
    library="tract",
    needs=("onnx",),
    extra="tract",
    script=template("onnx_node", "tract_onnx"),
    # Its errors may abort the process.
    environment={},
    cases=100,
)
def build(config: Config, weights: Weights) -> Run:
    """Build one RNN node for each layer; a model serves all networks of the same sizes."""
    return run_nodes(config, weights, _runnable)
