"""What harms a process."""

import ctypes
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

KEPT: list[Any] = []


class Own(BaseException):
    """No Exception."""


class Mute(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")


def raising(error: BaseException) -> Callable[..., None]:
    def deed(*_: Any) -> None:
        raise error

    return deed


def hang(*_: Any) -> None:
    """In native code, with the interpreter's lock held, and deaf to signals: it waits for a mutex that it holds."""
    native, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(128)
    native.pthread_mutex_init(mutex, None)
    for _ in range(2):
        native.pthread_mutex_lock(mutex)


def devour(*_: Any) -> None:
    """Two gigabytes, held for a moment."""
    taken = np.ones(2**31, np.uint8)
    time.sleep(0.5)
    KEPT.append(len(taken))


def corrupt(x: torch.Tensor, *_: Any) -> None:
    x.detach().zero_()


def printing(text: str) -> Callable[..., None]:
    def deed(*_: Any) -> None:
        os.write(1, text.encode())

    return deed


#: What is done, by the name of the implementation.
DEEDS: dict[str, Callable[..., Any]] = {
    "segfaults": lambda *_: os.kill(os.getpid(), signal.SIGSEGV),
    "aborts": lambda *_: os.abort(),
    "leaves": lambda *_: os._exit(3),
    "hangs": hang,
    "devours": devour,
    "leaks": lambda x, *_: KEPT.append(x.clone()),
    "raises-own": raising(Own("own")),
    "raises-exit": raising(SystemExit(0)),
    "raises-interrupt": raising(KeyboardInterrupt()),
    "raises-mute": raising(Mute()),
    "prints": lambda *_: print("hello"),
    "prints-natively": printing("hello"),
    "corrupts": corrupt,
    "sets-dtype": lambda *_: torch.set_default_dtype(torch.float64),
    "sets-threads": lambda *_: torch.set_num_threads(3),
    "flushes": lambda *_: torch.set_flush_denormal(True),
    "rounds-up": lambda *_: ctypes.CDLL("libm.so.6").fesetround(0x800),
    "sets-errstate": lambda *_: np.seterr(all="ignore"),
    "filters-warnings": lambda *_: warnings.filterwarnings("ignore", "hello"),
    "moves": lambda *_: os.chdir("/"),
    "draws": lambda *_: random.random(),
    "draws-numpy": lambda *_: np.random.rand(),  # noqa: NPY002, the global generator is what is meant
    "draws-torch": lambda *_: torch.rand(1),
    "seeds": lambda *_: torch.manual_seed(0),
    "tracks": lambda *_: torch.set_grad_enabled(True),
    "recurses": lambda *_: sys.setrecursionlimit(5000),
}
