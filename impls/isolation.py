"""Implementations in a process of their own: for libraries that are set up once a process, and for those that crash.

The process is forked from a clean server, so that it holds nothing that was imported here. Networks stay there; tensors
travel as copies, strides and shared storages included.
"""

from __future__ import annotations

import atexit
import math
import os
import pickle
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import iter_modules
from tempfile import NamedTemporaryFile
from time import monotonic, process_time
from types import ModuleType
from typing import Any

import psutil
import torch
from torch.autograd.function import once_differentiable

from impls.contract import Build, Config, Run, Weights

#: Seconds that a process is given to end by itself.
_PATIENCE = 5.0
#: How much is told of what a process printed before it died.
_LAST_WORDS = 300


#: How often a process that takes its time is looked at, in seconds.
_LOOK = 0.05
_DOING = {"build": "building a network", "call": "calling the network", "backward": "differentiating"}


class Crashed(RuntimeError):
    """The process in which an implementation ran has died; `how` says of what, without what it printed."""

    def __init__(self, how: str, last_words: str = "") -> None:
        super().__init__(f"{how}: {last_words or 'it printed nothing'}")
        self.how = how


class TimedOut(Crashed):
    """An implementation did not return within the limit, and its process was ended."""


class TookMemory(Crashed):
    """The process of an implementation grew beyond the limit, and was ended."""


@dataclass(frozen=True)
class Limits:
    """What one call may take, whether to build a network, to run it or to differentiate."""

    seconds: float = math.inf
    #: Bytes that the process may hold meanwhile.
    memory: float = math.inf


_LIMITS = [Limits()]


def limits() -> Limits:
    """Return the limits that hold now."""
    return _LIMITS[-1]


def set_limits(found: Limits) -> None:
    """Limit calls from now on."""
    _LIMITS[:] = [found]


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Limit calls more strictly than the run does within the block, whatever limit held before."""
    _LIMITS.append(replace(limits(), seconds=min(seconds, _LIMITS[0].seconds)))
    try:
        yield
    finally:
        _LIMITS.pop()


@contextmanager
def limited_as_asked() -> Iterator[None]:
    """Limit calls as the run asks within the block, however strictly they are limited now."""
    _LIMITS.append(_LIMITS[0])
    try:
        yield
    finally:
        _LIMITS.pop()


def in_a_hurry() -> bool:
    """Return whether calls are limited more strictly than the run asks: a failure is being shrunk or diagnosed."""
    return limits() is not _LIMITS[0]


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
        self._printed = NamedTemporaryFile(prefix="rnn-parity-")  # noqa: SIM115, closed with this object
        given = asked, name, dict(environment), list(sys.path), self._printed.name, far
        self.process = started(serve, *given)
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


def in_words(error: BaseException) -> str:
    """Return the text of an error, or what stands for it where `str(error)` raises."""
    try:
        return str(error)
    except Exception as another:
        return f"(its text cannot be had: {type(another).__name__})"


def _raisable(described: tuple[str, str, bytes | None]) -> BaseException:
    name, text, pickled = described
    if pickled is not None:
        found = pickle.loads(pickled)
        if isinstance(found, BaseException):
            return found
    return type(name, (RuntimeError,), {})(text)  # type: ignore[no-any-return]


_CONTEXT: Any = get_context("forkserver")
#: What a new process has imported: the adapters as well, which import their libraries when they build.
_PRELOADED = [
    "torch",
    "impls.isolation",
    *(f"impls.{found.name}" for found in iter_modules([str(Path(__file__).parent)])),
]
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


# The far end


def set_up(environment: Mapping[str, str], path: list[str], printed: str) -> None:
    """Prepare a new process: the implementation can be found, and what it prints goes to a file."""
    os.environ.update(environment)
    with Path(printed).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.path[:] = path
    # The terminal's Ctrl-C is for the run, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def serve(
    asked: str, name: str, environment: Mapping[str, str], path: list[str], printed: str, connection: Connection
) -> None:
    """Answer requests about one implementation until the other end is gone."""
    set_up(environment, path, printed)
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
        except BaseException as error:
            # Also what would end the interpreter: it is the implementation that is judged.
            raised, value = True, (type(error).__name__, in_words(error), _pickled(error))
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
