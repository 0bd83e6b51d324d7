"""The far end of a separate process: networks and differentiable calls by number."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Mapping
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time
from typing import Any

import torch

from rnn_parity.contract import Build, Config, Run, Weights
from rnn_parity.registry.entry import as_run
from rnn_parity.registry.frames import frames_of
from rnn_parity.registry.isolation import _asks
from rnn_parity.registry.lookup import resolve


def in_words(error: BaseException) -> str:
    """Return the text of an error, or what stands for it where `str(error)` raises."""
    try:
        return str(error)
    except Exception as another:
        return f"(its text cannot be had: {type(another).__name__})"


def set_up(environment: Mapping[str, str], path: list[str], printed: str) -> None:
    """Prepare a new process: the implementation can be found, and what it prints goes to a file."""
    os.environ.update(environment)
    with Path(printed).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.path[:] = path
    # The terminal's Ctrl-C is for the run, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Semaphores have no names then, which would outlive a process that is killed; tqdm makes one, say for torch.onnx.
    multiprocessing.set_start_method("fork", force=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def serve(
    asked: str, name: str, environment: Mapping[str, str], path: list[str], printed: str, connection: Connection
) -> None:
    """Answer requests about one implementation until the other end is gone."""
    set_up(environment, path, printed)
    (implementation,) = [found for found in resolve(asked) if found.name == name]
    server = _Server(implementation.build)
    while True:
        try:
            what, arguments, forgotten = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        for kind, number in forgotten:
            server.forget(kind, number)
        try:
            raised, value = False, getattr(server, what)(*arguments)
        except BaseException as error:
            # Also what would end the interpreter: it is the implementation that is judged.
            raised, value = True, (type(error).__name__, in_words(error), _pickled(error), frames_of(error))
        connection.send_bytes(pickle.dumps((raised, value, process_time()), protocol=5))


def _pickled(error: BaseException) -> bytes | None:
    try:
        made = pickle.dumps(error)
        pickle.loads(made)
    except Exception:
        return None
    return made if type(error).__module__ == "builtins" else None


class _Server:
    """The far end: networks and differentiable calls by number."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._numbers = count()
        self._networks: dict[int, tuple[Run, Weights]] = {}
        self._calls: dict[int, tuple[Any, list[Any]]] = {}

    def build(self, config: Config, weights: Weights) -> int:
        number = next(self._numbers)
        self._networks[number] = as_run(self._build(config, weights), weights), weights
        return number

    def call(self, network: int, arguments: tuple[Any, ...], differentiable: bool) -> Any:
        run, weights = self._networks[network]
        before = [value.detach().clone() if isinstance(value, torch.Tensor) else None for value in arguments]
        with torch.set_grad_enabled(differentiable):
            results = run(*arguments)
        changed = {
            index: value.detach()
            for index, (value, old) in enumerate(zip(arguments, before, strict=True))
            if old is not None and not torch.equal(value.detach().nan_to_num(), old.nan_to_num())
        }
        number = next(self._numbers)
        if differentiable:
            own: Mapping[str, Any] = getattr(run, "parameters", weights)
            self._calls[number] = results, [*arguments[:2], *(own[name] for name in weights)]
        return changed, number, _detached(results)

    def backward(self, call: int, cotangents: tuple[torch.Tensor | None, ...]) -> list[torch.Tensor | None]:
        results, leaves = self._calls[call]
        given = [
            (result, cotangent)
            for result, cotangent in zip(results, cotangents, strict=True)
            if cotangent is not None and result.requires_grad
        ]
        wanted = [leaf for leaf in leaves if _asks(leaf)]
        outputs, grad_outputs = zip(*given, strict=True)
        found = torch.autograd.grad(outputs, wanted, grad_outputs, retain_graph=True, allow_unused=True)
        by_leaf = dict(zip(map(id, wanted), found, strict=True))
        return [by_leaf.get(id(leaf)) for leaf in leaves]

    def forget(self, kind: str, number: int) -> None:
        {"network": self._networks, "call": self._calls}[kind].pop(number, None)  # type: ignore[attr-defined]


def _detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value) in (tuple, list):
        return type(value)(_detached(item) for item in value)
    return value
