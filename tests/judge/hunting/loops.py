"""How the rounds of a hunt reach the workers of pytest-xdist, and how they are run without any."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from xdist.scheduler import LoadScheduling


class Chooser(Protocol):
    """What decides which item has the next round."""

    def expect(self, nodeids: list[str]) -> list[str]:
        """Take all items, and return those that are run once, before the rounds."""

    def choose(self, busy: set[str]) -> str | None:
        """Return the item that has the next round; None when the hunt is over."""


class HuntScheduling(LoadScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands a worker its next round when it needs one: two ahead, as a worker wants to know what comes next."""

    def __init__(self, config: pytest.Config, log: Any, chooser: Chooser) -> None:
        super().__init__(config, log)
        self._chooser = chooser
        self._over = False
        self.collection: list[str] | None

    @property
    def tests_finished(self) -> bool:
        """Whether all workers may stop."""
        return self._over and super().tests_finished

    def schedule(self) -> None:
        """Begin, or go on with workers that have come in the place of others."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                self._over = True
                return
            self.collection = collection = next(iter(self.node2collection.values()))
            self.pending = [collection.index(item) for item in self._chooser.expect(collection)]
        for node in self.nodes:
            self.check_schedule(node)

    def check_schedule(self, node: Any, duration: float = 0) -> None:
        """See that a worker has two items before it."""
        while not node.shutting_down and len(self.node2pending[node]) < 2:
            if not self.pending and (chosen := self._chosen()) is not None:
                self.pending.append(chosen)
            if self.pending:
                self._send_tests(node, 1)
            else:
                self._over = True
                node.shutdown()

    def _chosen(self) -> int | None:
        assert self.collection is not None
        busy = {self.collection[index] for pending in self.node2pending.values() for index in pending}
        chosen = self._chooser.choose(busy)
        return None if chosen is None else self.collection.index(chosen)


class Loop:
    """pytest's loop over the items, where it has no workers."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run what is run once, and then round after round."""
        options = session.config.option
        if options.collectonly or (session.testsfailed and not options.continue_on_collection_errors):
            return None  # As always: nothing is run.
        items = {item.nodeid: item for item in session.items}
        for nodeid in self._chooser.expect(list(items)):
            _run(session, items[nodeid])
        while (chosen := self._chooser.choose(set())) is not None:
            _run(session, items[chosen])
        return True


def _run(session: pytest.Session, item: pytest.Item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
