"""A database of examples that several machines share: what one of them finds, all replay first.

Each keeps its own beside it. A server that is lost ends no run and loses nothing: it is told once, and left alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from hypothesis.database import ExampleDatabase, MultiplexedDatabase

#: Seconds that the server may take to answer.
_PATIENCE = 2.0
_LOST = "rnn_parity_database"
_USED: list[ExampleDatabase] = []


class Shared(ExampleDatabase):
    """A database on a server, as long as it answers."""

    def __init__(self, address: str) -> None:
        super().__init__()
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis

        self._server = Redis.from_url(address, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
        self._held = RedisExampleDatabase(self._server)
        #: Why it does not answer; empty while it does.
        self.lost = ""

    def _asked(self, what: Callable[[], Any]) -> Any:
        if self.lost:
            return None
        try:
            return what()
        except Exception as error:
            self.lost = f"{type(error).__name__}: {error}"
            return None

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Return the saved values of a key; none where the server is away."""
        return self._asked(lambda: list(self._held.fetch(key))) or ()

    def save(self, key: bytes, value: bytes) -> None:
        """Save it, if the server is there."""
        self._asked(lambda: self._held.save(key, value))

    def delete(self, key: bytes, value: bytes) -> None:
        """Delete it, if the server is there."""
        self._asked(lambda: self._held.delete(key, value))

    def close(self) -> None:
        """End the connection."""
        self._server.close()


def objection(address: str) -> str:
    """Return why no database can be shared there; empty where it can, though the server may be away."""
    if urlsplit(address).scheme not in ("redis", "rediss", "unix"):
        return "expected the address of a Redis server, redis://HOST:PORT/0"
    if importlib.util.find_spec("redis") is None:
        return "the package redis is not installed: python -m pip install 'rnn-parity[redis]'"
    return ""


def share(config: pytest.Config) -> None:
    """Have a run use the database that `--database` names, beside its own, where it names one.

    Raises:
        pytest.UsageError: it is no address, or the package is not there.
    """
    address = config.getoption("database")
    if not address:
        return
    try:
        reason = objection(address)
        if config.getoption("hypothesis_seed", None) is not None:
            reason = "Hypothesis reads no database where a seed is given: leave out --hypothesis-seed"
        shared = None if reason else Shared(address)
    except ValueError as error:
        reason, shared = str(error), None
    place = _without_password(address)
    if shared is None:
        raise pytest.UsageError(f"--database {place}: {reason}")
    own = settings.get_profile("default").database
    _USED.append(MultiplexedDatabase(*([own] if own else []), shared))
    config.pluginmanager.register(Watch(shared, place), "rnn-parity-database")


def used() -> ExampleDatabase | None:
    """Return the database of this process's run, where it is shared, or None: a run by seed reads no database."""
    return _USED[-1] if _USED else None


def _without_password(address: str) -> str:
    before, at, after = address.rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if at else address


class Watch:
    """Tells at the end of a run that the server was lost, to whichever worker."""

    def __init__(self, shared: Shared, place: str) -> None:
        self._shared = shared
        self._place = place
        #: By worker.
        self._lost: dict[str, str] = {}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send a worker's notice to the controller."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_LOST] = self._shared.lost
        else:
            self._lost[""] = self._shared.lost

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take a worker's notice; a worker that has died sends none."""
        self._lost[node.gateway.id] = getattr(node, "workeroutput", {}).get(_LOST, "")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say once that the server was lost, whichever workers lost it."""
        if reason := next(filter(None, self._lost.values()), ""):
            who = ", ".join(worker for worker, why in self._lost.items() if why)
            by = f" by {who}" if who else ""
            terminalreporter.write_line(
                f"warning: the database {self._place} was lost{by} ({reason}): the run went on without it, and what "
                "it found from then on is in the local database alone"
            )

    def pytest_unconfigure(self) -> None:
        """End the connection with the run."""
        self._shared.close()
        _USED.clear()
