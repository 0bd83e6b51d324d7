"""What was found about PyTorch's own kernels: whoever multiplies matrices with them has it, too."""

from __future__ import annotations

from dataclasses import replace

import torch

from rnn_parity.contract import Case, KnownDefect


def _reads_past_rows(case: Case) -> bool:
    """Return whether a product has a depth that tiles of bfloat16 do not divide, and no number stands behind a row."""
    config = case.config
    depths = {config.input_size, config.hidden_size, config.hidden_size * config.num_directions} - {1}
    uneven = any(depth % 2 or (depth > 32 and depth % 32) for depth in depths)
    return config.dtype == torch.bfloat16 and uneven and (not case.finite or case.memory == "sliced")


TORCH_DEFECTS = (
    KnownDefect(
        name="bfloat16-tile-tails",
        predicate=_reads_past_rows,
        reason="on CPUs with AMX, a bfloat16 product of odd depth, or of one beyond 32 that 32 does not divide, reads "
        "past the end of a row: a NaN or infinity there reaches it",
        link="https://github.com/uxlfoundation/oneDNN/issues/5717",
        case="agreement-80ad12e8e3fa.json",
        present=torch.cpu._is_amx_tile_supported,
        library="torch",
    ),
)
#: Of whoever is written in torch: such cases are not drawn where this machine shows it. It may be that none of its own
#: products does, so that no case of the archive has to fail.
INHERITED = tuple(replace(defect, case="") for defect in TORCH_DEFECTS)
