"""A round: one Hypothesis test of a pair on fresh cases, which Hypothesis steers towards the bounds.

A round is what `pytest --hypothesis-profile=hunt --hypothesis-seed=SEED --cases=N ITEM` runs, so that what it finds can
be repeated by that command.
"""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from rnn_parity.tests.judge.base.settings import RUN
from rnn_parity.tests.judge.hunting import coverage
from rnn_parity.tests.judge.hunting.trials import Hunted
from rnn_parity.tests.judge.schedule.shards import shard_test
from rnn_parity.tests.judge.trial.budget import Budget
from rnn_parity.tests.judge.trial.recorder import RECORDER
from rnn_parity.tests.judge.trial.trial import trial_of

#: Under which name what a round has seen travels in a report.
KEY = "rnn-parity-round"
#: What repeats the round that an item had last.
AGAIN = pytest.StashKey[tuple[str, ...]]()
#: Under which names a worker's input holds what it has to know of a hunt.
LEFT, HUNTS = "rnn_parity_hunt_seconds_left", "rnn_parity_hunts"


class Rounds:
    """What a process that judges does in a hunt."""

    def __init__(self, config: pytest.Config, seed: int, hunts: int, seconds: float, folder: Path) -> None:
        self._until = time.monotonic() + seconds
        self._worker = str(getattr(config, "workerinput", {}).get("workerid", "main"))
        self._origin = f"{seed} {hunts} {self._worker}"
        self._rounds = 0
        self._seeds = Seeds(folder)
        #: What has its verdict; a round of it may be waiting here still.
        self._failed: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[Any]) -> None:
        """Leave the archive to the main job: a hunt looks for what nobody has seen."""
        archived = [item for item in items if "archived" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=archived)
        items[:] = [item for item in items if item not in archived]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool | None:
        """Run a round of a pair; run any other item as always."""
        if not isinstance(trial_of(item), Hunted):
            return None
        crashed = self._seeds.of_crashed(item.nodeid)
        if crashed is None and (time.monotonic() >= self._until or item.nodeid in self._failed):
            return True
        seed = self._fresh() if crashed is None else crashed
        self._seeds.note(self._worker, seed)
        self._begin(item, seed, repeated=crashed is not None)
        # Its file and name are not shown again and again, and it is set up anew also where it is the next one, too.
        runtestprotocol(item, nextitem=None if nextitem is item else nextitem)
        RECORDER.told()
        item._report_sections.clear()
        return True

    def _fresh(self) -> int:
        """Return a seed that no round had before, in this hunt or an earlier one."""
        self._rounds += 1
        digest = hashlib.sha256(f"{self._origin} {self._rounds}".encode()).digest()
        return int.from_bytes(digest[:4], "big")

    def _begin(self, item: Any, seed: int, *, repeated: bool) -> None:
        """Begin a round; one that is repeated has the time that it needs to come to the case that crashed."""
        before, judged = trial_of(item), item.obj.property
        assert before is not None
        trial = Hunted(
            before.implementation,
            budget=before.budget,
            asked_for=before.asked_for,
            limits=Budget(math.inf if repeated else before.limits.seconds),
            root_of=before.root_of,
            until=math.inf if repeated else self._until,
        )
        item.callspec.params["trial"] = trial
        item.obj = shard_test(judged, trial, seed, item.config.stash[RUN].sizes)
        item.obj.property = judged
        item.stash[AGAIN] = ("--hypothesis-profile=hunt", f"--hypothesis-seed={seed}", f"--cases={trial.budget}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        """Add to a report what its round has seen."""
        made = yield
        trial = trial_of(item)
        if call.when == "call" and isinstance(trial, Hunted):
            made.user_properties.append((KEY, coverage.as_text(trial.seen.packed())))
        if made.outcome == "failed":
            self._failed.add(item.nodeid)
        return made


class Seeds:
    """The seeds of the rounds under way, in files that outlive a worker: the one that takes it down is repeated."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, worker: str, seed: int) -> None:
        """Note the seed of the round that a worker begins."""
        if self._folder.is_dir():
            self._of_worker(worker).write_text(str(seed), encoding="utf-8")

    def crashed(self, worker: str, nodeid: str) -> None:
        """Note that a worker died in a round of this item."""
        if self._of_worker(worker).exists():
            self._of_worker(worker).replace(self._of_item(nodeid))

    def of_crashed(self, nodeid: str) -> int | None:
        """Return the seed on which an item crashed its worker; None when asked again."""
        taken = self._of_item(nodeid)
        if not taken.exists():
            return None
        seed = int(taken.read_text(encoding="utf-8"))
        taken.unlink()
        return seed

    def _of_worker(self, worker: str) -> Path:
        return self._folder / f"{worker}.round"

    def _of_item(self, nodeid: str) -> Path:
        return self._folder / f"{hashlib.sha256(nodeid.encode()).hexdigest()[:16]}.crashed-round"
