"""What a network's call is given, checked at the door as torch.nn.RNN checks it."""

from __future__ import annotations

from typing import Any

import torch

from rnn_parity.contract import Config


def check_arguments(config: Config, x: object, h_0: object = None, lengths: object = None) -> None:
    """Refuse what nn.RNN refuses: ranks, sizes and dtypes that do not fit, and what is no tensor.

    That there is a step at all is left to what runs the steps.

    Of an LSTM, h_0 is the tuple (h_0, c_0).

    Raises:
        TypeError: an argument is no tensor, or of another dtype than the network.
        ValueError: its shape does not fit; the text says what was expected and what was found.
    """
    x = _tensor("x", x, config.dtype)
    if x.dim() not in (2, 3) or x.shape[-1] != config.input_size:
        batch = "(B, T, {})" if config.batch_first else "(T, B, {})"
        expected = f"{batch.format(config.input_size)} or (T, {config.input_size})"
        raise ValueError(f"x: expected shape {expected}, found {tuple(x.shape)}")
    rows = () if x.dim() == 2 else (x.shape[0 if config.batch_first else 1],)
    if h_0 is not None:
        names = [f"{state}_0" for state in config.kind.states]
        parts: Any = [h_0] if len(names) == 1 else h_0
        if not isinstance(parts, list | tuple) or len(parts) != len(names):
            raise TypeError(f"expected a tuple ({', '.join(names)}), found {type(h_0).__name__}")
        expected_state = (config.num_layers * config.num_directions, *rows, config.hidden_size)
        for name, part in zip(names, parts, strict=True):
            state = _tensor(name, part, config.dtype)
            if state.shape != expected_state:
                raise ValueError(f"{name}: expected shape {expected_state}, found {tuple(state.shape)}")
    if lengths is not None:
        _check_lengths(_tensor("lengths", lengths, torch.int64), rows, x.shape[1 if config.batch_first else 0])


def _tensor(name: str, given: object, dtype: torch.dtype) -> torch.Tensor:
    if not isinstance(given, torch.Tensor):
        raise TypeError(f"{name}: expected a torch.Tensor, found {type(given).__name__}")
    if given.dtype != dtype:
        raise TypeError(f"{name}: expected {dtype}, found {given.dtype}")
    return given


def _check_lengths(lengths: torch.Tensor, rows: tuple[int, ...], steps: int) -> None:
    if not rows or lengths.shape != rows:
        raise ValueError(f"lengths: expected shape {rows or '(B,) and a batch'}, found {tuple(lengths.shape)}")
    if not bool(((lengths >= 1) & (lengths <= steps)).all()):
        raise ValueError(f"lengths: expected numbers from 1 to {steps}, found {lengths.tolist()}")
