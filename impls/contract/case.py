"""One case: a network, its parameters, its input and initial state, and how they lie in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rnn_parity.contract.axes import descriptor
from rnn_parity.contract.cells import ELMAN
from rnn_parity.contract.config import Array, Config
from rnn_parity.contract.finite import is_finite
from rnn_parity.contract.memory import INCOMING, MEMORY
from rnn_parity.contract.misuses import MISUSES

#: How many numbers somebody may read in one case.
_READABLE = 200
#: The arrays that a case may do without.
OPTIONAL = (*(f"{state}_0" for state in ELMAN.states), "grad_output", *(f"grad_{state}_n" for state in ELMAN.states))
Tensors = tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor | None]


class InvalidCase(ValueError):
    """A case whose parts do not fit together; the text names the part, what was expected and what was found."""


def round_to(dtype: torch.dtype, values: Any) -> Array:
    """Return the nearest numbers that `dtype` can hold, as float64."""
    rounded: Array = torch.tensor(np.asarray(values, np.float64)).to(dtype).to(torch.float64).numpy()
    return rounded


@dataclass(frozen=True, eq=False)
class Case:
    """What an implementation is fed. Values are float64 arrays of numbers that `config.dtype` can hold.

    Lists are taken as well as arrays, and rounded to the dtype; parameters that are not named are zero, so that a
    printed case stays short and can be pasted.

    Args:
        config: the network.
        x: (T, B, input_size), time-major whatever `config.batch_first` says.
        h_0: (num_layers * num_directions, B, hidden_size), or None where it is not given; of an LSTM all of the state,
            (num_layers * num_directions, B, 2 * hidden_size), h and c one behind the other, unless c_0 is named apart.
        weights: nn.RNN's parameters by name.
        unbatched: hand over `x` without its batch axis (B is 1 then).
        memory: how the tensors lie in memory, a key of `MEMORY`.
        lengths: how many steps of each row count, from 1 to T; what stands in `x` beyond them is garbage. None: all.
        packed: hand sequences of these lengths over as a PackedSequence, and not padded.
        misuse: the wrong call that is made of it, out of `rnn_parity.MISUSES`; empty for the right one.
        grad_output: (T, B, num_directions * hidden_size): gradients are asked of sum(output * grad_output), ...
        grad_h_n: of h_0's shape: ... plus sum(h_n * grad_h_n), of an LSTM with c_n behind h_n. None: zeros.
        incoming: how these two lie in memory, a key of `INCOMING`.
        twice: ask for gradients of these gradients, too, in the direction of `rnn_parity.reference.second.direction`.
        c_0: of an LSTM, the cell state alone, which is put behind h_0.
        grad_c_n: of an LSTM, what is asked of c_n alone, which is put behind grad_h_n.

    Raises:
        InvalidCase: a shape, name or value that does not fit.
    """

    config: Config
    x: Array
    h_0: Array | None = None
    weights: Mapping[str, Array] = field(default_factory=dict)
    unbatched: bool = False
    memory: str = "contiguous"
    lengths: tuple[int, ...] | None = None
    packed: bool = False
    misuse: str = ""
    grad_output: Array | None = None
    grad_h_n: Array | None = None
    incoming: str = "contiguous"
    twice: bool = False
    c_0: InitVar[Any] = None
    grad_c_n: InitVar[Any] = None

    def __post_init__(self, c_0: Any, grad_c_n: Any) -> None:
        config, shapes = self.config, self.config.parameter_shapes()
        self._put_behind("h_0", c_0)
        self._put_behind("grad_h_n", grad_c_n)
        if unknown := set(self.weights) - set(shapes):
            raise InvalidCase(f"weights: this network has no {sorted(unknown)}, only {sorted(shapes)}")
        object.__setattr__(self, "x", self._array("x", self.x, (None, None, config.input_size)))
        if not self.steps and self.misuse != "x-no-steps":
            raise InvalidCase(f"x: expected at least one step, found shape {self.x.shape}")
        states, outputs = config.state_shape(self.batch_size), config.output_shape(self.steps, self.batch_size)
        for name, shape in (("h_0", states), ("grad_output", outputs), ("grad_h_n", states)):
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, self._array(name, values, shape))
        weights = {
            name: self._array(name, self.weights[name], shape) if name in self.weights else np.zeros(shape)
            for name, shape in shapes.items()
        }
        object.__setattr__(self, "weights", weights)
        if self.unbatched and self.batch_size != 1:
            raise InvalidCase(f"unbatched: expected a batch of 1, found {self.batch_size}")
        for name, known in (("memory", MEMORY), ("incoming", INCOMING)):
            if (found := getattr(self, name)) not in known:
                raise InvalidCase(f"{name}: expected one of {', '.join(known)}, found {found!r}")
        if self.misuse not in ("", *MISUSES):
            raise InvalidCase(f"misuse: expected one of {', '.join(MISUSES)} or none, found {self.misuse!r}")
        self._check_lengths()

    def _put_behind(self, name: str, part: Any) -> None:
        if part is not None:
            first = np.zeros(np.shape(part)) if getattr(self, name) is None else getattr(self, name)
            object.__setattr__(self, name, np.concatenate([first, part], -1))

    def _check_lengths(self) -> None:
        if self.lengths is None:
            if self.packed:
                raise InvalidCase("packed: expected lengths beside it, found none")
            return
        object.__setattr__(self, "lengths", tuple(self.lengths))
        if len(self.lengths) != self.batch_size or not all(1 <= length <= self.steps for length in self.lengths):
            raise InvalidCase(
                f"lengths: expected {self.batch_size} numbers from 1 to {self.steps}, found {self.lengths}"
            )
        if self.unbatched:
            raise InvalidCase("lengths: expected a batch, found an unbatched case")

    def _array(self, name: str, values: Any, expected: tuple[int | None, ...]) -> Array:
        if not isinstance(values, np.ndarray) or values.dtype != np.float64:
            try:
                values = round_to(self.config.dtype, values)
            except (TypeError, ValueError) as error:
                raise InvalidCase(f"{name}: expected numbers in shape {expected}, but {error}") from error
        fits = len(values.shape) == len(expected) and all(
            size in (None, found) for size, found in zip(expected, values.shape, strict=True)
        )
        if not fits:
            raise InvalidCase(f"{name}: expected shape {expected}, found {values.shape}")
        fitting: Array = values
        return fitting

    @property
    def steps(self) -> int:
        """T, the length of the sequence."""
        return int(self.x.shape[0])

    @property
    def batch_size(self) -> int:
        """B, the number of sequences."""
        return int(self.x.shape[1])

    @property
    def has_h_0(self) -> bool:
        """Whether an initial state is handed over."""
        return self.h_0 is not None

    @property
    def has_cotangents(self) -> bool:
        """Whether gradients are asked for."""
        return self.grad_output is not None or self.grad_h_n is not None

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Every array by name: `x`, the parameters, and of `OPTIONAL` what there is."""
        state = {} if self.h_0 is None else {"h_0": self.h_0}
        cotangents = {name: getattr(self, name) for name in OPTIONAL[1:] if getattr(self, name) is not None}
        return {"x": self.x, **state, **self.weights, **cotangents}

    @cached_property
    def counts(self) -> npt.NDArray[np.bool_] | None:
        """Which steps count: (T, B, 1); None where all do."""
        return None if self.lengths is None else (np.arange(self.steps)[:, None] < np.array(self.lengths))[..., None]

    def blanked(self, sequence: Array) -> Array:
        """Return a (T, B, features) array with zeros at the steps that do not count."""
        return sequence if self.counts is None else np.where(self.counts, sequence, 0.0)

    @cached_property
    def finite(self) -> bool:
        """Whether there is no NaN and no infinity in what counts, and no sum can grow so large that it overflows."""
        return is_finite(self)

    def with_arrays(self, **arrays: Array) -> Case:
        """Return the case with some of its `arrays` replaced."""
        weights = {name: arrays.get(name, value) for name, value in self.weights.items()}
        optional = {name: arrays.get(name, getattr(self, name)) for name in OPTIONAL}
        return replace(self, x=arrays.get("x", self.x), weights=weights, **optional)

    def with_config(self, **changes: Any) -> Case:
        """Return the same arrays under a changed config."""
        return replace(self, config=replace(self.config, **changes))

    def in_dtype(self, dtype: torch.dtype) -> Case:
        """Return the case in another dtype, its numbers rounded to it."""
        arrays = {name: round_to(dtype, array) for name, array in self.arrays.items()}
        return self.with_arrays(**arrays).with_config(dtype=dtype)

    def tensors(self) -> Tensors:
        """Return fresh tensors (weights, x, h_0) in nn.RNN's layouts, on torch's default device, as `memory` says."""
        lay, device = MEMORY[self.memory], torch.get_default_device()

        def tensor(array: Array) -> torch.Tensor:
            return lay(torch.from_numpy(array.copy()).to(device, self.config.dtype))

        weights = {name: tensor(array) for name, array in self.weights.items()}
        return (
            weights,
            tensor(self.in_layout(self.x)),
            None if self.h_0 is None else tensor(self.state_in_layout(self.h_0)),
        )

    def cotangents(self) -> dict[str, torch.Tensor]:
        """Return fresh tensors of the incoming gradients, by name, in nn.RNN's layouts, as `incoming` says."""
        laid_out = {"grad_output": self.in_layout, "grad_h_n": self.state_in_layout}
        found = {name: lay(self.arrays[name]) for name, lay in laid_out.items() if name in self.arrays}
        device = torch.get_default_device()
        tensors = [torch.from_numpy(array.copy()).to(device, self.config.dtype) for array in found.values()]
        return dict(zip(found, INCOMING[self.incoming](*tensors), strict=True)) if found else {}

    def in_layout(self, sequence: Array) -> Array:
        """Return a time-major (T, B, features) array in the config's layout: batch_first, or without its batch axis."""
        if self.unbatched:
            return sequence[:, 0]
        return sequence.swapaxes(0, 1) if self.config.batch_first else sequence

    def state_in_layout(self, state: Array) -> Array:
        """Return a (num_layers * num_directions, B, state_size) array as nn.RNN takes and returns it.

        Where a state has several parts, as an LSTM's has, they lead: (parts, num_layers * num_directions, B, H).
        """
        parts = len(self.config.kind.states)
        laid_out = state[:, 0] if self.unbatched else state
        return laid_out if parts == 1 else np.stack(np.split(laid_out, parts, -1))

    def state_from_layout(self, state: Array) -> Array:
        """Turn back what `state_in_layout` returns."""
        together = state if len(self.config.kind.states) == 1 else np.concatenate(list(state), -1)
        return together[:, None] if self.unbatched else together

    def named_arrays(self) -> dict[str, Array]:
        """Return every array by name, the parts of a state each by itself: `h_0` and `c_0`."""
        found, states = {}, self.config.kind.states
        for name, array in self.arrays.items():
            if name not in ("h_0", "grad_h_n"):
                found[name] = array
                continue
            for state, part in zip(states, np.split(array, len(states), -1), strict=True):
                found[name.replace("h", state)] = part
        return found

    @property
    def descriptor(self) -> str:
        """One line that says what kind of case this is, nn.RNN's defaults left out."""
        return descriptor(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print a case for Hypothesis: large ones by their descriptor, as no one reads thousands of numbers."""
        large = sum(array.size for array in self.arrays.values()) > _READABLE
        printer.text(f"<Case {self.descriptor}>" if large else repr(self))

    @property
    def options(self) -> dict[str, Any]:
        """What can be chosen beside config and numbers: every field that is no array, by name."""
        return {name: getattr(self, name) for name in _OPTIONS}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config.module_arguments().items())
        named = ", ".join(
            f"{name!r}: {_nested(array)}"
            for name, array in self.weights.items()
            if np.any(array) or np.signbit(array).any()
        )
        said = {name: _nested(array) for name, array in self.named_arrays().items() if name not in self.weights}
        said |= {name: repr(value) for name, value in self.options.items() if value != _OPTIONS[name]}
        said |= {"weights": f"{{{named}}}"}
        order = sorted(said, key=_ORDER.index)
        parts = [f"{name}={said[name]}" for name in order]
        cell = "" if self.config.cell == "rnn" else f", cell={self.config.cell!r}"
        return f"Case({', '.join([f'Config({arguments}, dtype={self.config.dtype}{cell})', *parts])})"


#: That of arguments, as they are printed: a part of a state behind the one before.
_ORDER = [
    part
    for name in [field.name for field in fields(Case)]
    for part in ((name, name.replace("h", "c")) if name in ("h_0", "grad_h_n") else (name,))
]
#: With what they are by default.
_OPTIONS = {
    field.name: field.default for field in fields(Case) if field.name not in ("config", "x", "weights", *OPTIONAL)
}


def _nested(array: Array) -> str:
    if array.size == 0:
        return f"np.zeros({array.shape})"
    return re.sub(r"(?<!-0)\.0(?=[,\]])", "", str(array.tolist()))
