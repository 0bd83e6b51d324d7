"""The arguments of one network, and the names and shapes of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch

from rnn_parity.contract.cells import ACTIVATIONS, KINDS, Activation, Kind

Nonlinearity: TypeAlias = Literal["tanh", "relu"]
Array: TypeAlias = npt.NDArray[np.float64]
Weights: TypeAlias = Mapping[str, torch.Tensor]
Run: TypeAlias = Callable[..., tuple[torch.Tensor, torch.Tensor]]
Build: TypeAlias = Callable[["Config", Weights], Run]
NONLINEARITIES: tuple[Nonlinearity, ...] = get_args(Nonlinearity)
DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def dtype_name(dtype: torch.dtype) -> str:
    """Return a dtype's name, as NumPy and most others call it."""
    return str(dtype).removeprefix("torch.")


@dataclass(frozen=True, slots=True)
class Config:
    """The arguments of one network, under the names that `torch.nn.RNN` gives them.

    >>> Config(3, 4, bidirectional=True).parameter_shapes()["weight_ih_l0_reverse"]
    (4, 3)
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    nonlinearity: Nonlinearity = "tanh"
    bias: bool = True
    batch_first: bool = False
    #: Of the outputs of every layer but the last, in training alone; what `build` makes evaluates.
    dropout: float = 0.0
    bidirectional: bool = False
    dtype: torch.dtype = torch.float32
    #: The kind of cell, a key of `rnn_parity.contract.cells.KINDS`.
    cell: str = "rnn"

    def __post_init__(self) -> None:
        if self.cell not in KINDS:
            raise ValueError(f"Config(cell=...): expected one of {', '.join(KINDS)}, found {self.cell!r}")
        if self.cell != "rnn":
            # Which one is nn.RNN's to choose; what draws, varies or shrinks a case need not know that.
            object.__setattr__(self, "nonlinearity", "tanh")

    @property
    def num_directions(self) -> int:
        """2 for a bidirectional network, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def kind(self) -> Kind:
        """The kind of cell, as data."""
        return KINDS[self.cell]

    def rows_of_gates(self) -> dict[str, slice]:
        """Return the rows of each gate in a parameter."""
        size = self.hidden_size
        return {gate: slice(i * size, (i + 1) * size) for i, gate in enumerate(self.kind.gates)}

    @property
    def activation(self) -> Activation:
        """The nonlinearity, as data."""
        return ACTIVATIONS[self.nonlinearity]

    @property
    def odd(self) -> bool:
        """Whether negating its input, states and biases negates its results."""
        return not self.kind.sigmoids and self.activation.odd

    def suffixes(self) -> list[str]:
        """Return the endings of parameter names, in nn.RNN's order: `l0`, `l0_reverse`, `l1`, ..."""
        reverse = ("", "_reverse")[: self.num_directions]
        return [f"l{layer}{end}" for layer in range(self.num_layers) for end in reverse]

    def layer_input_size(self, layer: int) -> int:
        """Return the number of features that a layer reads: the input's at the bottom, every direction's above."""
        return self.input_size if layer == 0 else self.hidden_size * self.num_directions

    @property
    def state_size(self) -> int:
        """The number of features of a state, whose parts stand one behind the other: of an LSTM h, then c."""
        return len(self.kind.states) * self.hidden_size

    def state_shape(self, batch_size: int) -> tuple[int, int, int]:
        """Return the shape of h_0 and h_n, with all parts of the state."""
        return self.num_layers * self.num_directions, batch_size, self.state_size

    def output_shape(self, steps: int, batch_size: int) -> tuple[int, int, int]:
        """Return the shape of the output, time-major."""
        return steps, batch_size, self.num_directions * self.hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return every parameter's name and shape, in the order of `torch.nn.RNN(...).named_parameters()`."""
        return dict(_parameter_shapes(self))

    def module_arguments(self) -> dict[str, Any]:
        """Return keyword arguments for nn.RNN's constructor, without those at nn.RNN's defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("dtype", "cell") and getattr(self, field.name) != field.default
        }


@lru_cache(maxsize=64)
def _parameter_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    rows = len(config.kind.gates) * config.hidden_size
    for index, suffix in enumerate(config.suffixes()):
        width = config.layer_input_size(index // config.num_directions)
        shapes[f"weight_ih_{suffix}"] = (rows, width)
        shapes[f"weight_hh_{suffix}"] = (rows, config.hidden_size)
        if config.bias:
            shapes[f"bias_ih_{suffix}"] = (rows,)
            shapes[f"bias_hh_{suffix}"] = (rows,)
    return shapes
