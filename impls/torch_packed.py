"""torch.nn.RNN on sequences of different lengths: padded in, packed for nn.RNN, and padded with zeros out."""

from __future__ import annotations

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_parity.contract import Capabilities, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Optional
from rnn_parity.toolkit.parameters import fill


@register(
    "nn.rnn-packed",
    # A PackedSequence holds one sequence at least.
    capabilities=Capabilities(lengths=("padded",), padding="zeros", unbatched=False, min_batch=1),
    script=template("torch_packed"),
    known_defects=(
        KnownDefect(
            name="h_0-cut-by-packing",
            predicate=lambda case: case.misuse == "h_0-row-more",
            reason="beside a sequence that was sorted to be packed, rows of h_0 are picked before they are counted",
            link="permute_hidden in torch/nn/modules/rnn.py (not reported as of 2.13.0)",
            case="refusals-9d8651c53944.json",
        ),
        KnownDefect(
            name="rows-cut-by-packing",
            predicate=lambda case: case.misuse == "lengths-too-few",
            reason="pack_padded_sequence(enforce_sorted=False) drops rows for which there is no length",
            link="index_select in torch/nn/utils/rnn.py, before the check (not reported as of 2.13.0)",
            case="refusals-a6440a765097.json",
        ),
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build an nn.RNN that reads packed sequences only; without lengths, all have the same length."""
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    parameters = dict(network.named_parameters())
    fill(parameters, weights)
    steps_axis = 1 if config.batch_first else 0

    def run(x: torch.Tensor, h_0: Optional = None, lengths: Optional = None) -> tuple[torch.Tensor, torch.Tensor]:
        steps, batch = x.shape[steps_axis], x.shape[1 - steps_axis]
        if lengths is None:
            lengths = torch.full((batch,), steps)
        packed = pack_padded_sequence(x, lengths, batch_first=config.batch_first, enforce_sorted=False)
        output, h_n = network(packed, h_0)
        padded, _ = pad_packed_sequence(output, batch_first=config.batch_first, total_length=steps)
        return padded, h_n

    run.parameters = parameters  # type: ignore[attr-defined]
    return run
