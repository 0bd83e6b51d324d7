"""The suite inside pytest: options in, one item a property, implementation and shard, results and table out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest
import torch

from rnn_parity.registry import isolation, not_loaded
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.registry.limits import set_limits
from rnn_parity.tests.judge.base import telling
from rnn_parity.tests.judge.base.fuzzing import fuzzing
from rnn_parity.tests.judge.base.part import WHOLE
from rnn_parity.tests.judge.base.places import ROOT
from rnn_parity.tests.judge.base.settings import RUN
from rnn_parity.tests.judge.base.telling import TELLER, Teller
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.crashes import crashes
from rnn_parity.tests.judge.demands.following import ROOTS, root_of
from rnn_parity.tests.judge.demands.property import PROPERTIES
from rnn_parity.tests.judge.finding import explain as findings
from rnn_parity.tests.judge.hunting import hunt
from rnn_parity.tests.judge.look import FirstLook
from rnn_parity.tests.judge.report import github, listing, outputs, scripts
from rnn_parity.tests.judge.report import results as report
from rnn_parity.tests.judge.report.terminal import Told, seen_once
from rnn_parity.tests.judge.run import ending, looking, merging
from rnn_parity.tests.judge.run.collecting import RESULTS, SCRIPTS, Collector
from rnn_parity.tests.judge.run.expected import excused, tell_of_mending, unmet
from rnn_parity.tests.judge.run.explaining import Explainer, command_of, disagreement_in, root_beside
from rnn_parity.tests.judge.run.items import bind, judged_by, place, replays, trials
from rnn_parity.tests.judge.run.looking import ALONE, LEFT_OUT, ONCE, TELLS
from rnn_parity.tests.judge.run.options import configure
from rnn_parity.tests.judge.schedule.parts import in_part
from rnn_parity.tests.judge.schedule.progress import report_progress
from rnn_parity.tests.judge.trial.trial import trial_of

_STARTED = pytest.StashKey[float]()
_CPU = pytest.StashKey[float]()
EXPLAINER = pytest.StashKey[Explainer]()


# Options and set-up


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Do in the place of a run what `--merge` and `--list-impls` ask for."""
    if config.getoption("merge"):
        return merging.merge(config)
    if not config.getoption("list_impls"):
        return None
    print(listing.listing())
    return 0


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and set up what a run needs."""
    if config.rootpath != ROOT:
        raise pytest.UsageError(
            f"pytest chose the rootdir {config.rootpath}, and should have {ROOT}: it probably took the value of an "
            "option for a path of tests. Write options with an equals sign: --impl=PATH.py, --case=FILE"
        )
    configure(config)
    set_limits(config.stash[RUN].limits)
    config.stash[RESULTS] = report.Results()
    config.stash[SCRIPTS] = scripts.Scripts(config.stash[RUN].reproduction)
    config.stash[EXPLAINER] = Explainer(config.stash[RUN].archive)
    config.stash[TELLER] = Teller()
    config.stash[_STARTED] = time.monotonic()
    crashes.watch_over(config)
    hunt.join(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker the seed of the run."""
    node.workerinput["rnn_parity_seed"] = node.config.stash[RUN].seed


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is judged, how, and with which seed."""
    run = config.stash[RUN]
    names = ", ".join(
        f"{found.name} ({found.library} {found.version or 'not installed'})" for found in run.implementations
    )
    each = f"{run.minutes:g} minutes of hunting, in rounds of {counted(run.cases, 'case')}" if run.minutes else ""
    said = (
        each or f"{counted(run.cases, 'case')} per property and implementation",
        f"seed {run.seed} (--hypothesis-seed={run.seed} repeats it)",
        f"profile {run.profile}",
        f"{counted(torch.get_num_threads(), 'thread')} per worker",
        f"device {run.device}",
        *([f"part {run.part}"] if run.part != WHOLE else []),
    )
    missing = (f"warning: {line}" for line in not_loaded())
    return [f"rnn-parity: {', '.join(said)}", f"implementations: {names}", *missing]


# Items


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item for each implementation and shard, or for each archived case."""
    run = metafunc.config.stash[RUN]
    if hasattr(metafunc.function, "property"):
        metafunc.parametrize("trial", list(trials(run, metafunc.function.property)))
    elif "archived" in metafunc.fixturenames:
        metafunc.parametrize(("trial", "archived"), list(replays(run)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Keep this run's items, sort them, and give each its Hypothesis test."""
    run = config.stash[RUN]
    if run.replay:
        _keep(config, items, lambda item: "archived" in getattr(item, "fixturenames", ()))
    if run.only:
        _keep(config, items, lambda item: trial_of(item) is None or judged_by(item).group in run.only)
    if run.part != WHOLE:
        _keep(config, items, lambda item: in_part(run.part, item))
    items.sort(key=place)
    for item in items:
        judged = getattr(getattr(item, "obj", None), "property", None)
        if judged is not None and item.callspec.params["trial"].budget:
            bind(item, judged, run)


def _keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (kept if wanted(item) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let what fails be set aside where it follows from a property that is judged in this run, too."""
    looking.appoint(session.config, session.items)
    if fuzzing():
        return  # HypoFuzz would not hear of what is set aside.
    judged = [(trial, judged_by(item)) for item in session.items if (trial := trial_of(item))]
    pairs = {(trial.implementation.name, found.name) for trial, found in judged}
    for trial, found in judged:
        roots = {name: PROPERTIES[name] for name in ROOTS if (trial.implementation.name, name) in pairs}
        trial.root_of = partial(root_of, found, properties=roots)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take a first look at the implementation."""
    looking.begin(item)


# Results


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Measure the CPU seconds of an item, and raise a failure that was set aside."""
    started = time.process_time() + cpu_seconds()
    try:
        if item.stash.get(ALONE, False):
            raise item.stash[TELLS].told
        ran = yield
        if (trial := trial_of(item)) and trial.followed:
            raise trial.followed.disagreement
        if seen := item.stash.get(ONCE, None):
            raise seen
        return ran
    finally:
        item.stash[_CPU] = time.process_time() + cpu_seconds() - started
        if item.get_closest_marker("xfail") and (trial := trial_of(item)):
            # A known defect may leave a process in ruins.
            isolation.end(trial.implementation.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the result of an item, and what is told of its failure, to its report."""
    made = yield
    trial = trial_of(item)
    if trial is None or call.when == "teardown" or (call.when == "setup" and made.outcome == "passed"):
        return made
    archived, judged = item.callspec.params.get("archived"), judged_by(item)
    name, spent, known = "archive" if archived else judged.name, item.stash.get(_CPU, 0.0), hasattr(made, "wasxfail")
    result = report.Result.of(trial, name, made.outcome, spent, known=known)
    if item.stash.get(LEFT_OUT, False):
        result.status = "follows"
    look = item.stash.get(TELLS, None) if call.when == "call" else None
    disagreement = disagreement_in(call.excinfo.value) if call.excinfo and made.outcome == "failed" else None
    if item.stash.get(ALONE, False) or excused(item, made, result, disagreement):
        disagreement = None
    if disagreement is not None:
        result.status = "disagrees"
        if archived:
            disagreement.case = archived.case
        if disagreement.case is not None:
            teller = Teller(f"{trial.implementation.name} fails {judged.name} on {disagreement.case.descriptor}")
            with teller.part("the finding"):
                found, result.status = item.config.stash[EXPLAINER].told(
                    judged,
                    trial.implementation,
                    disagreement,
                    root_beside(trial, disagreement, archived),
                    item.config.stash[RUN],
                    command_of(item),
                    teller,
                )
                # Plain data, which travels from a worker beside the text.
                setattr(made, findings.KEY, asdict(found))
                if found.seen_once:
                    made.outcome, made.longrepr = "passed", None
                else:
                    result.counterexamples = [found.archived] if found.archived else []
                    made.longrepr = str(Told(found))
            setattr(made, telling.KEY, teller.faults)
    tell_of_mending(made, trial)
    if look is not None:
        result.status = "disagrees"
        _tell(item, made, look)
    looking.note(item, result)
    made.user_properties.append((report.KEY, result.plain()))
    return made


def _tell(item: Any, made: pytest.TestReport, look: FirstLook) -> None:
    """Add to a report what a first look shows, which fails."""
    implementation, teller = item.callspec.params["trial"].implementation, Teller()
    with teller.part(f"the first look at {implementation.name}"):
        found = item.config.stash[EXPLAINER].looked(judged_by(item), implementation, look, command_of(item), teller)
        setattr(made, findings.LOOK, asdict(found))
        if item.stash[ALONE] or made.outcome == "passed":
            made.longrepr = str(Told(found))
    made.outcome = "failed"
    setattr(made, telling.KEY, [*getattr(made, telling.KEY, []), *teller.faults])


def pytest_sessionstart(session: pytest.Session) -> None:
    """Gather results and report progress, where this process is not a worker."""
    if hasattr(session.config, "workerinput"):
        return
    session.config.pluginmanager.register(Collector(session.config), "rnn-parity-results")
    hunted = session.config.stash.get(hunt.HUNT, None)
    report_progress(session.config, session.config.stash[RESULTS], hunted.progress() if hunted else None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Set the exit status of the run, once everything is reported, which pytest does meanwhile."""
    try:
        return (yield)
    finally:
        session.exitstatus = session.config.stash[TELLER].status(_status(session.config, session.exitstatus))
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash[RUN].part != WHOLE:
            session.exitstatus = pytest.ExitCode.OK  # Others have the items.


def _status(config: pytest.Config, status: int) -> int:
    """Return an exit status, that of failure where one was expected and did not come."""
    passing = status == pytest.ExitCode.OK and any(unmet(config.stash[RESULTS], config.stash[RUN]))
    return pytest.ExitCode.TESTS_FAILED if passing else status


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: Any, exitstatus: int, config: pytest.Config
) -> Generator[None, None, None]:
    """Write what the run is asked to write, and its end: behind pytest's summary, so that the verdicts come last."""
    with ending.told_once(terminalreporter):
        yield
    if hasattr(config, "workerinput"):
        return  # A worker has a terminal, too, and no results: what it wrote would stand there if the run were killed.
    seconds, workers = time.monotonic() - config.stash[_STARTED], config.getoption("numprocesses", None) or 0
    teller, results, run = config.stash[TELLER], config.stash[RESULTS], config.stash[RUN]
    ended = outputs.Whole(results, run, workers, seconds, int(_status(config, exitstatus)))
    write = terminalreporter._tw
    parts: dict[str, Callable[[], Iterable[str] | None]] = {
        "the table of results": lambda: ending.at_a_glance(write, results, run, config.option.verbose),
        "what was seen once": lambda: map(seen_once, results.seen_once),
        "what crashed or was interrupted": lambda: crashes.told(config),
        "the list of scripts": lambda: config.stash[SCRIPTS].written,
        "annotations of GitHub": lambda: github.annotated(results, os.environ),
        "the summary on GitHub": lambda: github.summarized(results, run, os.environ),
        **outputs.parts(config, ended, teller),
        "failures that were expected": lambda: unmet(results, run),
        "the verdicts": lambda: ending.verdict(write, results, run),
    }
    for line in teller.told(parts):
        terminalreporter.write_line(line)
