"""One implementation, judged property by property in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.demands.following import ROOTS, root_of
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.finding.explain import OTHERS, PARTS
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.run.explaining import Command, Explainer, disagreement_in, ended_from_outside
from rnn_parity.tests.judge.schedule.shards import shard_test, shares
from rnn_parity.tests.judge.trial.budget import ENOUGH
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Root

#: What is told of a finding: nobody else is judged on its case, which would take longer than all the rest.
_TOLD = tuple(part for part in PARTS if part != OTHERS)


class Judging:
    """Judges the one implementation of a run, and keeps what comes out."""

    def __init__(self, run: Run, properties: Sequence[Property], *, hurried: bool = True) -> None:
        self.results, self.teller = Results(), Teller()
        #: By the gist of a finding: other properties that fail as it does, or by a bug of the same name.
        self.following: dict[tuple[str, ...], list[str]] = {}
        #: By property, why it is not judged.
        self.exempt: dict[str, str] = {}
        self.run, (self._implementation,) = run, run.implementations
        #: Whether fewer cases are enough once a plain call is wrong: it is wrong nearly everywhere then.
        self._hurried = hurried
        self._roots = {found.name: found for found in properties if found.name in ROOTS}
        self._explainer = Explainer(run.archive, _TOLD)

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return self.results.findings

    def judge(self, judged: Property, again: str) -> Finding | None:
        """Judge by a property until it fails, or its cases or seconds are over, and return what is told of a failure.

        Args:
            judged: the property.
            again: what judges by it once more.
        """
        if reason := judged.exempts(self._implementation.capabilities):
            self.exempt[judged.name] = reason
            self.results.add(Result.of(Trial(self._implementation), judged.name, "skipped", 0.0))
            return None
        for trial in self._trials(judged):
            status, failure, began = "error", None, _now()
            with self.teller.part(f"the verdict on {judged.name}"):
                failure = _failure(judged, trial, self.run)
                status = "disagrees" if failure else "agrees"
            result = Result.of(trial, judged.name, "passed" if status == "agrees" else "failed", _now() - began)
            root = trial.followed if failure and trial.followed and trial.followed.disagreement is failure else None
            found, result.status = self.told(judged, failure, root, again) if failure else (None, result.status)
            self.results.add(result)
            if status != "agrees":
                return found
        return None

    def _trials(self, judged: Property) -> Iterator[Trial]:
        cases = min(self.run.cases, self._implementation.cases or self.run.cases)
        if self._hurried and any(finding.property in ROOTS for finding in self.findings):
            cases = min(cases, ENOUGH)
        follows = partial(root_of, judged, properties=self._roots)
        for share in shares(cases, self.run.seconds):
            yield Trial(self._implementation, asked_for=judged.name, root_of=follows, **share)

    def told(
        self, judged: Property, failure: Disagreement, root: Root | None, again: str
    ) -> tuple[Finding | None, str]:
        """Keep and return what is told of a failure, and its status: of what it follows from, where it does."""
        found, status = None, "disagrees"
        with self.teller.part("the finding"):
            asked = self._implementation, failure, root, self.run, Command("", ()), self.teller
            found, status = self._explainer.told(judged, *asked)
            archived = {name: path for name, path in found.commands.items() if name == "archived"}
            found = replace(found, commands=archived | {"replay": again})
            self._keep(found, judged.name)
        return found, status

    def _keep(self, found: Finding, judged: str) -> None:
        if found.seen_once:
            self.results.saw_once(found)
            return
        same = [kept for kept in self.findings if found.name == kept.name != "" or found.gist == kept.gist]
        if not same:
            self.findings.append(found)
            self.following[found.gist] = [judged] if judged != found.property else []
        elif judged not in (same[0].property, *self.following[same[0].gist]):
            self.following[same[0].gist].append(judged)


def _failure(judged: Property, trial: Trial, run: Run) -> Disagreement | None:
    """Return how a property fails on the cases of a trial; None where it does not.

    Raises:
        Exception: the suite itself fails.
        BaseException: a plugin of pytest has ended the item.
    """
    try:
        shard_test(judged, trial, run.seed, run.sizes)(trial)
    except Exception as error:
        if ended := ended_from_outside(error):
            raise ended from None  # Hypothesis has tried it once more, and was not ended then.
        if (found := disagreement_in(error)) is None:
            raise
        return found
    return trial.followed.disagreement if trial.followed else None


def _now() -> float:
    return time.process_time() + cpu_seconds()
