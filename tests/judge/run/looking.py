"""The first look at each implementation of a run: one item tells what it shows; all are judged within what works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import find, settings
from hypothesis.errors import NoSuchExample

from rnn_parity import Capabilities
from rnn_parity.tests.judge.base.fuzzing import fuzzing
from rnn_parity.tests.judge.base.settings import RUN
from rnn_parity.tests.judge.base.words import listed
from rnn_parity.tests.judge.demands.following import ROOTS
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.look import FirstLook, first_look
from rnn_parity.tests.judge.look.claims import Claim, in_source
from rnn_parity.tests.judge.look.look import PLAIN
from rnn_parity.tests.judge.look.wording import lines
from rnn_parity.tests.judge.report.results import Result
from rnn_parity.tests.judge.run.items import bind, judged_by
from rnn_parity.tests.judge.trial.trial import Trial, trial_of
from rnn_parity.tests.judge.trial.verdict import Disagreement

#: What items tell that are the first of their implementation, where there is something to tell.
TELLS = pytest.StashKey[FirstLook]()
#: What is told, in the place of that, of those of which nobody has said what they take on.
_LEAVES_OUT = pytest.StashKey[FirstLook]()
#: Whether such an item has nothing to judge beside.
ALONE = pytest.StashKey[bool]()
#: What was wrong with a call once, of an item that judges such calls: it fails where its own cases do not.
ONCE = pytest.StashKey[Disagreement | None]()
#: Items that are not judged for what another tells.
LEFT_OUT = pytest.StashKey[bool]()
_FIRST = pytest.StashKey[bool]()
#: By the name of an implementation, what it is judged by in this run.
_JUDGED = pytest.StashKey[dict[str, dict[str, Property]]]()
#: Of so many cases one asks for what a property asks for at all: those that draw it do so in a third of them.
_DRAWN = settings(max_examples=100, database=None, derandomize=True, deadline=None)
#: What this process has looked at: by name, and whether in a process of its own.
_LOOKS = pytest.StashKey[dict[tuple[str, bool], FirstLook]]()


def appoint(config: pytest.Config, items: Iterable[Any]) -> None:
    """Choose the item of each implementation that tells what a first look shows: the same in every worker."""
    by_name = config.stash[_JUDGED] = {}
    for item in sorted(filter(_may_tell, items), key=_rank):
        name, judged = item.callspec.params["trial"].implementation.name, judged_by(item)
        item.stash[_FIRST] = name not in by_name
        by_name.setdefault(name, {})[judged.name] = judged


def _may_tell(item: Any) -> bool:
    return trial_of(item) is not None and not any(map(item.get_closest_marker, ("skip", "xfail")))


def _rank(item: Any) -> tuple[bool, int]:
    roots, name = [*ROOTS], judged_by(item).name
    return "archived" in item.callspec.params, roots.index(name) if name in roots else len(roots)


def begin(item: Any) -> None:
    """Have an item judged within what works; skip it where nothing does, or nothing that it asks for."""
    trial, run = trial_of(item), item.config.stash[RUN]
    if trial is None or run.minutes or fuzzing():
        return  # A hunt is for what has been looked at.
    assumed = trial.implementation.unclaimed
    if run.replay and not assumed:
        return  # What is replayed is asked for as it is.
    look = _look(item, trial)
    nothing = look.hopeless or (bool(look.never) and not _narrowed(item, trial, look))
    if assumed and not look.hopeless:
        if item.stash.get(_FIRST, False) and look.never:
            item.stash[_LEAVES_OUT] = look
        if nothing:
            pytest.skip(f"it asks for what never works: {listed([*look.left_out])}")
    elif item.stash.get(_FIRST, False) and (look.hopeless or look.never):
        item.stash[TELLS], item.stash[ALONE] = look, nothing
    elif nothing:
        item.stash[LEFT_OUT] = True
        pytest.skip(f"not judged: {lines(look)[0]}")
    if judged_by(item).name == PLAIN and "archived" not in item.callspec.params and trial.shard == 0:
        item.stash[ONCE] = look.once


def note(item: Any, result: Result) -> None:
    """Note in the result of an item what was left out, where nobody has said what its implementation takes on."""
    if look := item.stash.get(_LEAVES_OUT, None):
        result.left_out, result.within = look.left_out, in_source(look.capabilities)


def _look(item: Any, trial: Trial) -> FirstLook:
    known: dict[tuple[str, bool], FirstLook] = item.config.stash.setdefault(_LOOKS, {})
    key = trial.implementation.name, trial.implementation.environment is not None
    if key not in known:
        look, judged = first_look(trial.implementation), item.config.stash[_JUDGED].get(key[0], {})
        matters = [never for never in look.never if _asked_for(never.claim, look.claimed, judged.values())]
        known[key] = replace(look, never=matters)
    return known[key]


def _asked_for(claim: Claim, able: Capabilities, judged: Iterable[Property]) -> bool:
    """Return whether some of these properties asks for what is claimed: without the claim it has no case, or fewer."""
    without = claim.narrow(able)
    assert without is not None
    asking = [found for found in judged if not found.exempts(able)]
    # What draws is asked last, as that takes longer.
    return any(found.exempts(without) for found in asking) or any(_draws(found, able, without) for found in asking)


def _draws(judged: Property, able: Capabilities, without: Capabilities) -> bool:
    try:
        find(judged.cases(able), lambda case: bool(without.objections(case)), settings=_DRAWN)
    except NoSuchExample:
        return False
    return True


def _narrowed(item: Any, trial: Trial, look: FirstLook) -> bool:
    """Have an item judged within what works, and return whether that leaves it something to judge."""
    judged, archived = judged_by(item), item.callspec.params.get("archived")
    trial.implementation = replace(trial.implementation, capabilities=look.capabilities)
    if judged.exempts(look.capabilities) or (archived and not judged.admits(trial, archived.case)):
        return False
    if not archived:
        bind(item, judged, item.config.stash[RUN])
    return True
