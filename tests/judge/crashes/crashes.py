"""Implementations that take their worker down: the run goes on, the case is known, and it is judged apart from then on.

Who was judged on what stands in the record of the process that died (`trial.recorder`). With workers, the item is
repeated in a process of the implementation's own, where the crash is an error as any other, and is reduced; should it
not show there, the case is told as it was recorded. Without workers the run is over: what is left of it, the watchdog,
writes down the case and says what to do, see `rnn_parity.tests.judge.crashes.aftermath`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from rnn_parity.registry import limits
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.crashes import as_it_is, machines
from rnn_parity.tests.judge.crashes.deaths import Death
from rnn_parity.tests.judge.crashes.rescheduling import RESUMING
from rnn_parity.tests.judge.finding import explain as findings
from rnn_parity.tests.judge.report.results import KEY
from rnn_parity.tests.judge.report.terminal import Told
from rnn_parity.tests.judge.trial import recorder, watchdog
from rnn_parity.tests.judge.trial.faults import INTERRUPTION
from rnn_parity.tests.judge.trial.recorder import RECORDER, Note
from rnn_parity.tests.judge.trial.trial import trial_of

_FOLDER = "rnn_parity_records"
#: Seconds that a busy worker of an interrupted run is given to end by itself.
_GRACE = 0.7
_REPEATED = "repeated"
_WATCHDOG = pytest.StashKey[subprocess.Popen[bytes]]()


def record_of(folder: Path, worker: str) -> Path:
    """Return where a worker has its record."""
    return folder / f"{worker}.record"


def watch_over(config: pytest.Config) -> None:
    """Have what this process judges recorded, its calls limited, and what happens to workers seen to.

    Without room for a record there is none, which is said: a crash is then told without its case.
    """
    given = getattr(config, "workerinput", {})
    folder = Path(given.get(_FOLDER) or tempfile.mkdtemp(prefix="rnn-parity-"))
    config.stash[FOLDER] = folder
    config.pluginmanager.register(sys.modules[__name__] if given else Crashes(config), "rnn-parity-crashes")
    if given or not config.getoption("tx", None):
        INTERRUPTION.watch()
        _record(config, record_of(folder, given.get("workerid", "main")), alone=not given)


def _record(config: pytest.Config, path: Path, *, alone: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        RECORDER.start(path)
    except OSError as error:
        said = f"calls are neither recorded nor limited, as {path} cannot be written: {error}"
        print(f"rnn-parity: {said}", file=sys.stderr)
        return
    allowed, into = limits.limits(), config.stash[RUN].archive
    telling = [sys.executable, "-m", "rnn_parity.tests.judge.crashes.aftermath", str(path), str(into or "")]
    with _seen_by_the_user(config):
        command = telling if alone else []
        config.stash[_WATCHDOG] = watchdog.start(path, allowed.seconds, allowed.memory, command)


def _seen_by_the_user(config: pytest.Config) -> Any:
    """Return a stream on the terminal itself, past what pytest captures."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    return capturing.global_and_fixture_disabled() if capturing else nullcontext()


def stop(config: pytest.Config) -> None:
    """Nothing is judged any more."""
    RECORDER.stop()
    if watching := config.stash.get(_WATCHDOG, None):
        watching.kill()
        watching.wait()
    if not hasattr(config, "workerinput") and FOLDER in config.stash:
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


class Crashes:
    """The controller's part: finds out who crashed, tells the workers, and has the item repeated."""

    def __init__(self, config: pytest.Config) -> None:
        self._run = config.stash[RUN]
        if config.getoption("maxworkerrestart", None) is None and (workers := config.getoption("numprocesses", None)):
            # xdist allows four a worker, and ends the run then: here each implementation may take some down.
            config.option.maxworkerrestart = str(4 * (workers + len(self._run.implementations)))
        self._folder = config.stash[FOLDER]
        #: By the item that is being repeated.
        self._deaths: dict[str, Death] = {}
        self._tried: set[tuple[str, str]] = set()
        #: What is said of them at the end of the run.
        self.told: list[str] = []
        self.interrupted = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let the run go on without workers that cannot be replaced."""
        machines.go_on_without(session.config, self.told)

    @staticmethod
    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(config: pytest.Config) -> None:
        """Leave other machines' pytest as it is."""
        machines.leave_their_pytest(config)

    @staticmethod
    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
        """Schedulers that go on after a crash, in the place of those that do not."""
        scheduler = RESUMING.get(config.getvalue("dist"))
        return scheduler and scheduler(config, log)

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(item: Any) -> None:
        """Look at the item, where there are no workers and this process judges."""
        _look_at(item)

    @staticmethod
    def pytest_runtest_logfinish() -> None:
        """Drop what was found, where there are no workers, as it is reported by now."""
        RECORDER.told()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the records lie."""
        node.workerinput[_FOLDER] = str(self._folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """Repeat the item that crashed its worker, its implementation in a separate process."""
        path = record_of(self._folder, report.node.gateway.id)
        seen = recorder.read(path)
        known = {found.name for found in self._run.implementations}
        if seen is None or seen[1] is None or seen[1].implementation not in known:
            self._repeat_unknown(crashitem, report, sched)
            return
        death = Death.of_worker(report.node, path, seen[1])
        recorder.remove(path)
        name = death.note.implementation
        said = f"{death.note.in_words}, when {death.how}"
        self._deaths[crashitem] = death
        # In a hunt several workers may be at one item, and die before they hear that it is to be judged apart.
        if death.note.apart and (name, crashitem) in self._tried:
            report.longrepr = f"{said}. This was the second time: it is not repeated again"
            self._tell(report, self._deaths.pop(crashitem).told)
            return
        self._tried.add((name, crashitem))
        (self._folder / f"crashed-{name}").touch()
        said = f"{said}. {crashitem} is repeated, and from now on {name} is judged in a separate process"
        self._repeat(crashitem, report, sched, said)

    def _repeat_unknown(self, item: str, report: Any, sched: Any) -> None:
        """Repeat an item whose worker left no record here: it ran on another machine, which may be gone."""
        said = f"{item}: its worker was lost. Only the machine of that worker may know on which case"
        if ("", item) in self._tried:
            report.longrepr = f"{said}. This was the second time: it is not repeated again"
            return
        self._tried.add(("", item))
        self._repeat(item, report, sched, f"{said}. It is repeated")

    def _repeat(self, item: str, report: Any, sched: Any, said: str) -> None:
        """Have an item run again: it has its verdict then."""
        self.told.append(said)
        report.longrepr = said
        report.outcome = _REPEATED
        sched.mark_test_pending(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Report a crash of a worker as it was recorded, where the repeated item passes."""
        ended = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
        death = self._deaths.pop(report.nodeid, None) if ended else None
        if death and death.told and not hasattr(report, findings.KEY):
            report.when = "call"  # Where setting up skips what cannot be judged apart; else it would count as an error.
            self._tell(report, death.told)
        return (yield)

    def _tell(self, report: pytest.TestReport, note: Note | None) -> None:
        """Make a finding of what was known when a process died, if anything was."""
        if note is None:
            return
        found, said = as_it_is.keep(note, self._run)
        report.outcome = "failed"
        report.longrepr = str(Told(found))
        setattr(report, findings.KEY, asdict(found))
        self.told.append(said)
        for key, value in report.user_properties:
            if key == KEY:
                value["status"] = "disagrees"  # type: ignore[index]

    def known(self) -> list[Note]:
        """Return what is known of the crashes whose items were to be repeated."""
        return [death.told for death in self._deaths.values() if death.told]

    @staticmethod
    def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
        """Count an item that is repeated as neither passed nor failed."""
        return (_REPEATED, "R", "REPEATED") if report.outcome == _REPEATED else None

    def pytest_keyboard_interrupt(self) -> None:
        """Kill workers that are busy, for pytest would wait for them; what they have found lies in their records."""
        self.interrupted = True
        workers = psutil.Process().children()
        _, busy = psutil.wait_procs(workers, timeout=_GRACE)
        for worker in busy:
            worker.kill()

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """End the watch."""
        stop(config)


#: Where the records of a run lie, on this machine.
FOLDER = pytest.StashKey[Path]()


def told(config: pytest.Config) -> Iterator[str]:
    """Yield what is said of crashes at the end of a run, and of what was found when it was interrupted."""
    watching = config.pluginmanager.getplugin("rnn-parity-crashes")
    yield from watching.told
    if watching.interrupted:
        yield from _under_way(config.stash[FOLDER])
        yield from _untold([*watching.known(), *recorder.all_untold(config.stash[FOLDER])], config.stash[RUN])


def _under_way(folder: Path) -> Iterator[str]:
    """Yield the calls of workers that had not returned when the run was interrupted."""
    for path in sorted(folder.glob("gw*.record")):
        head, note = recorder.read(path) or (None, None)
        if head and note and head.owner and head.calls and (took := time.monotonic() - head.since) > watchdog.GRACE:
            yield f"interrupted: {note.in_words}; {watchdog.KINDS[head.kind]} had taken {took:.0f} s"


def _untold(notes: list[Note], run: Run) -> Iterator[str]:
    """Yield what was found and not reported yet, as far as it was shrunk: the case, and how to continue."""
    for note in notes:
        found, said = as_it_is.keep(note, run)
        yield f"interrupted: {said}"
        yield from (f"  {line}" for line in (*found.differs, *found.case.splitlines()))
        yield from (f"  to continue: {command}" for command in found.commands.values())


def _look_at(item: Any) -> None:
    """Drop what was found before, as it is reported by now; record the calls of items that judge an implementation."""
    RECORDER.told()
    RECORDER.look_at(trial_of(item) is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: Any) -> None:
    """Put an implementation that crashed another worker in a separate process."""
    _look_at(item)
    given, trial = item.config.workerinput, trial_of(item)
    if _FOLDER not in given or trial is None:
        return
    name = trial.implementation.name
    if (Path(given[_FOLDER]) / f"crashed-{name}").exists() and trial.implementation.environment is None:
        trial.implementation = trial.implementation.isolated()
        judged = getattr(item.obj, "property", None)
        if judged and (reason := judged.exempts(trial.capabilities)):
            pytest.skip(f"{name} crashed its process before, and {reason}")


def pytest_runtest_logfinish() -> None:
    """Drop what was found, as the controller has it now."""
    RECORDER.told()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the watch over a worker."""
    stop(config)
