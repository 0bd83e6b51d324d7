"""Sequences of different lengths: how they are handed over, and what is looked at in what comes back."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnn_parity.contract import Config
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.verdict import Disagreement


def hand_over(case: Case, x: torch.Tensor, h_0: torch.Tensor | None) -> tuple[Any, ...]:
    """Return the arguments of a call: (x, h_0) without an absent h_0, a PackedSequence as x, or (x, h_0, lengths).

    The parts of a state that has several are handed over as a tuple.
    """
    state = in_parts(case.config, h_0)
    if case.lengths is None:
        return (x,) if state is None else (x, state)
    if not case.packed:
        return x, state, torch.tensor(case.lengths, dtype=torch.int64, device="cpu")
    # Rows that are sorted already are packed as such: a PackedSequence without indices.
    in_order = list(case.lengths) == sorted(case.lengths, reverse=True)
    packed = pack_padded_sequence(
        x,
        torch.tensor(case.lengths, dtype=torch.int64, device="cpu"),
        batch_first=case.config.batch_first,
        enforce_sorted=in_order,
    )
    return (packed,) if state is None else (packed, state)


def in_parts(config: Config, h_0: torch.Tensor | None) -> Any:
    """Return a state as nn.RNN, or nn.LSTM, takes it: of several parts, which lead, as a tuple of these."""
    return h_0 if h_0 is None or len(config.kind.states) == 1 else h_0.unbind()


def receive(case: Case, returned: Any, given: Any, padding: str) -> Any:
    """Return the pair (output, h_n) with `output` padded, and zeros where the contract promises nothing.

    Args:
        case: the case on which the implementation was called.
        returned: what the implementation returned; what is no pair of the right kind is handed back as it is.
        given: the x that it was given.
        padding: what it promises for "padded" outputs beyond a sequence's end.
    """
    if not (isinstance(returned, tuple) and len(returned) == 2):
        return returned
    output, h_n = returned
    if case.packed:
        return _unpacked(case, output, given), h_n
    if padding == "zeros" or not isinstance(output, torch.Tensor) or case.counts is None:
        return returned
    counts = torch.from_numpy(case.counts.swapaxes(0, 1) if case.config.batch_first else case.counts)
    counts = counts.to(output.device)
    fits = output.shape[:2] == counts.shape[:2]
    return (output.where(counts, output.new_zeros(())) if fits else output), h_n


def _unpacked(case: Case, output: Any, given: PackedSequence) -> torch.Tensor:
    if not isinstance(output, PackedSequence):
        raise Disagreement("type", f"for a PackedSequence the output should be one, found {type(output).__name__}")
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        expected, found = getattr(given, name), getattr(output, name)
        if (expected is None) != (found is None) or (expected is not None and not torch.equal(expected, found)):
            raise Disagreement("packing", f"{name} of the packed output is {found}, expected {expected}, the input's")
    if len(output.data) != len(given.data):
        raise Disagreement("packing", f"the packed output has {len(output.data)} frames, expected {len(given.data)}")
    padded, _ = pad_packed_sequence(output, batch_first=case.config.batch_first, total_length=case.steps)
    return padded
