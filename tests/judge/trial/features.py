"""What of nn.RNN's surface a case shows, for the table of conformance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from impls import Capabilities
from strategies import Case


@dataclass(frozen=True)
class Feature:
    """A part of the surface: whether a case shows it, and whether capabilities claim it."""

    shown: Callable[[Case], bool]
    offered: Callable[[Capabilities], bool]


def _nonlinearity(name: str) -> Feature:
    return Feature(lambda case: case.config.nonlinearity == name, lambda able: name in able.nonlinearities)


def _dtype(dtype: torch.dtype) -> Feature:
    return Feature(lambda case: case.config.dtype == dtype, lambda able: dtype in able.dtypes)


def _layout(batch_first: bool) -> Feature:
    return Feature(
        lambda case: not case.unbatched and case.config.batch_first == batch_first,
        lambda able: batch_first in able.batch_first,
    )


#: In the order of the table's columns.
FEATURES: dict[str, Feature] = {
    "tanh": _nonlinearity("tanh"),
    "relu": _nonlinearity("relu"),
    "layers": Feature(lambda case: case.config.num_layers > 1, lambda able: (able.max_layers or 2) > 1),
    "bidirectional": Feature(lambda case: case.config.bidirectional, lambda able: able.bidirectional),
    "no bias": Feature(lambda case: not case.config.bias, lambda able: False in able.biases),
    "time-major": _layout(batch_first=False),
    "batch_first": _layout(batch_first=True),
    "unbatched": Feature(lambda case: case.unbatched, lambda able: able.unbatched),
    "batch of 0": Feature(lambda case: case.batch_size == 0, lambda able: able.min_batch == 0),
    "h_0": Feature(lambda case: case.has_h_0, lambda able: able.h_0),
    "no h_0": Feature(lambda case: not case.has_h_0, lambda able: True),
    "lengths": Feature(lambda case: case.lengths is not None, lambda able: bool(able.lengths)),
    "gradients": Feature(lambda case: case.has_cotangents, lambda able: able.gradients),
    "NaN, infinity": Feature(lambda case: not case.finite, lambda able: able.nonfinite),
    **{str(dtype).removeprefix("torch."): _dtype(dtype) for dtype in (torch.float64, torch.float32)},
    **{str(dtype).removeprefix("torch."): _dtype(dtype) for dtype in (torch.float16, torch.bfloat16)},
}


def features_of(case: Case) -> list[str]:
    """Return the names of the features that a case shows."""
    return [name for name, feature in FEATURES.items() if feature.shown(case)]
