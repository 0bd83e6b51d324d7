"""Implementations in a process of their own: for libraries that are set up once a process, and for those that crash.

The process is forked from a clean server, so that it holds nothing that was imported here. Networks stay there; tensors
travel as copies, strides and shared storages included.
"""

from __future__ import annotations

import atexit
import pickle
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from tempfile import NamedTemporaryFile
from time import monotonic
from types import ModuleType
from typing import Any

import psutil
import torch
from torch.autograd.function import once_differentiable

from rnn_parity.contract import Build, Config, Run, Weights
from rnn_parity.registry.adapters import ADAPTERS
from rnn_parity.registry.frames import Frame, attach
from rnn_parity.registry.limits import Crashed, TimedOut, TookMemory, limits

#: Seconds that a process is given to end by itself.
_PATIENCE = 5.0
#: How much is told of what a process printed before it died.
_LAST_WORDS = 300
#: How often a process that takes its time is looked at, in seconds.
_LOOK = 0.05
_DOING = {"build": "building a network", "call": "calling the network", "backward": "differentiating"}


def isolated(asked: str, name: str, environment: Mapping[str, str]) -> Build:
    """Return the `build` of the implementation `name` in a separate process, where `asked` is how to find it.

    What it raises is raised here. A process that dies raises `Crashed`, and the next network gets a new one.
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
    """Call the network such that its backward pass runs in the process of the call."""

    class Remote(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *leaves: torch.Tensor) -> Any:
            ctx.call, results = host.ask("call", network, arguments, True)
            weakref.finalize(ctx, host.forget, "call", ctx.call)
            return results

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *cotangents: torch.Tensor | None) -> Any:
            return tuple(host.ask("backward", ctx.call, cotangents))

    # nn.RNN's order: a tensor of lengths, which has no gradient, comes last.
    return Remote.apply(  # type: ignore[no-untyped-call]
        *arguments[:2], *parameters.values()
    )


def cpu_seconds() -> float:
    """Return the CPU seconds that the separate processes have used so far, as of their last answers."""
    return sum(host.cpu_seconds for host in _HOSTS.values()) + _SPENT[0]


@contextmanager
def _no_main() -> Iterator[None]:
    """Keep multiprocessing from running the main program again in the new process."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def started(function: Callable[..., object], *arguments: Any) -> Any:
    """Start a process, forked from a clean server, that runs a function of a module."""
    _CONTEXT.set_forkserver_preload(_PRELOADED)
    process = _CONTEXT.Process(target=function, args=arguments, daemon=True)
    with _no_main():
        process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    """Return the near and the far end of a connection with such a process."""
    near, far = _CONTEXT.Pipe()
    return near, far


class _Host:
    """The near end: a process that holds networks of one implementation."""

    def __init__(self, asked: str, name: str, environment: Mapping[str, str]) -> None:
        self.cpu_seconds = 0.0
        self._lock = threading.Lock()
        self._forgotten: list[tuple[str, int]] = []
        self.connection, far = pipe()
        self._printed = NamedTemporaryFile(prefix="rnn-parity-")  # noqa: SIM115
        weakref.finalize(self, self._printed.close)
        given = asked, name, dict(environment), list(sys.path), self._printed.name, far
        self.process = started(_serve, *given)
        far.close()

    def ask(self, what: str, *arguments: Any) -> Any:
        """Return the answer to a request.

        Raises:
            Crashed: the process died.
            Exception: what the implementation raised.
        """
        with self._lock:
            forgotten, self._forgotten = self._forgotten, []
            try:
                self.connection.send_bytes(pickle.dumps((what, arguments, forgotten), protocol=5))
                self._await_answer(what)
                answer = self.connection.recv_bytes()
            except (EOFError, OSError) as error:
                raise Crashed(self._death(what), self._last_words()) from error
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
        """Release a network or a call with the next request."""
        self._forgotten.append((kind, number))

    def _await_answer(self, what: str) -> None:
        """Wait for the answer, and end the process where it exceeds a limit."""
        allowed, started = limits(), monotonic()
        while not self.connection.poll(min(_LOOK, allowed.seconds)):
            if monotonic() - started >= allowed.seconds:
                raise TimedOut(f"{_DOING[what]} took more than {allowed.seconds:g} s", self._end())
            if (held := _memory_of(self.process.pid)) > allowed.memory:
                said = f"{_DOING[what]} took {held / 2**20:,.0f} MiB of memory, more than {allowed.memory / 2**20:,.0f}"
                raise TookMemory(said, self._end())

    def _end(self) -> str:
        """Kill the process, and return what it printed."""
        self.process.kill()
        self.process.join(_PATIENCE)
        return self._last_words()

    def _last_words(self) -> str:
        return self._printed.read().decode(errors="replace").strip()[:_LAST_WORDS]

    def _death(self, what: str) -> str:
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        how = f"with status {code}"
        if code is not None and code < 0:
            how = f"of {signal.Signals(-code).name}"
        return f"the process died {how} while {_DOING[what]}"


def _memory_of(pid: int) -> int:
    """Return the bytes that a process holds; 0 if it has ended."""
    try:
        held: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
    return held


def _raisable(described: tuple[str, str, bytes | None, tuple[Frame, ...]]) -> BaseException:
    name, text, pickled, frames = described
    found = None if pickled is None else pickle.loads(pickled)
    if not isinstance(found, BaseException):
        found = type(name, (RuntimeError,), {})(text)
    attach(found, frames)
    return found


_CONTEXT: Any = get_context("forkserver")
#: What a new process has imported: the adapters as well, which import their libraries when they build.
_PRELOADED = ["torch", "rnn_parity.registry.server", *ADAPTERS]
_HOSTS: dict[tuple[str, str], _Host] = {}
_SPENT = [0.0]


def _host(asked: str, name: str, environment: Mapping[str, str]) -> _Host:
    key = asked, name
    if key in _HOSTS and not _HOSTS[key].process.is_alive():
        _SPENT[0] += _HOSTS.pop(key).cpu_seconds
    if key not in _HOSTS:
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


def _serve(*given: Any) -> None:
    # Imported in the new process alone: the far end finds implementations, whose `build` is the near end.
    from rnn_parity.registry.server import serve

    serve(*given)
