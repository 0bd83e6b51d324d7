"""The RNN operator of ONNX's own ReferenceEvaluator, which is written in NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from rnn_parity.contract import Capabilities, Case, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.onnx_model import Evaluator, Node, run_nodes


@lru_cache(maxsize=1024)
def _evaluator(node: Node) -> Evaluator:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(node.model())

    def evaluate(feeds: dict[str, Any]) -> Any:
        with np.errstate(all="ignore"):
            return evaluator.run(None, feeds)

    return evaluate


def _multiplies_by_one_number(case: Case) -> bool:
    """Return whether a product has a one-element operand, and something is not finite: 0 times infinity may be 0."""
    config = case.config
    depths = {config.input_size, config.hidden_size, config.hidden_size * config.num_directions}
    return not case.finite and 1 in depths and 1 in (config.hidden_size, case.batch_size)


@register(
    "onnx-reference",
    # Its RNN raises on all activations but Tanh and Affine.
    capabilities=Capabilities(nonlinearities=("tanh",), gradients=False, lengths=("padded",)),
    library="onnx",
    extra="onnx",
    script=template("onnx_node", "onnx_reference"),
    known_defects=(
        KnownDefect(
            name="dot-with-one-number",
            predicate=_multiplies_by_one_number,
            reason="np.dot with an operand of one element that is 0 gives 0, not NaN, for an infinity or NaN",
            link="https://github.com/numpy/numpy/issues/14788",
            case="agreement-108feda91f49.json",
        ),
        KnownDefect(
            name="lengths-not-read",
            predicate=lambda case: case.lengths is not None and min(case.lengths) < case.steps,
            reason="sequence_lens is an argument of its RNN that nothing reads: every row runs to the end",
            link="onnx/reference/ops/op_rnn.py of https://github.com/onnx/onnx (not reported as of 1.23.2)",
            case="lengths-21e725013bab.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one RNN node for each layer; an evaluator serves all networks of the same sizes."""
    return run_nodes(config, weights, _evaluator)
