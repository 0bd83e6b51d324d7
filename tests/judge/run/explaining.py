"""From a disagreement to what is told of it: it is reduced, archived, looked into, and archived with its diagnosis."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rnn_parity import Implementation
from rnn_parity.registry import limits
from rnn_parity.tests.judge.base.commands import judging, replaying
from rnn_parity.tests.judge.base.files import why
from rnn_parity.tests.judge.base.finding import CLAIMS, NAMED, Finding
from rnn_parity.tests.judge.base.settings import RUN, Run
from rnn_parity.tests.judge.base.telling import Teller, keep_error
from rnn_parity.tests.judge.demands.property import PROPERTIES, Property
from rnn_parity.tests.judge.finding import explain as findings
from rnn_parity.tests.judge.finding.explain import WRITTEN, explained
from rnn_parity.tests.judge.finding.reproduction import Reproduction, reproduction_of
from rnn_parity.tests.judge.hunting.rounds import AGAIN
from rnn_parity.tests.judge.look import FirstLook
from rnn_parity.tests.judge.look.wording import lines
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.confirming import confirmed
from rnn_parity.tests.judge.reduction.counterexample import HURRIED, Counterexample, find_minimal, verdict_on
from rnn_parity.tests.judge.report import scripts
from rnn_parity.tests.judge.schedule.shards import budgets, shard_test
from rnn_parity.tests.judge.trial.faults import COSTLY, ENDED_FROM_OUTSIDE
from rnn_parity.tests.judge.trial.recorder import RECORDER, Note
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Root

#: Where in the archive lies what could not be repeated.
SEEN_ONCE = "seen-once"


class Command(NamedTuple):
    """What finds something again, and the implementations that it asks for by name."""

    again: str
    asked: tuple[str, ...]


class Explainer:
    """What a process that judges makes of what it found.

    Another shard of a property may find the same in one process: what is known is not reduced, nor looked into, twice.
    """

    def __init__(self, into: Path | None, only: Collection[str] = ()) -> None:
        #: The archive, where a run has one.
        self._into = into
        #: What alone is told of a finding, out of `rnn_parity.tests.judge.finding.explain.PARTS`, without a script.
        self._only = only
        self._minimal: dict[tuple[str, str], list[Counterexample]] = {}
        self._own: dict[tuple[str, str], Disagreement | None] = {}
        #: By implementation and property: what was in the archive when the first failure was looked into.
        self._before: dict[tuple[str, str], list[_Kept]] = {}
        #: By the identity of a counterexample, which is kept above.
        self._told: dict[int, tuple[Finding, Reproduction]] = {}

    def of_its_own(
        self, plainer: Property, implementation: Implementation, root: Root, run: Run
    ) -> Disagreement | None:
        """Return how the plainer property fails on the first of its own cases: the same, whichever process asks.

        In the cases of what follows one worker may find something else than another. None where it passes.
        """
        key = implementation.name, plainer.name
        if key not in self._own:
            self._own[key] = None
            own = Trial(implementation, budget=budgets(run.cases)[0], asked_for=plainer.name)
            case = root.disagreement.case
            assert case is not None
            try:
                with RECORDER.looking_into(Note.of(implementation, plainer.name, case, root.disagreement)):
                    shard_test(plainer, own, run.seed, run.sizes, database=None)(own)
            except Exception as error:
                self._own[key] = disagreement_in(error)
                if self._own[key] is None:
                    keep_error()
        return self._own[key]

    def told(
        self,
        judged: Property,
        implementation: Implementation,
        disagreement: Disagreement,
        root: Root | None,
        run: Run,
        command: Command,
        teller: Teller,
    ) -> tuple[Finding, str]:
        """Return what is told of a failure, and its status: the plainer one, where it follows from one that repeats."""
        explain = partial(self.explain, command=command, teller=teller)
        if root:
            plainer = PROPERTIES[root.property]
            own = self.of_its_own(plainer, implementation, root, run)
            found = explain(plainer, implementation, own or root.disagreement)
            if not found.seen_once:
                return found, "follows"
            disagreement = root.follows
        found = explain(judged, implementation, disagreement)
        return found, "seen once" if found.seen_once else "disagrees"

    def explain(
        self,
        judged: Property,
        implementation: Implementation,
        disagreement: Disagreement,
        command: Command,
        teller: Teller,
    ) -> Finding:
        """Return what the user is told of a disagreement, and archive its minimal case if the run asks for that."""
        with limits.limited_to(HURRIED) if disagreement.kind in COSTLY else nullcontext():
            counterexample = self._reduced(judged, implementation, disagreement, teller)
            if counterexample.tries.seen_once:
                return self._seen_once(counterexample, command, teller)
            with RECORDER.looking_into(_note(counterexample)):
                # Archived before: the implementation is called on other cases, which may take the process down.
                known = self._known(counterexample)
                archived = None if known else self._archived(counterexample, command, teller, self._into)
                found, reproduction = self._looked_into(counterexample, teller)
                if archived is None:
                    same = next((kept for kept in known if kept.may_be(found.name)), None)
                    archived = (
                        same.told(command) if same else self._archived(counterexample, command, teller, self._into)
                    )
        with teller.part("the archive, with the diagnosis"):
            if archived.is_new and self._into:
                with suppress(OSError):  # It is there already, without the diagnosis.
                    archive.write(counterexample.record(found.diagnosis), self._into, anew=True)
        commands = archived.commands | {scripts.COMMAND: reproduction.told(archived.again)}
        return replace(found, commands=commands, archived=archived.name)

    def looked(
        self, judged: Property, implementation: Implementation, look: FirstLook, command: Command, teller: Teller
    ) -> Finding:
        """Return what the user is told of a first look; its plainest case is archived, and not reduced."""
        told = look.told
        assert told.case is not None
        counterexample = Counterexample.as_found(judged, implementation, told.case, told)
        commands = {"to try again": judging(command.asked or [implementation.name])}
        archived = self._archived(counterexample, command, teller, self._into) if self._into else None
        if archived:
            commands["archived"] = archived.commands["archived"]
        found = explained(counterexample, commands, archived.name if archived else "", teller=teller, only=(WRITTEN,))
        rest = [] if look.hopeless else ["  all else is judged within these"]
        kind = told.kind if look.hopeless else CLAIMS
        return replace(found, differs=[*lines(look), *rest], kind=kind, of_look=True)

    def _reduced(
        self, judged: Property, implementation: Implementation, disagreement: Disagreement, teller: Teller
    ) -> Counterexample:
        assert disagreement.case is not None
        known = self._minimal.setdefault((implementation.name, judged.name), [])
        found = Counterexample.as_found(judged, implementation, disagreement.case, disagreement)
        with teller.part("the minimal case"):
            found = find_minimal(judged, implementation, disagreement, known)
        if not found.tries.failed:
            with teller.part("whether it can be repeated"), RECORDER.looking_into(_note(found)):
                found = confirmed(found, disagreement)
        known.append(found)
        return found

    def _seen_once(self, counterexample: Counterexample, command: Command, teller: Teller) -> Finding:
        """Return what is told of a failure that cannot be repeated: it is archived apart, where no run replays it."""
        archived = self._archived(counterexample, command, teller, self._into and self._into / SEEN_ONCE)
        found = explained(counterexample, archived.commands, teller=teller, only=findings.SEEN_ONCE)
        return replace(found, archived=archived.name)

    def _archived(
        self, counterexample: Counterexample, command: Command, teller: Teller, folder: Path | None
    ) -> _Archived:
        if folder is None:
            into = f"{command.again} --archive=tests/regressions"
            return _Archived({"replay": command.again, "archive": into}, command.again)
        reason = "it failed, as is told at the end of the run"
        with teller.part("the archive"):
            record = counterexample.record()
            is_new = not (folder / record.file_name).exists()
            try:
                path = archive.write(record, folder)
            except OSError as error:
                reason = f"{folder} cannot be written: {why(error)}"
            else:
                again = replaying(path, command.asked)
                return _Archived({"archived": str(path), "replay": again}, again, path.name, is_new)
        return _Archived({"archived": f"NOT: {reason}", "replay": command.again}, command.again)

    def _known(self, counterexample: Counterexample) -> list[_Kept]:
        """Return what the archive held before this run, of the same property, that fails in the same way still."""
        judged, implementation = counterexample.property, counterexample.implementation
        kind, key = counterexample.disagreement.kind, (implementation.name, judged.name)
        if self._into is None or kind in COSTLY:  # What takes a process down is not called again for that.
            return []
        if key not in self._before:
            self._before[key] = [
                _Kept(path, str(seen.get("diagnosis", "")), fails.kind)
                for path, case, seen in archive.kept_of(judged.name, implementation.name, self._into)
                if seen.get("kind") not in COSTLY
                if judged.admits(Trial(implementation, asked_for=judged.name), case)
                if (fails := verdict_on(judged, implementation, case))
            ]
        return [kept for kept in self._before[key] if kept.kind == kind]

    def _looked_into(self, counterexample: Counterexample, teller: Teller) -> tuple[Finding, Reproduction]:
        if id(counterexample) not in self._told:
            reproduction = Reproduction(reason="it failed, as is told at the end of the run")
            if not self._only:
                with teller.part("the script"):
                    reproduction = reproduction_of(counterexample)
            found = explained(counterexample, {}, script=reproduction.script, teller=teller, only=self._only)
            self._told[id(counterexample)] = found, reproduction
        return self._told[id(counterexample)]


class _Archived(NamedTuple):
    """How a counterexample is found again, and its file in the archive."""

    commands: dict[str, str]
    again: str
    name: str = ""
    is_new: bool = False


class _Kept(NamedTuple):
    """A file of the archive whose case fails still, in what way, and what was said of it when it was written."""

    path: Path
    diagnosis: str
    kind: str

    def may_be(self, name: str) -> bool:
        """Return whether it shows the bug of this name, or, where that has none, one like it."""
        return not name or f"{self.diagnosis}; ".startswith(f"{NAMED}{name}; ")

    def told(self, command: Command) -> _Archived:
        """Return it as what a finding is archived as."""
        again = replaying(self.path, command.asked)
        return _Archived({"archived": str(self.path), "replay": again}, again, self.path.name)


def disagreement_in(error: BaseException | None) -> Disagreement | None:
    """Return the disagreement in what Hypothesis raised."""
    return next((found for found in _errors_in(error) if isinstance(found, Disagreement)), None)


def ended_from_outside(error: BaseException) -> BaseException | None:
    """Return how a plugin of pytest has ended an item, in what Hypothesis raised."""
    return next((found for found in _errors_in(error) if isinstance(found, ENDED_FROM_OUTSIDE)), None)


def _errors_in(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, those of a group, and those that led to it."""
    if error is not None:
        yield error
        for inner in (*getattr(error, "exceptions", ()), error.__cause__, error.__context__):
            yield from _errors_in(inner)


def root_beside(trial: Trial, disagreement: Disagreement, archived: archive.Record | None) -> Root | None:
    """Return what a failure follows from; None where it stands by itself. A drawn case has been looked at already."""
    if archived:
        return trial.root_of(trial.implementation, disagreement) if trial.root_of else None
    return trial.followed if trial.followed and trial.followed.disagreement is disagreement else None


def command_of(item: Any) -> Command:
    """Return the command that finds again what an item found."""
    run = item.config.stash[RUN]
    asked = tuple(item.config.getoption("impl") or ())
    if run.replay:
        return Command(replaying(run.replay, asked), asked)
    nodeid = item.nodeid.partition("@")[0]  # xdist adds the group that keeps items in one worker.
    stream = item.stash.get(AGAIN, (f"--hypothesis-seed={run.seed}", f"--cases={run.cases}"))
    sizes = [f"--sizes={run.sizes}"] if run.sizes != "usual" else []
    cells = [f"--cell={','.join(run.cells)}"] if run.cells else []
    return Command(judging(asked, *sizes, *cells, *stream, nodeid), asked)


def _note(counterexample: Counterexample) -> Note:
    found = counterexample.implementation, counterexample.property.name, counterexample.case
    return Note.of(*found, counterexample.disagreement)
