"""The items of a run: one for each property, implementation and shard, or for each archived case and implementation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rnn_parity import Implementation
from rnn_parity.registry import LIGHT, MAIN
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import PROPERTIES, Property
from rnn_parity.tests.judge.hunting.trials import new_trial
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.schedule.shards import shard_test, shares
from rnn_parity.tests.judge.trial.trial import Trial, trial_of
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: What an implementation warns of is its own business; what it returns is judged.
UNHEARD = pytest.mark.filterwarnings("ignore")


def trials(run: Run, judged: Property) -> Iterator[Any]:
    """Yield the trials of a property, as parameters: one for each implementation and shard."""
    for implementation in run.implementations:
        reason = _absence(run, implementation) or judged.exempts(implementation.capabilities)
        if reason:
            yield pytest.param(Trial(implementation), id=implementation.name, marks=pytest.mark.skip(reason=reason))
        else:
            cases = min(run.cases, implementation.cases or run.cases)
            for share in shares(cases, run.seconds, hunted=bool(run.minutes)):
                trial = new_trial(run, implementation, asked_for=judged.name, **share)
                yield pytest.param(trial, id=f"{implementation.name}-{trial.shard}", marks=_together(implementation))


def _together(implementation: Implementation) -> list[Any]:
    """Return the mark that keeps an implementation in one worker, which imports and compiles it once."""
    light = implementation.group == MAIN and implementation.library in LIGHT
    return [] if light else [pytest.mark.xdist_group(implementation.name)]


def _absence(run: Run, implementation: Implementation) -> str:
    if not implementation.installed:
        return f"not installed: {implementation.how_to_install}"
    devices = implementation.capabilities.devices
    return run.no_device or ("" if run.device in devices else f"claims no {run.device}, only {', '.join(devices)}")


def replays(run: Run) -> Iterator[Any]:
    """Every archived case on every implementation that can take it; a file that can't be read is an item that fails."""
    for path in [run.replay] if run.replay else archive.files():
        try:
            record = archive.read(path)
            judged = archive.property_of(path, record)
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
    return f"{judged.name} does not judge this case on it: {', '.join(reasons) or 'the property admits no such case'}"


def judged_by(item: Any) -> Property:
    """Return the property that judges an item's case."""
    archived = item.callspec.params.get("archived")
    return PROPERTIES[archived.property] if archived else item.obj.property


def place(item: Any) -> tuple[str, bool]:
    """Return the sort key of an item: items of a framework side by side, so that few workers import it; others last.

    Of a framework the archive comes first: a known defect that it shows ends a process, and what was compiled there.
    """
    trial = trial_of(item)
    if trial is None or trial.implementation.library in LIGHT:
        return "~", False
    return trial.implementation.name, "archived" not in item.callspec.params


def bind(item: Any, judged: Property, run: Run) -> None:
    """Give an item its own Hypothesis test: cases for its implementation, from the stream of its shard."""
    item.obj = shard_test(judged, item.callspec.params["trial"], run.seed, run.sizes)
    item.obj.property = judged
    item.add_marker(UNHEARD)
