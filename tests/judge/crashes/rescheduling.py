"""What xdist's schedulers by group do when a worker dies: no more of its work than has to be is done again, and all is.

As of 3.8 they give the item that crashed to the next worker, over and over; hand out units of which nothing is left,
and wait for their end; and give a worker that takes the place of another one item, which waits for a second. The one
by which each worker runs all items knows no second run of one, nor two workers lost at once:
https://github.com/pytest-dev/pytest-xdist/issues/1323, /1327, /1378, /1189 and /pull/1371.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdist.scheduler import EachScheduling, LoadFileScheduling, LoadGroupScheduling, LoadScopeScheduling


class Resuming(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A scheduler by group that goes on after a crash; an item may be run again."""

    def remove_node(self, node: Any) -> str | None:
        """Put back what is left of a worker's work; the item that was run when it died, which is not put back."""
        work = self.assigned_work[node]
        units = [unit for unit in work.values() if not all(unit.values())]
        crashed = next((item for unit in units for item, done in unit.items() if not done), None)
        if crashed is not None:
            units[0][crashed] = True
        for scope in [scope for scope, unit in work.items() if all(unit.values())]:
            del work[scope]
        super().remove_node(node)
        return crashed

    def mark_test_pending(self, item: str) -> None:
        """Have an item run again, where the others of its group are."""
        scope = self._split_scope(item)
        for node, work in self.assigned_work.items():
            if scope in work and not node.shutting_down:
                work[scope][item] = False
                node.send_runtest_some([self.registered_collections[node].index(item)])
                return
        self.workqueue.setdefault(scope, {})[item] = False
        for node in self.nodes:
            self._reschedule(node)

    def _reschedule(self, node: Any) -> None:
        """Give a worker more work; one that has just begun knows of no item yet, and asks once it does."""
        if node in self.registered_collections:
            super()._reschedule(node)

    def schedule(self) -> None:
        """Give all workers work; two units to each, as one alone waits for a second."""
        super().schedule()
        for node in self.nodes:
            self._reschedule(node)


class ResumingByWorker(EachScheduling):  # type: ignore[misc]
    """A scheduler of all items to each worker, where one that takes the place of another runs what crashed again."""

    def add_node(self, node: Any) -> None:
        """Give a worker that replaces another nothing before it knows of its items."""
        if not self.collection_is_completed:
            super().add_node(node)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Hear what items a worker has; one that takes the place of another has what that one left, if anything."""
        replaces = self.collection_is_completed
        if replaces:
            super().add_node(node)
        super().add_node_collection(node, collection)
        self.node2collection[node] = list(collection)
        if replaces and not self.node2pending[node]:
            self._started.append(node)
            node.shutdown()

    def remove_node(self, node: Any) -> str | None:
        """Keep what is left of a worker's items for the worker that replaces it."""
        self._lost = node
        crashed: str | None = super().remove_node(node)
        return crashed

    def mark_test_pending(self, item: str) -> None:
        """Have an item run again, by the worker that takes the place of the one that was lost last."""
        left = self._removed2pending.setdefault(self._lost, [])
        left.insert(0, self.node2collection[self._lost].index(item))


#: By the value of `--dist`.
RESUMING: dict[str, type[Resuming | ResumingByWorker]] = {
    "each": ResumingByWorker,
    "loadscope": Resuming,
    "loadfile": type("ResumingByFile", (Resuming, LoadFileScheduling), {}),
    "loadgroup": type("ResumingByGroup", (Resuming, LoadGroupScheduling), {}),
}
