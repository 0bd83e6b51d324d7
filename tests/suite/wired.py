"""Implementations that do what a bug model says: what the diagnosis has to find out again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from rnn_parity import Capabilities, Config, Implementation, Rounding
from rnn_parity.contract import Run, Weights
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model


def wired(model: Model) -> Implementation:
    """A network that returns the midpoints of what a model predicts, in the dtype of the case."""

    def build(config: Config, weights: Weights) -> Run:
        arrays = {name: tensor.detach().double().numpy() for name, tensor in weights.items()}
        like = Case(config, np.zeros((1, 1, config.input_size)), None, arrays)

        def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
            case = _case(like, config, x, h_0)
            parts = model.predict((case,), Rounding()).parts
            output, h_n = (torch.from_numpy(parts[name].mid.copy()).to(config.dtype) for name in ("output", "h_n"))
            return output, h_n

        return run

    return Implementation(
        name="wired",
        build=build,
        capabilities=Capabilities(),
        rounding=Rounding(),
        library="torch",
        extra=None,
        known_defects=(),
    )


def _case(like: Case, config: Config, x: torch.Tensor, h_0: torch.Tensor | None) -> Case:
    """The arguments of a call as a case."""
    unbatched = x.dim() == 2
    frames = x.double().numpy()
    frames = frames[:, None] if unbatched else frames.swapaxes(0, 1) if config.batch_first else frames
    state = None if h_0 is None else h_0.double().numpy()
    state = state[:, None] if state is not None and unbatched else state
    return replace(like, config=config, x=frames, h_0=state, unbatched=unbatched)
