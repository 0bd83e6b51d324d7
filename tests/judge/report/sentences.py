"""The verdict on an implementation in a sentence: right, or what the bug is; numbers first, then manners."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from rnn_parity import Implementation
from rnn_parity.contract import cells
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.groups import ARCHIVED, GROUPS
from rnn_parity.tests.judge.base.words import counted, listed
from rnn_parity.tests.judge.demands.property import group_of
from rnn_parity.tests.judge.report.results import Result, Results, worst_error
from rnn_parity.tests.judge.trial.counts import key
from rnn_parity.tests.judge.trial.faults import ENDING

#: What a verdict may be, from the best to the worst.
KINDS = ("right", "absent", "nothing", "seen once", "few", "error", "manners", "named", "unnamed", "raises")
#: No more properties or findings stand in a sentence.
_MOST = 4


class Conclusion(NamedTuple):
    """One of `KINDS`, and the sentence."""

    kind: str
    sentence: str


def verdicts(results: Results, implementations: Iterable[Implementation]) -> dict[str, Conclusion]:
    """Return the verdict on each implementation of which there are results, by its name; the best first."""
    found = {each.name: _of(each, results) for each in implementations if results.of(each.name)}
    return dict(sorted(found.items(), key=lambda pair: (KINDS.index(pair[1].kind), pair[0])))


def _of(implementation: Implementation, results: Results) -> Conclusion:
    name = implementation.name
    findings = [finding for finding in results.findings if finding.implementation == name]
    once = sum(finding.implementation == name for finding in results.seen_once)
    known = sum(bool(defect.case or defect.library) and defect.present() for defect in implementation.known_defects)
    return verdict(name, results.of(name), findings, once, known)


def verdict(
    name: str, own: Sequence[Result], findings: Sequence[Finding] = (), once: int = 0, known: int = 0
) -> Conclusion:
    """Return the verdict that follows from an implementation's results and findings.

    Args:
        name: what it is called.
        own: its results, one a property.
        findings: what was found, each counterexample once.
        once: how many failures could not be repeated.
        known: how many known defects drawn cases avoid.
    """
    judged = [result for result in own if result.status not in ("not installed", "unsupported")]
    if not judged:
        return _nothing(name, own)
    looks, findings = ([finding for finding in findings if finding.of_look == of_look] for of_look in (True, False))
    if looks:
        return _at_first_sight(name, looks[0], judged, findings, once, known)
    numbers = [finding for finding in findings if not _of_manners(finding)]
    manners = [finding for finding in findings if _of_manners(finding)]
    said = _with_manners(name, _numbers(name, judged, numbers, manners, known), manners)
    return said._replace(sentence=" ".join([said.sentence, *_remarks(judged, said.kind, once)]))


def _at_first_sight(
    name: str, look: Finding, judged: Sequence[Result], findings: Sequence[Finding], once: int, known: int
) -> Conclusion:
    """Say what a first look shows, behind what is so within that."""
    if look.hopeless:
        return Conclusion("raises", f"{name} gives nothing that can be judged: {look.first}.")
    elsewhere = {finding.property for finding in findings}
    own = [
        replace(result, status="agrees") if result.property == look.property not in elsewhere else result
        for result in judged
        if result.cases or result.status != "follows"  # All that it asks for was left out.
    ]
    said = verdict(name, own, findings, once, known)
    return Conclusion(max("named", said.kind, key=KINDS.index), f"{said.sentence} It {look.first}.")


def _nothing(name: str, own: Sequence[Result]) -> Conclusion:
    if any(result.status == "not installed" for result in own):
        return Conclusion("absent", f"{name} was not judged: it is not installed; --list-impls says how.")
    return Conclusion("nothing", f"{name} was not judged: nothing of what was asked could be; pytest -rs says why.")


def _of_manners(finding: Finding) -> bool:
    """Return whether no number is wrong; what raises, or ends its process, gives none."""
    group = GROUPS.get(group_of(finding.property))
    ends = finding.kind.startswith("raises") or finding.kind in ENDING
    return bool(group and group.manners) and not ends


# Numbers


def _numbers(
    name: str, judged: Sequence[Result], findings: Sequence[Finding], manners: Sequence[Finding], known: int
) -> Conclusion:
    if findings:
        return _wrong(name, judged, findings)
    if lost := _lost(judged, manners):
        return Conclusion("unnamed", f"{name} fails {_properties(lost)}.")
    if few := [result for result in judged if result.status == "too few"]:
        cases = [f"{result.property} ({result.cases})" for result in few]
        return Conclusion(
            "few",
            f"{name} disagrees nowhere, but too few cases were judged for a verdict on {listed(cases, most=_MOST)}.",
        )
    if failing := [result for result in judged if result.status == "error"]:
        return Conclusion("error", f"{name} disagrees nowhere, but there is no verdict on {_properties(failing)}.")
    if not any(result.status == "agrees" for result in judged):
        return Conclusion("", "") if manners else Conclusion("seen once", f"{name} has no verdict.")
    return Conclusion("right", f"{name} {_right(name, judged, known)}.")


def _lost(judged: Sequence[Result], manners: Sequence[Finding]) -> list[Result]:
    """Return what fails under no number that is told: it is told under a property of manners, or could not be."""
    failing = [result for result in judged if result.status in ("disagrees", "follows")]
    told = [result for result in failing if manners and (_is_manners(result) or result.property == "archive")]
    return [result for result in failing if result not in told]


def _right(name: str, judged: Sequence[Result], known: int) -> str:
    """Say what an implementation does that does what is demanded, and how much rests on it."""
    agreeing = [result for result in judged if result.status == "agrees"]
    groups = dict.fromkeys(result.group for result in agreeing)
    does = f"computes what {_peer(name, judged)} computes"
    if "results" not in groups:
        titles = [group.title for key, group in GROUPS.items() if key in groups] or [ARCHIVED]
        does = f"meets the demands on {listed(titles)}"
    told = [
        counted(len(agreeing), "property", "properties"),
        counted(sum(result.cases for result in agreeing), "case"),
    ]
    if (worst := worst_error(agreeing)) is not None:
        told.append(f"worst error {worst:.2f} of its bound")
    if known:
        told.append(f"{counted(known, 'known defect')} left out")
    return f"{does} ({', '.join(told)})"


def _peer(name: str, judged: Sequence[Result]) -> str:
    """Name whose numbers it has to give, by the cells that were drawn; torch's own modules, the reference's."""
    modules = [
        f"nn.{kind.module}"
        for kind in cells.KINDS.values()
        if any(key("cell", kind.name) in each.drawn for each in judged)
    ] or ["nn.RNN"]
    return "the reference" if name.lower() in map(str.lower, modules) else listed(modules)


def _wrong(name: str, judged: Sequence[Result], findings: Sequence[Finding]) -> Conclusion:
    items = list(dict.fromkeys(map(in_short, sorted(findings, key=lambda finding: not finding.name))))
    told = "; ".join(items[:_MOST])
    if len(items) > _MOST:
        told += f"; {counted(len(items) - _MOST, 'more finding')}"
    if _never_returns(judged, findings):
        errors = dict.fromkeys(finding.first for finding in findings)
        return Conclusion("raises", f"{name} is right in none of the cases that it claims: {'; or '.join(errors)}.")
    does = {
        "agrees": f"computes what {_peer(name, judged)} computes in plain calls, but",
        "disagrees": f"does not compute what {_peer(name, judged)} computes",
    }
    plain = next((result.status for result in judged if result.property == "agreement"), "")
    kind = "named" if all(finding.name for finding in findings) else "unnamed"
    return Conclusion(kind, f"{name} {does.get(plain, 'is wrong')}: {told}.")


def _never_returns(judged: Sequence[Result], findings: Sequence[Finding]) -> bool:
    """Return whether each case that it should be able to take raised, and there were some."""
    if not all(finding.kind.startswith("raises") for finding in findings):
        return False
    counts = [feature for result in judged for feature in result.features.values()]
    return bool(counts) and not any(agreed for agreed, _, _ in counts)


def in_short(finding: Finding) -> str:
    """Say what is wrong: the bug's name, or what might be its name, or what differs."""
    chance = f" (by chance: in {finding.tries[0]} of {counted(finding.tries[1], 'try', 'tries')})"
    return (finding.name or f"{finding.property} fails: {_unnamed(finding)}") + chance * finding.by_chance


def _unnamed(finding: Finding) -> str:
    where = f"{finding.first}, on {finding.descriptor}"
    if finding.candidates:
        return f"{where}; it may be that {listed(finding.candidates[:2], ', or that ')}"
    return where


# Manners


def _is_manners(result: Result) -> bool:
    return bool(result.group) and GROUPS[result.group].manners


def _with_manners(name: str, said: Conclusion, manners: Sequence[Finding]) -> Conclusion:
    """Say of manners what is to be said behind the numbers, or alone, where no numbers were judged."""
    taken = [found[1] for finding in manners if (found := _TAKES.match(finding.first))]
    module = next((found[2] for finding in manners if (found := _TAKES.match(finding.first))), "")
    failed = [finding for finding in manners if not _TAKES.match(finding.first)]
    items = [f"takes what nn.{module} refuses: {'; '.join(dict.fromkeys(taken))}."] if taken else []
    items += dict.fromkeys(f"fails {finding.property}: {finding.name or finding.first}." for finding in failed)
    first = [] if said.kind else [f"{name} {items.pop(0)}"]
    sentence = " ".join([*(first or [said.sentence]), *(f"It {item}" for item in items)])
    return Conclusion(max("manners" if manners else "right", said.kind or "right", key=KINDS.index), sentence)


#: How a finding begins that a wrong call was taken.
_TAKES = re.compile(r"takes (.*), which nn\.(\w+) refuses")


# What else is to be known


def _remarks(judged: Sequence[Result], kind: str, once: int) -> Iterator[str]:
    few = [result for result in judged if result.status == "too few"]
    if few and kind != "few":
        yield f"Too few cases were judged for a verdict on {_properties(few)}."
    failing = [result for result in judged if result.status == "error"]
    if failing and kind != "error":
        yield f"There is no verdict on {_properties(failing)}, which ended in an error."
    if expected := [result for result in judged if result.expected]:
        yield f"It is expected to fail {_properties(expected)}."
    if left_out := sorted({words for result in judged for words in result.left_out}):
        yield f"Not judged: {listed(left_out, most=_MOST)}."
    if once:
        yield f"{counted(once, 'failure')} could not be repeated, and accuses nobody."


def _properties(results: Sequence[Result]) -> str:
    return listed(sorted(result.property for result in results), most=_MOST)
