"""What surrounds a network, and is not its to change: settings of the process, and the generators of random numbers.

A change would go on to work in whatever is judged next, the reference included; so it is undone, and told.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from rnn_parity.tests.judge.trial.verdict import Disagreement

#: FE_TONEAREST: 0 wherever Python runs.
_TO_NEAREST = 0


@dataclass(frozen=True)
class Setting:
    """One thing that surrounds a network."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


def _arithmetic() -> str:
    """Return the settings of this thread's floating-point unit, found out by what it computes."""
    tiny, one = math.nextafter(0.0, 1.0), 1.0
    kept = tiny * one > 0 and (one * sys.float_info.min) / 2 > 0
    up, down = one + one * 2.0**-60 > 1, -one - one * 2.0**-60 < -1
    rounds = "to nearest" if not (up or down or one - one * 2.0**-60 < 1) else "in one direction"
    return f"subnormals are {'kept' if kept else 'flushed to zero'}, sums rounded {rounds}"


def _reset_arithmetic(_: str) -> None:
    torch.set_flush_denormal(False)
    if libm := _libm():
        libm.fesetround(_TO_NEAREST)


@cache
def _libm() -> ctypes.CDLL | None:
    found = ctypes.util.find_library("m")
    return ctypes.CDLL(found) if found else None


def use_device(device: torch.device) -> None:
    """Have tensors made on a device. The CPU is not named: that would take each call of torch through Python."""
    torch.set_default_device(None if device.type == "cpu" else device)


def _directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109, a path that is gone has no Path either
    except OSError:
        return "a directory that is gone"


#: Looked at after every case.
SETTINGS: dict[str, Setting] = {
    "torch's default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": Setting(torch.get_default_device, use_device),
    "torch's number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "whether torch tracks gradients": Setting(torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's precision of float32 products": Setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    ),
    "whether torch insists on deterministic algorithms": Setting(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    ),
    "what NumPy does about floating-point errors": Setting(np.geterr, lambda found: np.seterr(**found)),
    "the floating-point environment": Setting(_arithmetic, _reset_arithmetic),
    "the working directory": Setting(_directory, os.chdir),
}


def _set_filters(found: list[Any]) -> None:
    warnings.filters[:] = found  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _set_environment(found: dict[str, str]) -> None:
    for name in os.environ.keys() - found.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in found.items() if os.environ.get(name) != value})


#: Looked at by the property of that name, once the libraries have been imported. Building a network may draw numbers,
#: as nn.RNN does for its weights; calling one in evaluation may not.
FURTHER: dict[str, Setting] = {
    "the filters of warnings": Setting(lambda: list(warnings.filters), _set_filters),
    "the environment's variables": Setting(lambda: dict(os.environ), _set_environment),
    "what Ctrl-C does": Setting(
        lambda: signal.getsignal(signal.SIGINT), lambda found: signal.signal(signal.SIGINT, found)
    ),
    "the interpreter's recursion limit": Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "whether the interpreter collects garbage": Setting(
        lambda: _gc().isenabled(), lambda on: (_gc().enable if on else _gc().disable)()
    ),
}
GENERATORS: dict[str, Setting] = {
    "the state of Python's random numbers": Setting(random.getstate, random.setstate),
    "the state of NumPy's random numbers": Setting(
        lambda: _plain_state(np.random.get_state()),  # noqa: NPY002, the global generator is what is meant
        np.random.set_state,
    ),
    "the state of torch's random numbers": Setting(
        lambda: bytes(torch.get_rng_state().numpy()),
        lambda found: torch.set_rng_state(torch.frombuffer(bytearray(found), dtype=torch.uint8)),
    ),
}


def _gc() -> Any:
    import gc

    return gc


def _plain_state(found: Any) -> tuple[Any, ...]:
    return tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in found)


def snapshot(settings: Mapping[str, Setting] = SETTINGS) -> dict[str, Any]:
    """Return the present value of each setting."""
    return {name: setting.read() for name, setting in settings.items()}


def restored(before: Mapping[str, Any], settings: Mapping[str, Setting] = SETTINGS) -> dict[str, Any]:
    """Put back what differs from a snapshot; what it was changed to, by name."""
    changed = {}
    for name, setting in settings.items():
        if (found := setting.read()) != before[name]:
            changed[name] = found
            setting.write(before[name])
    return changed


@contextmanager
def kept() -> Iterator[None]:
    """Put back whatever is changed meanwhile."""
    before = snapshot()
    try:
        yield
    finally:
        restored(before)


def unchanged(what: str, before: Mapping[str, Any], settings: Mapping[str, Setting] = SETTINGS) -> None:
    """Demand that nothing differs from a snapshot; what does is put back.

    Raises:
        Disagreement: something was changed.
    """
    objects(what, before, restored(before, settings))


def objects(what: str, before: Mapping[str, Any], changed_to: Mapping[str, Any]) -> None:
    """Raise the disagreement about what was changed, if anything was."""
    for name, found in changed_to.items():
        changed = f" from {before[name]} to {found}" if len(f"{found}{before[name]}") < _SHORT else ""
        raise Disagreement(f"changes {name}", f"{what} changed {name}{changed}", name=f"changes {name}{changed}")


#: What is longer says nothing to a reader.
_SHORT = 150
