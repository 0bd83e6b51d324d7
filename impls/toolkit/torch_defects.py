"""What was found about PyTorch's own kernels: shared by every implementation that multiplies matrices with them."""

from __future__ import annotations

import torch

from rnn_parity.contract import Case, KnownDefect


def _has_tile_with_tail(case: Case) -> bool:
    """Return whether a product has a depth that tiles of bfloat16 do not divide, and something is not finite."""
    config = case.config
    depths = {config.input_size, config.hidden_size, config.hidden_size * config.num_directions}
    return config.dtype == torch.bfloat16 and not case.finite and any(depth > 32 and depth % 32 for depth in depths)


TORCH_DEFECTS = (
    KnownDefect(
        name="bfloat16-tile-tails",
        predicate=_has_tile_with_tail,
        reason="on CPUs with AMX, a NaN or infinity in one row of a bfloat16 product reaches the row before it",
        link="https://github.com/uxlfoundation/oneDNN/issues/5717",
        case="agreement-80ad12e8e3fa.json",
        present=torch.cpu._is_amx_tile_supported,
    ),
)
