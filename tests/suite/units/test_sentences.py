"""The verdict in a sentence: one for each way in which an implementation may be right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from rnn_parity.tests.judge.base.finding import CLAIMS, MAYBE, Finding
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.report.sentences import KINDS, in_short, verdict, verdicts
from rnn_parity.tests.suite.pages import ABSENT, PLAYERS


def result(judged: str = "agreement", status: str = "agrees", cases: int = 600, **more: Any) -> Result:
    return Result("mine", judged, status, cases, **more)


def finding(
    judged: str = "agreement", differs: Sequence[str] = ("output has shape (1, 2), expected (1, 1)",), **more: Any
) -> Finding:
    given = {"kind": "value", "found": "", "calls": 1, "reduced_fully": True} | more
    return Finding("mine", "torch", "2", judged, "", "relu T1 B1 I1 H1", "", {}, list(differs), **given)


VALUE = ["output[t=0, b=0, j=0] (layer 0)", "  expected  1", "  got       0", "  allowed   nothing else"]
DROPS = ["the bug: h_0 is ignored", "  explains all"]
RAISES = {"kind": "raises KeyError", "differs": ["calling the network raised KeyError: 'W'"]}
TOO_FEW = result("laws", "too few", 3, enough=20)
WRONG = result(status="disagrees")
MANNERS = [result(), result("refusals", "disagrees", 9), result("archive", "disagrees", 30)]
TAKES = finding(
    "refusals", ["takes an x of one axis too many, which nn.RNN refuses, and returns int"], kind="accepts x"
)
TAKES_TOO = finding("refusals", ["takes a list, which nn.RNN refuses, and returns int"], kind="accepts list")
WIDE = finding("claims", diagnosis=["the bug: the reverse direction is left out"])


class Said(NamedTuple):
    """What is found, and what is to be said of it."""

    kind: str
    sentence: str
    results: list[Result]
    findings: Sequence[Finding] = ()
    once: int = 0
    known: int = 0


def look(*differs: str, kind: str = CLAIMS) -> Finding:
    return finding(differs=[*differs, "  and more"], kind=kind, of_look=True)


TWO_WAYS = look("claims two directions, which never works")
LEFT_OUT = result("lengths", "follows", 0)
SAID = {
    "every call raises": Said(
        "raises",
        "mine gives nothing that can be judged: every call raises KeyError: 'W'.",
        [result(status="disagrees", cases=0), LEFT_OUT],
        [look("every call raises KeyError: 'W'", kind="raises KeyError")],
    ),
    "a claim never works": Said(
        "named",
        "mine computes what nn.RNN computes (2 properties, 1,200 cases). It claims two directions, which never works.",
        [WRONG, result("laws"), LEFT_OUT],
        [TWO_WAYS],
    ),
    "a claim never works, and too few cases of the rest": Said(
        "named",
        "mine disagrees nowhere, but too few cases were judged for a verdict on agreement (3). "
        "It claims two directions, which never works.",
        [result(status="disagrees", cases=3, enough=20), result("laws")],
        [TWO_WAYS],
    ),
    "a claim never works, and something is wrong": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored. It claims two directions, which never works.",
        [WRONG],
        [TWO_WAYS, finding(differs=VALUE, diagnosis=DROPS)],
    ),
    "right": Said(
        "right",
        "mine computes what nn.RNN computes (2 properties, 11,300 cases, worst error 0.39 of its bound).",
        [result(cases=11_000, elements=9, worst_error_over_bound=0.391), result("laws", cases=300)],
    ),
    "bits alone": Said("right", "mine computes what nn.RNN computes (1 property, 1 case).", [result(cases=1)]),
    "some groups alone": Said(
        "right",
        "mine meets the demands on gradients and arguments (2 properties, 1,200 cases).",
        [result("refusals"), result("gradients"), result("lengths", "unsupported", 0)],
    ),
    "the archive alone": Said(
        "right", "mine meets the demands on archived cases (1 property, 30 cases).", [result("archive", cases=30)]
    ),
    "known defects": Said(
        "right",
        "mine computes what nn.RNN computes (1 property, 600 cases, 2 known defects left out).",
        [result()],
        known=2,
    ),
    "named": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored.",
        [WRONG, result("laws", "follows")],
        [finding(diagnosis=DROPS)],
    ),
    "by chance": Said(
        "named",
        "mine computes what nn.RNN computes in plain calls, but: h_0 is ignored (by chance: in 3 of 20 tries).",
        [result(), result("threads", "disagrees")],
        [finding("threads", diagnosis=DROPS, tries=(3, 20))],
    ),
    "one name, twice": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored.",
        [WRONG],
        [finding(diagnosis=DROPS), finding("calls", diagnosis=DROPS)],
    ),
    "unnamed": Said(
        "unnamed",
        "mine does not compute what nn.RNN computes: "
        "agreement fails: output[t=0, b=0, j=0] (layer 0) is 0, expected 1, on relu T1 B1 I1 H1.",
        [WRONG],
        [finding(differs=VALUE, diagnosis=["none of the 9 bug models explains it"])],
    ),
    "several candidates": Said(
        "unnamed",
        "mine does not compute what nn.RNN computes: agreement fails: output has shape (1, 2), expected (1, 1), "
        "on relu T1 B1 I1 H1; it may be that b is left out, or that b is 0.",
        [WRONG],
        [finding(diagnosis=[MAYBE, "  b is left out", "  b is 0", "  b is b"])],
    ),
    "wrong in later calls alone": Said(
        "unnamed",
        "mine computes what nn.RNN computes in plain calls, but: "
        "calls fails: output[t=0, b=0, j=0] (layer 0) is 0, expected 1, on relu T1 B1 I1 H1.",
        [result(), result("calls", "disagrees")],
        [finding("calls", VALUE)],
    ),
    "wrong where plain calls were not judged": Said(
        "unnamed",
        "mine is wrong: calls fails: output has shape (1, 2), expected (1, 1), on relu T1 B1 I1 H1.",
        [result("calls", "disagrees")],
        [finding("calls")],
    ),
    "several findings": Said(
        "unnamed",
        "mine does not compute what nn.RNN computes: h_0 is ignored; p0 fails: a, on relu T1 B1 I1 H1; "
        "p1 fails: a, on relu T1 B1 I1 H1; p2 fails: a, on relu T1 B1 I1 H1; 2 more findings.",
        [WRONG],
        [*(finding(f"p{place}", ["a"]) for place in range(5)), finding(diagnosis=DROPS)],
    ),
    "not told": Said("unnamed", "mine fails agreement and laws.", [WRONG, result("laws", "follows")]),
    "numbers told under manners alone": Said(
        "unnamed", "mine fails agreement. It fails claims: the reverse direction is left out.", [WRONG], [WIDE]
    ),
    "raises always": Said(
        "raises",
        "mine is right in none of the cases that it claims: calling the network raised KeyError: 'W'.",
        [result(status="disagrees", features={"tanh": (0, 9, 0.0)}), result("claims", cases=40)],
        [finding(**RAISES)],
    ),
    "raises at times": Said(
        "unnamed",
        "mine does not compute what nn.RNN computes: "
        "agreement fails: calling the network raised KeyError: 'W', on relu T1 B1 I1 H1.",
        [result(status="disagrees", features={"tanh": (1, 9, 0.0)})],
        [finding(**RAISES)],
    ),
    "raises where manners are asked for": Said(
        "unnamed",
        "mine computes what nn.RNN computes in plain calls, but: "
        "arguments fails: calling the network raised KeyError: 'W', on relu T1 B1 I1 H1.",
        [result(features={"tanh": (9, 0, 0.0)}), result("arguments", "disagrees")],
        [finding("arguments", **RAISES)],
    ),
    "too few": Said(
        "few",
        "mine disagrees nowhere, but too few cases were judged for a verdict on laws (3).",
        [result(), TOO_FEW],
    ),
    "wrong, and too few": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored. Too few cases were judged for a verdict on laws.",
        [WRONG, TOO_FEW],
        [finding(diagnosis=DROPS)],
    ),
    "manners alone": Said(
        "manners",
        "mine computes what nn.RNN computes (1 property, 600 cases). It takes what nn.RNN refuses: an x of one axis "
        "too many; a list. It fails claims: the reverse direction is left out.",
        MANNERS,
        [TAKES, TAKES_TOO, WIDE],
    ),
    "manners, and nothing else judged": Said(
        "manners",
        "mine takes what nn.RNN refuses: a list. It fails claims: the reverse direction is left out.",
        [result("refusals", "disagrees")],
        [TAKES_TOO, WIDE],
    ),
    "numbers before manners": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored. It takes what nn.RNN refuses: a list.",
        [WRONG, result("refusals", "disagrees")],
        [TAKES_TOO, finding(diagnosis=DROPS)],
    ),
    "an error": Said(
        "error",
        "mine disagrees nowhere, but there is no verdict on laws.",
        [result(), result("laws", "error")],
    ),
    "wrong, and an error": Said(
        "named",
        "mine does not compute what nn.RNN computes: h_0 is ignored. "
        "There is no verdict on laws, which ended in an error.",
        [WRONG, result("laws", "error")],
        [finding(diagnosis=DROPS)],
    ),
    "seen once": Said(
        "right",
        "mine computes what nn.RNN computes (1 property, 600 cases). "
        "1 failure could not be repeated, and accuses nobody.",
        [result(), result("laws", "seen once")],
        once=1,
    ),
    "seen once alone": Said(
        "seen once",
        "mine has no verdict. 1 failure could not be repeated, and accuses nobody.",
        [result("laws", "seen once")],
        once=1,
    ),
    "not installed": Said(
        "absent",
        "mine was not judged: it is not installed; --list-impls says how.",
        [result(status="not installed", cases=0)],
    ),
    "nothing offered": Said(
        "nothing",
        "mine was not judged: nothing of what was asked could be; pytest -rs says why.",
        [result(status="unsupported", cases=0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_the_sentence(case: str) -> None:
    said = SAID[case]
    assert verdict("mine", said.results, said.findings, said.once, said.known) == (said.kind, said.sentence)


def test_every_kind_is_said() -> None:
    assert {said.kind for said in SAID.values()} == set(KINDS)


def test_the_reference_is_not_measured_by_itself() -> None:
    assert verdict("nn.rnn", [result()]).sentence.startswith("nn.rnn computes what the reference computes (")


def test_in_short() -> None:
    """The name, or else where it differs; whatever is left of a finding."""
    assert in_short(finding(diagnosis=DROPS)) == "h_0 is ignored"
    assert in_short(finding(differs=[])) == "agreement fails: value, on relu T1 B1 I1 H1"


def test_of_a_run() -> None:
    """One for each implementation of which there are results, the best first."""
    results = Results()
    for name, status in (("nn.rnn", "agrees"), ("linear", "disagrees"), ("absent", "not installed")):
        results.add(Result(name, "agreement", status, 600))
    results.findings = [Finding(**vars(finding(diagnosis=DROPS)) | {"implementation": "linear"})]
    told = verdicts(results, [*PLAYERS, ABSENT])
    assert [(name, said.kind) for name, said in told.items()] == [
        ("nn.rnn", "right"), ("absent", "absent"), ("linear", "named"),
    ]  # fmt: skip
