"""What a first look shows, in lines: what is the matter, where it is raised, and which claims would take it back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from rnn_parity.registry.frames import in_lines
from rnn_parity.tests.judge.base.words import counted, listed
from rnn_parity.tests.judge.look.claims import in_source
from rnn_parity.tests.judge.look.look import FirstLook, Never, Seen
from rnn_parity.tests.judge.trial.verdict import Disagreement

T = TypeVar("T")
#: No more errors are told.
_MOST = 4
#: How a disagreement begins whose text says while what it raised, and how that is told of all.
_ALWAYS = {
    "building a network raised ": "building a network always raises ",
    "calling the network raised ": "every call raises ",
}


def lines(look: FirstLook) -> list[str]:
    """Return what is the matter, the most important sentence first; nothing where nothing is."""
    results, claims = list(_of_results(look)), list(_of_claims(look))
    if results and claims:
        claims[0] = f"  it also {claims[0]}"
    return [*results, *claims]


def _of_results(look: FirstLook) -> Iterator[str]:
    if look.raising:
        yield from _raising(look.raising)
    elif found := look.malformed or look.misshapen:
        returning = sum(not seen.raises for seen in look.seen)
        yield _disagreement(found).text
        yield f"  so in all {counted(returning, 'small case')} in which it returns, whatever the options"


def _raising(all_of_them: Sequence[Seen]) -> Iterator[str]:
    """Yield what every call raises; where they differ, how many raise what."""
    groups = _grouped(all_of_them, lambda seen: seen.gist)
    if len(groups) == 1:
        found = _disagreement(all_of_them[0])
        before, said, _ = found.text.partition(" raised ")
        yield _ALWAYS.get(before + said, "every call fails: ") + _error(found)
        yield from in_lines(found.frames)
        yield f"  all {counted(len(all_of_them), 'small case')} raise it, whatever the options: nothing else is judged"
        return
    yield "no call returns"
    for group in sorted(groups, key=len, reverse=True)[:_MOST]:
        yield f"  {len(group)} of {counted(len(all_of_them), 'small case')}: {_error(_disagreement(group[0]))}"
        yield from _indented(group[0])


def _of_claims(look: FirstLook) -> Iterator[str]:
    """Yield what is claimed and never works, where that is raised, and what to claim instead."""
    if not look.never:
        return
    one = len(look.never) == 1
    yield f"claims {listed([never.claim.words for never in look.never])}, which never {'works' if one else 'work'}"
    groups = _grouped(look.never, lambda never: never.seen.gist)
    for group in groups[:_MOST]:
        yield f"  with {listed([never.claim.words for never in group])}: {_error(_disagreement(group[0].seen))}"
        yield from _indented(group[0].seen)
    if len(groups) > _MOST:
        yield f"  and {counted(len(groups) - _MOST, 'more error')} with {listed(_claims(groups[_MOST:]))}"
    yield f"  to claim the rest alone: {in_source(look.capabilities)}"


def _claims(groups: Iterable[Sequence[Never]]) -> list[str]:
    return [never.claim.words for group in groups for never in group]


def _indented(seen: Seen) -> Iterator[str]:
    return (f"  {line}" for line in in_lines(_disagreement(seen).frames))


def _error(found: Disagreement) -> str:
    """Return the first line of the error alone, without what was done."""
    return (found.text.partition(" raised ")[2] or found.text).partition("\n")[0]


def _disagreement(seen: Seen) -> Disagreement:
    assert seen.disagreement is not None
    return seen.disagreement


def _grouped(parts: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return parts of the same key together, in the order of the first of each."""
    groups: dict[Hashable, list[T]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return list(groups.values())
