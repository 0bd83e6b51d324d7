"""FlashRNN's function "elman" with its backend "vanilla", which needs no GPU."""

from __future__ import annotations

import torch

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.layers import Optional, Scan, run_scans
from rnn_parity.toolkit.parameters import of_direction, one_bias


@register(
    "flashrnn",
    capabilities=Capabilities(
        nonlinearities=("tanh",),
        # FlashRNNConfig's DTYPES.
        dtypes=(torch.float32, torch.float16, torch.bfloat16),
        # Its way back is a kernel of its own, whose derivative torch does not know.
        second_derivatives=False,
    ),
    library="flashrnn",
    extra="flashrnn",
    group="flashrnn",
)
def build(config: Config, weights: Weights) -> Run:
    """Build one call for each layer and direction, with one head."""
    return run_scans(config, [_scan(config, weights, suffix) for suffix in config.suffixes()])


def _scan(config: Config, weights: Weights, suffix: str) -> Scan:
    from flashrnn import flashrnn

    if config.nonlinearity != "tanh":
        raise NotImplementedError(config.nonlinearity)

    def bias() -> torch.Tensor:
        _, _, *biases = of_direction(config, weights, suffix)
        return one_bias(*biases) if biases else torch.zeros(config.hidden_size, dtype=config.dtype)

    def scan(x: torch.Tensor, h_0: Optional) -> torch.Tensor:
        # It starts from the products of x. Its axes are (batch, time, gate, head, unit), (gate, head, unit, unit),
        # (gate, head, unit) and (state, batch, time, head, unit).
        products = torch.nn.functional.linear(x.transpose(0, 1), weights[f"weight_ih_{suffix}"])
        states: torch.Tensor
        states, _ = flashrnn(
            products[:, :, None, None],
            weights[f"weight_hh_{suffix}"][None, None],
            bias()[None, None],
            states=None if h_0 is None else h_0[None, :, None, None],
            function="elman",
            backend="vanilla",
            dtype=str(config.dtype).removeprefix("torch."),
        )
        return states[0, :, :, 0].transpose(0, 1)

    return scan
