"""The suite inside pytest: options in, one item a property, implementation and shard, results and table out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_parity import Implementation
from rnn_parity.registry import LIGHT, MAIN, isolation, nearest, not_loaded
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.registry.limits import set_limits
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base import telling
from rnn_parity.tests.judge.base.commands import program
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.fuzzing import fuzzing
from rnn_parity.tests.judge.base.part import WHOLE
from rnn_parity.tests.judge.base.places import ROOT
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.base.telling import TELLER, Teller
from rnn_parity.tests.judge.base.words import counted
from rnn_parity.tests.judge.crashes import crashes, elsewhere
from rnn_parity.tests.judge.demands.following import ROOTS, root_of
from rnn_parity.tests.judge.demands.property import PROPERTIES, Property, load_properties
from rnn_parity.tests.judge.finding import explain as findings
from rnn_parity.tests.judge.hunting import hunt
from rnn_parity.tests.judge.hunting.rounds import AGAIN
from rnn_parity.tests.judge.hunting.trials import new_trial
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.report import github, listing, outputs, scripts
from rnn_parity.tests.judge.report import results as report
from rnn_parity.tests.judge.report.terminal import Told, seen_once
from rnn_parity.tests.judge.run import ending, merging
from rnn_parity.tests.judge.run.explaining import Command, Explainer, disagreement_in
from rnn_parity.tests.judge.run.options import configure
from rnn_parity.tests.judge.schedule.parts import in_part
from rnn_parity.tests.judge.schedule.progress import report_progress
from rnn_parity.tests.judge.schedule.shards import SHARD, budgets, shard_test
from rnn_parity.tests.judge.trial.budget import Budget, needed
from rnn_parity.tests.judge.trial.trial import Trial, trial_of
from rnn_parity.tests.judge.trial.verdict import Disagreement

RESULTS = pytest.StashKey[report.Results]()
SCRIPTS = pytest.StashKey[scripts.Scripts]()
_STARTED = pytest.StashKey[float]()
_CPU = pytest.StashKey[float]()
#: What an implementation warns of is its own business; what it returns is judged.
UNHEARD = pytest.mark.filterwarnings("ignore")
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
            f"pytest takes {config.rootpath} for the root of the tests, which is {ROOT}: a file outside of it "
            "that an option names misleads it. Write options with an equals sign: --impl=PATH.py, --case=FILE"
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
        f"tensors on the device {run.device}",
        *([f"part {run.part}"] if run.part != WHOLE else []),
    )
    missing = (f"warning: {line}" for line in not_loaded())
    return [f"rnn-parity: {', '.join(said)}", f"implementations: {names}", *missing]


# Items


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make an item for each implementation and shard, or for each archived case."""
    run = metafunc.config.stash[RUN]
    if hasattr(metafunc.function, "property"):
        metafunc.parametrize("trial", list(_trials(run, metafunc.function.property)))
    elif "archived" in metafunc.fixturenames:
        metafunc.parametrize(("trial", "archived"), list(_replays(run)))


def _trials(run: Run, judged: Property) -> Iterator[Any]:
    for implementation in run.implementations:
        reason = _absence(run, implementation) or judged.exempts(implementation.capabilities)
        if reason:
            yield pytest.param(Trial(implementation), id=implementation.name, marks=pytest.mark.skip(reason=reason))
        else:
            budget = min(run.cases, implementation.cases or run.cases)
            for shard, cases in enumerate(budgets(budget)):
                # A hunt asks for no number of cases.
                enough = 0 if run.minutes else needed(shard * SHARD, shard * SHARD + cases, budget)
                limits = Budget(run.seconds * cases / budget, enough)
                options = {"shard": shard, "budget": cases, "asked_for": judged.name, "limits": limits}
                trial = new_trial(run, implementation, **options)
                yield pytest.param(trial, id=f"{implementation.name}-{shard}", marks=_together(implementation))


def _together(implementation: Implementation) -> list[Any]:
    """Return the mark that keeps an implementation in one worker, which imports and compiles it once."""
    light = implementation.group == MAIN and implementation.library in LIGHT
    return [] if light else [pytest.mark.xdist_group(implementation.name)]


def _absence(run: Run, implementation: Implementation) -> str:
    if not implementation.installed:
        return f"not installed: {implementation.how_to_install}"
    devices = implementation.capabilities.devices
    return run.no_device or ("" if run.device in devices else f"claims no {run.device}, only {', '.join(devices)}")


def _property_of(path: Path, record: archive.Record) -> Property:
    properties = load_properties()
    if record.property not in properties:
        raise archive.UnreadableCase(
            f"{path}: is about the property {record.property!r}{nearest(record.property, properties)}; "
            f"this suite has {', '.join(properties)}"
        )
    return properties[record.property]


def _replays(run: Run) -> Iterator[Any]:
    """Every archived case on every implementation that can take it; a file that can't be read is an item that fails."""
    for path in [run.replay] if run.replay else archive.files():
        try:
            record = archive.read(path)
            judged = _property_of(path, record)
        except archive.UnreadableCase as error:
            yield pytest.param(None, error, id=path.stem)
            continue
        for implementation in run.implementations:
            trial = Trial(implementation, asked_for=judged.name)
            known = [defect for defect in implementation.known_defects if defect.case == path.name and defect.present()]
            obstacle = _absence(run, implementation) or ("" if known else _exclusion(judged, trial, record.case))
            if obstacle and not run.replay:
                continue
            marks = [
                pytest.mark.xfail(strict=True, raises=Disagreement, reason=f"{defect.reason} ({defect.link})")
                for defect in known
            ]
            marks += [pytest.mark.skip(reason=obstacle)] * bool(obstacle) + _together(implementation) + [UNHEARD]
            yield pytest.param(trial, record, id=f"{path.stem}-{implementation.name}", marks=marks)


def _exclusion(judged: Property, trial: Trial, case: Case) -> str:
    """Return why an archived case is not for this implementation; empty where it is."""
    if reason := judged.exempts(trial.capabilities):
        return reason
    if judged.admits(trial, case):
        return ""
    reasons = trial.capabilities.objections(case) + trial.defects(case)
    return f"the case is outside of what {judged.name} asks of it: {', '.join(reasons) or 'nothing is unclaimed'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Keep this run's items, sort them, and give each its Hypothesis test."""
    run = config.stash[RUN]
    if run.replay:
        _keep(config, items, lambda item: "archived" in getattr(item, "fixturenames", ()))
    if run.only:
        _keep(config, items, lambda item: trial_of(item) is None or _judged_by(item).group in run.only)
    if run.part != WHOLE:
        _keep(config, items, lambda item: in_part(run.part, item))
    items.sort(key=_place)
    for item in items:
        judged = getattr(getattr(item, "obj", None), "property", None)
        if judged is not None and item.callspec.params["trial"].budget:
            _bind(item, judged, run)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let what fails be set aside where it follows from a property that is judged in this run, too."""
    if fuzzing():
        return  # HypoFuzz would not hear of what is set aside.
    judged = [(trial, _judged_by(item)) for item in session.items if (trial := trial_of(item))]
    pairs = {(trial.implementation.name, found.name) for trial, found in judged}
    for trial, found in judged:
        roots = {name: PROPERTIES[name] for name in ROOTS if (trial.implementation.name, name) in pairs}
        trial.root_of = partial(root_of, found, properties=roots)


def _judged_by(item: Any) -> Property:
    archived = item.callspec.params.get("archived")
    return PROPERTIES[archived.property] if archived else item.obj.property


def _keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (kept if wanted(item) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = kept


def _place(item: Any) -> tuple[str, bool]:
    """Return the sort key of an item: items of a framework side by side, so that few workers import it; others last.

    Of a framework the archive comes first: a known defect that it shows ends a process, and what was compiled there.
    """
    trial = trial_of(item)
    if trial is None or trial.implementation.library in LIGHT:
        return "~", False
    return trial.implementation.name, "archived" not in item.callspec.params


def _bind(item: Any, judged: Property, run: Run) -> None:
    """Give an item its own Hypothesis test: cases for its implementation, from the stream of its shard."""
    item.obj = shard_test(judged, item.callspec.params["trial"], run.seed, run.sizes)
    item.obj.property = judged
    item.add_marker(UNHEARD)


# Results


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Measure the CPU seconds of an item, and raise a failure that was set aside."""
    started = time.process_time() + cpu_seconds()
    try:
        ran = yield
        if (trial := trial_of(item)) and trial.followed:
            raise trial.followed.disagreement
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
    archived, judged = item.callspec.params.get("archived"), _judged_by(item)
    result = report.Result.of(trial, "archive" if archived else judged.name, made, item.stash.get(_CPU, 0.0))
    disagreement = disagreement_in(call.excinfo.value) if call.excinfo and made.outcome == "failed" else None
    if disagreement is not None:
        result.status = "disagrees"
        if archived:
            disagreement.case = archived.case
        if disagreement.case is not None:
            teller = Teller(f"{trial.implementation.name} fails {judged.name} on {disagreement.case.descriptor}")
            with teller.part("the finding"):
                found, result.status = _told(item, judged, trial, disagreement, teller)
                # Plain data, which travels from a worker beside the text.
                setattr(made, findings.KEY, asdict(found))
                if found.seen_once:
                    made.outcome, made.longrepr = "passed", None
                else:
                    result.counterexamples = [found.archived] if found.archived else []
                    made.longrepr = str(Told(found))
            setattr(made, telling.KEY, teller.faults)
    elif str(made.longrepr).startswith("[XPASS(strict)]"):
        made.longrepr = (
            f"{trial.implementation.name} {trial.implementation.version} agrees on an archived case of a known defect, "
            f"which may have been mended: {str(made.longrepr).removeprefix('[XPASS(strict)] ')}. If it has, remove the "
            "defect from its module in impls/, so that drawn cases come there again; if not, narrow its `present`"
        )
    made.user_properties.append((report.KEY, result.plain()))
    return made


def _told(item: Any, judged: Property, trial: Trial, disagreement: Disagreement, teller: Teller) -> tuple[Finding, str]:
    """Return what is told of a failure, and its status: the plainer one, where it follows from one that repeats."""
    explain = partial(item.config.stash[EXPLAINER].explain, command=_command(item), teller=teller)
    if "archived" in item.callspec.params:
        root = trial.root_of(trial.implementation, disagreement) if trial.root_of else None
    else:
        root = trial.followed if trial.followed and trial.followed.disagreement is disagreement else None
    if root:
        plainer = PROPERTIES[root.property]
        own = item.config.stash[EXPLAINER].of_its_own(plainer, trial.implementation, root, item.config.stash[RUN])
        found = explain(plainer, trial.implementation, own or root.disagreement)
        if not found.seen_once:
            return found, "follows"
        disagreement = root.follows
    found = explain(judged, trial.implementation, disagreement)
    return found, "seen once" if found.seen_once else "disagrees"


def _command(item: Any) -> Command:
    """Return the command that finds again what an item found."""
    run = item.config.stash[RUN]
    # With `=`: what follows a space pytest takes for a path of tests, and looks there for its configuration.
    asked = "".join(f" --impl={name}" for name in item.config.getoption("impl") or ())
    if run.replay:
        return Command(f"{program()}{asked} --case={run.replay}", asked)
    nodeid = item.nodeid.partition("@")[0]  # xdist adds the group that keeps items in one worker.
    stream = item.stash.get(AGAIN, f"--hypothesis-seed={run.seed} --cases={run.cases}")
    sizes = f" --sizes={run.sizes}" if run.sizes != "usual" else ""
    return Command(f"{program()}{asked}{sizes} {stream} '{nodeid}'", asked)


class Shown(Told):
    """A finding that pytest prints: what goes wrong then costs no more than its text."""

    def __init__(self, finding: Finding, teller: Teller) -> None:
        super().__init__(finding)
        self._teller = teller

    def toterminal(self, writer: Any) -> None:
        """Print it for pytest, and survive what goes wrong."""
        with self._teller.part("the text of a finding"):
            super().toterminal(writer)


class Collector:
    """Gathers the results of all workers, and has each counterexample told once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: dict[tuple[str, ...], tuple[str, Shown]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the result of an item, and its finding."""
        self._config.stash[RESULTS].take(report)
        teller = self._config.stash[TELLER]
        teller.take(getattr(report, telling.KEY, []))
        if plain := getattr(report, findings.KEY, None):
            with teller.part("a finding that is taken in"):
                self._take(report, Finding(**plain), teller)

    def _take(self, report: pytest.TestReport, found: Finding, teller: Teller) -> None:
        if found.seen_once:
            self._config.stash[RESULTS].saw_once(found)
            return
        with teller.part("the archive on this machine"), suppress(OSError):  # Where it was found, it is.
            elsewhere.keep(found, self._config.stash[RUN])
        if found.gist not in self._told:
            with teller.part("the file of its script"):
                found = self._config.stash[SCRIPTS].write(found)
            self._config.stash[RESULTS].findings.append(found)
            told = Shown(found, teller)
            self._told[found.gist] = report.nodeid, told
            report.longrepr = told  # type: ignore[assignment]
        else:
            first, told = self._told[found.gist]
            told.again.append(report.nodeid)
            if found.archived and found.archived not in told.archived:
                told.archived.append(found.archived)
            report.longrepr = f"the same counterexample as {first}"
            # It fails, is counted and summarized as all others, but has no paragraph of its own: so pytest treats
            # what a debugger has shown already.
            report._pdbshown = True  # type: ignore[attr-defined]


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
        session.exitstatus = session.config.stash[TELLER].status(session.exitstatus)
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash[RUN].part != WHOLE:
            session.exitstatus = pytest.ExitCode.OK  # Others have the items.


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: Any, exitstatus: int, config: pytest.Config
) -> Generator[None, None, None]:
    """Write what the run is asked to write, and its end: behind pytest's summary, so that the verdicts come last."""
    with ending.told_once(terminalreporter):
        yield
    seconds, workers = time.monotonic() - config.stash[_STARTED], config.getoption("numprocesses", None) or 0
    teller, results, run = config.stash[TELLER], config.stash[RESULTS], config.stash[RUN]
    ended = outputs.Whole(results, run, workers, seconds, int(exitstatus))
    write = terminalreporter._tw
    parts: dict[str, Callable[[], Iterable[str] | None]] = {
        "the table of results": lambda: ending.at_a_glance(write, results, run, config.option.verbose),
        "what was seen once": lambda: map(seen_once, results.seen_once),
        "what crashed or was interrupted": lambda: crashes.told(config),
        "the list of scripts": lambda: config.stash[SCRIPTS].written,
        "annotations of GitHub": lambda: github.annotated(results, os.environ),
        "the summary on GitHub": lambda: github.summarized(results, run, os.environ),
        **outputs.parts(config, ended, teller),
        "the verdicts": lambda: ending.verdict(write, results, run),
    }
    for line in teller.told(parts):
        terminalreporter.write_line(line)
