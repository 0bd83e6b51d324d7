"""The notebook's first implementation to the letter: element-wise products, right for one input and one hidden unit.

Only the door is ours: nn.RNN's layouts, and an `h_0` where the notebook starts from 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rnn_parity.contract import Capabilities, Config, Run, Weights
from rnn_parity.registry import register
from rnn_parity.toolkit.arguments import check_arguments


@register(
    "notebook-elementwise",
    capabilities=Capabilities(
        nonlinearities=("relu",),
        biases=(True,),
        bidirectional=False,
        # It detaches every state.
        gradients=False,
        max_input_size=1,
        max_hidden_size=1,
        max_layers=1,
    ),
)
def build(config: Config, weights: Weights) -> Run:
    """Build one hidden unit that reads one input, in the notebook's notation."""
    judged = Config(1, 1, nonlinearity="relu", batch_first=config.batch_first, dtype=config.dtype)
    if config != judged:
        raise NotImplementedError(f"the notebook has {judged}, found {config}")

    W_ih = nn.Parameter(weights["weight_ih_l0"].clone())
    W_hh = nn.Parameter(weights["weight_hh_l0"].clone())

    b_ih = nn.Parameter(weights["bias_ih_l0"].clone())
    b_hh = nn.Parameter(weights["bias_hh_l0"].clone())

    relu = nn.ReLU()

    def get_h(h_t_prev: Any, rnn_input_t: torch.Tensor) -> torch.Tensor:
        h_t: torch.Tensor = relu(W_ih.T * rnn_input_t + b_ih + h_t_prev * W_hh.T + b_hh).detach()
        return h_t

    def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        check_arguments(config, x, h_0)
        unbatched = x.dim() == 2
        rnn_input = x.unsqueeze(0) if unbatched else x if config.batch_first else x.transpose(0, 1)

        h_array: list[Any] = [0 if h_0 is None else h_0[0]]
        for i in range(rnn_input.shape[1]):
            h_array.append(get_h(h_array[-1], rnn_input[:, i]))
        h_array.pop(0)

        if unbatched:
            return torch.cat(h_array), h_array[-1]
        return torch.stack(h_array, dim=1 if config.batch_first else 0), h_array[-1].unsqueeze(0)

    return run
