"""From a disagreement to what is told of it: it is reduced, archived, looked into, and archived with its diagnosis."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from impls import Implementation, isolation
from tests.judge.base.files import why
from tests.judge.base.finding import Finding
from tests.judge.base.settings import Run
from tests.judge.base.telling import Teller, keep_error
from tests.judge.demands.property import Property
from tests.judge.finding import explain as findings
from tests.judge.finding.explain import explained
from tests.judge.finding.reproduction import Reproduction, reproduction_of
from tests.judge.reduction import archive
from tests.judge.reduction.confirming import confirmed
from tests.judge.reduction.counterexample import HURRIED, Counterexample, find_minimal
from tests.judge.report import scripts
from tests.judge.schedule.shards import budgets, shard_test
from tests.judge.trial.faults import COSTLY
from tests.judge.trial.recorder import RECORDER, Note
from tests.judge.trial.trial import Trial
from tests.judge.trial.verdict import Disagreement, Root

#: Where in the archive lies what could not be repeated.
SEEN_ONCE = "seen-once"


class Command(NamedTuple):
    """What finds something again, and the implementations that it asks for, as options."""

    again: str
    asked: str


class Explainer:
    """What a process that judges makes of what it found.

    Another shard of a property may find the same in one process: what is known is not reduced, nor looked into, twice.
    """

    def __init__(self, into: Path | None) -> None:
        #: The archive, where a run has one.
        self._into = into
        self._minimal: dict[tuple[str, str], list[Counterexample]] = {}
        self._own: dict[tuple[str, str], Disagreement | None] = {}
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

    def explain(
        self,
        judged: Property,
        implementation: Implementation,
        disagreement: Disagreement,
        command: Command,
        teller: Teller,
    ) -> Finding:
        """Return what the user is told of a disagreement, and archive its minimal case if the run asks for that."""
        with isolation.limited_to(HURRIED) if disagreement.kind in COSTLY else nullcontext():
            counterexample = self._reduced(judged, implementation, disagreement, teller)
            if counterexample.tries.seen_once:
                return self._seen_once(counterexample, command, teller)
            with RECORDER.looking_into(_note(counterexample)):
                # Archived before: the implementation is called on other cases, which may take the process down.
                archived = self._archived(counterexample, command, teller, self._into)
                found, reproduction = self._looked_into(counterexample, teller)
        with teller.part("the archive, with the diagnosis"):
            if archived.is_new and self._into:
                with suppress(OSError):  # It is there already, without the diagnosis.
                    archive.write(counterexample.record(found.diagnosis), self._into, anew=True)
        commands = archived.commands | {scripts.COMMAND: reproduction.told(archived.again)}
        return replace(found, commands=commands, archived=archived.name)

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
            into = command.again.replace("pytest", "pytest --archive=tests/regressions", 1)
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
                again = f"pytest{command.asked} --case={path}"
                return _Archived({"archived": str(path), "replay": again}, again, path.name, is_new)
        return _Archived({"archived": f"NOT: {reason}", "replay": command.again}, command.again)

    def _looked_into(self, counterexample: Counterexample, teller: Teller) -> tuple[Finding, Reproduction]:
        if id(counterexample) not in self._told:
            reproduction = Reproduction(reason="it failed, as is told at the end of the run")
            with teller.part("the script"):
                reproduction = reproduction_of(counterexample)
            found = explained(counterexample, {}, script=reproduction.script, teller=teller)
            self._told[id(counterexample)] = found, reproduction
        return self._told[id(counterexample)]


class _Archived(NamedTuple):
    """How a counterexample is found again, and its file in the archive."""

    commands: dict[str, str]
    again: str
    name: str = ""
    is_new: bool = False


def disagreement_in(error: BaseException | None) -> Disagreement | None:
    """Return the disagreement in what Hypothesis raised, which may be a group or have it as its cause."""
    if error is None or isinstance(error, Disagreement):
        return error
    for inner in (*getattr(error, "exceptions", ()), error.__cause__, error.__context__):
        if found := disagreement_in(inner):
            return found
    return None


def _note(counterexample: Counterexample) -> Note:
    found = counterexample.implementation, counterexample.property.name, counterexample.case
    return Note.of(*found, counterexample.disagreement)
