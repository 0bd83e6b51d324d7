"""What an implementation takes on: claims, inside of which cases are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from rnn_parity.contract.axes import AXES, Axis
from rnn_parity.contract.case import Case
from rnn_parity.contract.cells import KINDS
from rnn_parity.contract.config import DTYPES, NONLINEARITIES, Nonlinearity
from rnn_parity.contract.misuses import MISUSES

#: How sequences of different lengths may be handed over: as a PackedSequence, or padded beside a tensor of lengths.
LENGTHS = ("packed", "padded")
#: What an implementation may promise for outputs beyond a sequence's end.
PADDINGS = ("anything", "zeros")
DEVICES = ("cpu", "cuda")
#: Which sizes cases have: mostly a few, or those of real models.
SIZES = ("usual", "large")
#: Shapes in a pool: enough for every dtype, and every other option more than once.
POOL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an implementation takes on. The default is nn.RNN's surface save lengths, dropout, autocast and devices.

    Of the fields these four and `accepts` add to it; the others take something back.

    Cases are drawn inside the claims only. Outside them an implementation must refuse with an error or be right.
    """

    #: Kinds of cells: "rnn" is nn.RNN's, "gru" is nn.GRU's and "lstm" nn.LSTM's, without special values, dropout and
    #: second derivatives, and of LSTMs without proj_size.
    #: `register_module` and `check` tell a class of one from one of the other by the parameters.
    cells: tuple[str, ...] = ("rnn",)
    #: Activations, out of nn.RNN's.
    nonlinearities: tuple[Nonlinearity, ...] = NONLINEARITIES
    #: Values that `Config.bias` may have.
    biases: tuple[bool, ...] = (True, False)
    #: Values that `Config.batch_first` may have.
    batch_first: tuple[bool, ...] = (False, True)
    #: Whether two directions are taken.
    bidirectional: bool = True
    #: Whether x may come without its batch axis.
    unbatched: bool = True
    #: Whether an initial hidden state may be given (absent, it is zero).
    h_0: bool = True
    #: Whether NaN, infinities and sums beyond the largest finite number follow IEEE arithmetic.
    nonfinite: bool = True
    #: Whether one network may be called from several threads at once.
    threads: bool = True
    #: Whether results are connected, by torch's autograd, to x, h_0 and the parameters that ask for gradients: the
    #: tensors in `weights`, or those that the network names in a mapping `run.parameters` under nn.RNN's names. What
    #: names its parameters so, and what is a module, is what they are now, by whatever route they change.
    gradients: bool = True
    #: Whether these gradients are connected in turn where `create_graph=True` asks for it, and can be differentiated.
    second_derivatives: bool = True
    #: How sequences of different lengths are taken, out of `LENGTHS`: "packed", a PackedSequence as x, and one returned
    #: as output; "padded", `run(x, h_0, lengths)` with an int64 tensor (B,) of numbers from 1 to T.
    lengths: tuple[str, ...] = ()
    #: What "padded" outputs hold beyond a sequence's end: "anything", or "zeros".
    padding: str = "anything"
    #: Whether nn.RNN's `dropout` is taken.
    dropout: bool = False
    #: Whether results under torch.autocast on the CPU are those of bfloat16, in bfloat16 or float32.
    autocast: bool = False
    #: Whether `run.module` is the torch.nn.Module that is judged; `register_module` sees to it.
    module: bool = False
    #: Where tensors may lie, out of `DEVICES`.
    devices: tuple[str, ...] = ("cpu",)
    #: Wrong calls, out of `MISUSES`, that it documents as taking; what they mean, it must get right.
    accepts: tuple[str, ...] = ()
    #: The dtypes of x, h_0 and the parameters, which share one.
    dtypes: tuple[torch.dtype, ...] = DTYPES
    #: Whether it builds anew for each shape, at some cost: cases are then drawn from a pool of a few shapes.
    per_shape: bool = False
    #: Whether a case may ask for other shapes beside its own; not where each costs seconds to build.
    several_shapes: bool = True
    #: Which pool of shapes that is. A run and a property set it.
    pool: int = 0
    #: From how many shapes of the pool cases are drawn. A property sets it.
    shapes: int = POOL
    #: Out of `SIZES`, those that are drawn, within the limits below. A run sets it.
    sizes: str = "usual"
    #: Whether it runs in a separate process: its memory cannot be observed there, and calls come one by one.
    #: `register(..., environment=...)` sees to it.
    own_process: bool = False
    #: The fewest rows of a batch; 0 where an empty one is taken.
    min_batch: int = 0
    #: The most rows of a batch; None where there is no limit.
    max_batch: int | None = None
    #: The most steps.
    max_steps: int | None = None
    #: The most features of x.
    max_input_size: int | None = None
    #: The most hidden units.
    max_hidden_size: int | None = None
    #: The most layers.
    max_layers: int | None = None

    def __post_init__(self) -> None:
        self._take_back()
        for name, known in (_CHOICES | _ADDITIONS).items():
            given, kind = getattr(self, name), "tuple" if name in _ADDITIONS else "non-empty tuple"
            if not isinstance(given, tuple) or not (given or name in _ADDITIONS) or not all(v in known for v in given):
                raise ValueError(f"Capabilities({name}=...): expected a {kind} out of {known}, found {given!r}")
        if self.padding not in PADDINGS:
            raise ValueError(f"Capabilities(padding=...): expected one of {PADDINGS}, found {self.padding!r}")
        if self.sizes not in SIZES:
            raise ValueError(f"Capabilities(sizes=...): expected one of {SIZES}, found {self.sizes!r}")
        for name in _SWITCHES:
            if type(given := getattr(self, name)) is not bool:
                raise ValueError(f"Capabilities({name}=...): expected True or False, found {given!r}")
        for name in _LIMITS:
            if (given := getattr(self, name)) is not None and not _is_integer_from(1, given):
                raise ValueError(f"Capabilities({name}=...): expected None or an integer from 1, found {given!r}")
        if not _is_integer_from(0, self.min_batch) or self.min_batch > (self.max_batch or self.min_batch):
            upper = "" if self.max_batch is None else f" to max_batch={self.max_batch}"
            raise ValueError(
                f"Capabilities(min_batch=...): expected an integer from 0{upper}, found {self.min_batch!r}"
            )

    def _take_back(self) -> None:
        """Claim nothing of gated cells that has no proven bound yet; their tanh is not chosen."""
        given = {"nonfinite": False, "second_derivatives": False, "nonlinearities": NONLINEARITIES}
        for name, value in given.items() if self.cells != ("rnn",) else ():
            object.__setattr__(self, name, value)

    def objections(self, case: Case) -> list[str]:
        """Return the names of the fields that do not claim this case; an empty list where it is inside the claims."""
        found = [fields[place] for axis, fields in _unclaimed(self) if (place := axis.of(case)) in fields]
        found += ["min_batch"] * (case.batch_size < self.min_batch)
        limits = {name: getattr(self, name) for name in _LIMITS}
        return found + [name for name, most in limits.items() if most is not None and _LIMITS[name](case) > most]


_CHOICES: dict[str, tuple[Any, ...]] = {
    "devices": DEVICES,
    "cells": tuple(KINDS),
    "nonlinearities": NONLINEARITIES,
    "biases": (True, False),
    "batch_first": (False, True),
    "dtypes": DTYPES,
}
#: Fields that may be empty.
_ADDITIONS: dict[str, tuple[Any, ...]] = {"lengths": LENGTHS, "accepts": MISUSES}
_SWITCHES = (
    *("bidirectional", "unbatched", "h_0", "nonfinite", "threads"),
    *("gradients", "second_derivatives", "dropout", "autocast", "module", "per_shape", "several_shapes", "own_process"),
)
_LIMITS: dict[str, Callable[[Case], int]] = {
    "max_batch": lambda case: case.batch_size,
    "max_steps": lambda case: case.steps,
    "max_input_size": lambda case: case.config.input_size,
    "max_hidden_size": lambda case: case.config.hidden_size,
    "max_layers": lambda case: case.config.num_layers,
}


def _is_integer_from(least: int, given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given >= least


@lru_cache(maxsize=256)
def _unclaimed(able: Capabilities) -> list[tuple[Axis, dict[int, str]]]:
    """Return the axes of which something is not claimed, with the fields of these values; sizes have their limits."""
    found = []
    for axis in AXES:
        claims = {place: value.claimed for place, value in enumerate(axis.values) if value.claimed}
        fields = {place: claim.field for place, claim in claims.items() if not claim.by(able)}
        if fields and not set(fields.values()) & {"min_batch", *_LIMITS}:
            found.append((axis, fields))
    return found
