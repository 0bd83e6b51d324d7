"""Implementations in a process of their own: for libraries that are set up once a process, and for those that crash.

The process is forked from a clean server, so that it holds nothing that was imported here. Networks stay there; tensors
travel as copies, strides and shared storages included.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import process_time
from types import ModuleType
from typing import Any

import torch

from impls.contract import Build, Config, Run, Weights

#: Seconds that a process is given to end by itself.
_PATIENCE = 5.0
#: How much is told of what a process printed before it died.
_LAST_WORDS = 300


class Crashed(RuntimeError):
    """The process in which an implementation ran has died."""


def isolated(asked: str, name: str, environment: Mapping[str, str]) -> Build:
    """The `build` of the implementation `name`, which `--impl` or the registry finds by `asked`, in its own process.

    What it raises is raised here; a process that dies is `Crashed`, and the next network gets a new one.
    """

    def build(config: Config, weights: Weights) -> Run:
        host = _host(asked, name, environment)
        parameters = dict(weights)
        network = host.ask("build", config, parameters)

        def run(*arguments: Any) -> Any:
            if torch.is_grad_enabled() and any(_asks(value) for value in (*arguments, *parameters.values())):
                return _differentiable(host, network, arguments, parameters)
            _, results = host.ask("call", network, arguments, False)
            return results

        weakref.finalize(run, host.forget, "network", network)
        return run

    return build


def _asks(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _differentiable(host: _Host, network: int, arguments: tuple[Any, ...], parameters: dict[str, torch.Tensor]) -> Any:
    """A call whose backward pass is run where the call was."""

    class Remote(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *leaves: torch.Tensor) -> Any:
            ctx.call, results = host.ask("call", network, arguments, True)
            weakref.finalize(ctx, host.forget, "call", ctx.call)
            return results

        @staticmethod
        def backward(ctx: Any, *cotangents: torch.Tensor | None) -> Any:
            return tuple(host.ask("backward", ctx.call, cotangents))

    # nn.RNN's order: a tensor of lengths, which has no gradient, comes last.
    return Remote.apply(  # type: ignore[no-untyped-call]
        *arguments[:2], *parameters.values()
    )


def cpu_seconds() -> float:
    """How much CPU time the processes of this process have used so far, as of their last answers."""
    return sum(host.cpu_seconds for host in _HOSTS.values()) + _SPENT[0]


@contextmanager
def _no_main() -> Iterator[None]:
    """Keep multiprocessing from running the program again in the new process, which has no use for it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Host:
    """The near end: a process that holds networks of one implementation."""

    def __init__(self, asked: str, name: str, environment: Mapping[str, str]) -> None:
        self.cpu_seconds = 0.0
        self._lock = threading.Lock()
        self._forgotten: list[tuple[str, int]] = []
        self.connection, far = _CONTEXT.Pipe()
        self._printed = NamedTemporaryFile(prefix="rnn-parity-")  # noqa: SIM115, closed with this object
        given = asked, name, dict(environment), list(sys.path), self._printed.name, far
        self.process = _CONTEXT.Process(target=serve, args=given, daemon=True)
        with _no_main():
            self.process.start()
        far.close()

    def ask(self, what: str, *arguments: Any) -> Any:
        """The answer to a request.

        Raises:
            Crashed: the process died.
            Exception: what the implementation raised.
        """
        with self._lock:
            forgotten, self._forgotten = self._forgotten, []
            try:
                self.connection.send_bytes(pickle.dumps((what, arguments, forgotten), protocol=5))
                answer = self.connection.recv_bytes()
            except (EOFError, OSError) as error:
                raise Crashed(self._death(what)) from error
        raised, value, self.cpu_seconds = pickle.loads(answer)
        if raised:
            raise _raisable(value)
        if what == "call":
            changed, call, results = value
            for index, tensor in changed.items():
                arguments[1][index].detach().copy_(tensor)
            return call, results
        return value

    def forget(self, kind: str, number: int) -> None:
        """Let go of a network or a call with the next request."""
        self._forgotten.append((kind, number))

    def _death(self, what: str) -> str:
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        how = f"with status {code}"
        if code is not None and code < 0:
            how = f"of {signal.Signals(-code).name}"
        doing = {"build": "building a network", "call": "calling the network", "backward": "differentiating"}[what]
        last_words = self._printed.read().decode(errors="replace").strip()
        return f"the process died {how} while {doing}: {last_words[:_LAST_WORDS] or 'it printed nothing'}"


def _raisable(described: tuple[str, str, bytes | None]) -> Exception:
    name, text, pickled = described
    if pickled is not None:
        found = pickle.loads(pickled)
        if isinstance(found, Exception):
            return found
    return type(name, (RuntimeError,), {})(text)  # type: ignore[no-any-return]


_CONTEXT: Any = get_context("forkserver")
_HOSTS: dict[tuple[str, str], _Host] = {}
_SPENT = [0.0]


def _host(asked: str, name: str, environment: Mapping[str, str]) -> _Host:
    key = asked, name
    if key in _HOSTS and not _HOSTS[key].process.is_alive():
        _SPENT[0] += _HOSTS.pop(key).cpu_seconds
    if key not in _HOSTS:
        _CONTEXT.set_forkserver_preload(["torch", "impls.isolation"])
        _HOSTS[key] = _Host(asked, name, environment)
    return _HOSTS[key]


def end(name: str) -> None:
    """End the process of an implementation; the next network gets a new one."""
    for key in [key for key in _HOSTS if key[1] == name]:
        host = _HOSTS.pop(key)
        _SPENT[0] += host.cpu_seconds
        host.process.kill()


@atexit.register
def _end_all() -> None:
    for _, name in list(_HOSTS):
        end(name)


# The far end


def serve(
    asked: str, name: str, environment: Mapping[str, str], path: list[str], printed: str, connection: Connection
) -> None:
    """Answer requests about one implementation until the other end is gone."""
    os.environ.update(environment)
    with Path(printed).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.path[:] = path
    # The terminal's Ctrl-C is for the run, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    from impls.registry import resolve

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
        except Exception as error:
            raised, value = True, (type(error).__name__, str(error), _pickled(error))
        connection.send_bytes(pickle.dumps((raised, value, process_time()), protocol=5))


def _pickled(error: Exception) -> bytes | None:
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
        self._networks[number] = self._build(config, weights), weights
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
