"""Budgets of CPU seconds: what is none of them, what they cannot cut, and what is said where they cut too much."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnn_parity import Capabilities, Config, Implementation, implementation
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.judge.report.table import lines, totals
from rnn_parity.tests.judge.schedule.shards import budgets, shard_test
from rnn_parity.tests.judge.trial.budget import ENOUGH, MOST, Budget, needed
from rnn_parity.tests.suite.running import pytest_run

LINEAR = implementation("linear")
CASES = 60


def work(seconds: float) -> None:
    """Take so much CPU time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def busy(build: Callable[..., Any], seconds: float) -> Implementation:
    """An implementation each network of which takes so much CPU time to build."""

    def slow(config: Config, weights: Any) -> Any:
        work(seconds)
        return build(config, weights)

    return replace(LINEAR, name="busy", build=slow)


def compiled(name: str, seconds: float, capabilities: Capabilities) -> Implementation:
    """An implementation that takes so much CPU time for each shape that it is called on, once."""

    known = set()

    def build(config: Config, weights: Any) -> Any:
        run = LINEAR.build(config, weights)

        def call(*tensors: Any) -> Any:
            shape = config, *(tensor.shape for tensor in tensors)
            work(seconds * (shape not in known))
            known.add(shape)
            return run(*tensors)

        return call

    return replace(LINEAR, name=name, build=build, capabilities=capabilities)


def judged(found: Implementation, limits: Budget) -> Trial:
    """It, on agreement, within these limits."""
    trial = Trial(found, budget=CASES, asked_for="agreement", limits=limits)
    shard_test(load_properties()["agreement"], trial, 1)(trial=trial)
    return trial


# What ends an item


@pytest.mark.parametrize(("seconds", "least", "most"), [(1e-9, 1, 1), (0.5, 2, 20), (math.inf, CASES, CASES)])
def test_seconds_end_before_cases(seconds: float, least: int, most: int) -> None:
    """After its CPU seconds an implementation is fed no more; one case is always judged."""
    tally = judged(busy(LINEAR.build, 0.03), Budget(seconds)).tally
    assert least <= tally.cases <= most
    assert tally.cut == (most < CASES)


def test_what_fails_is_judged_on() -> None:
    """Hypothesis may repeat and shrink a failure, however long that takes."""

    def wrong(config: Config, weights: Any) -> Any:
        run = LINEAR.build(config, weights)
        return lambda *given: tuple(result + 1 for result in run(*given))

    trial = Trial(busy(wrong, 0.03), budget=CASES, asked_for="agreement", limits=Budget(1e-9))
    with pytest.raises(Disagreement):
        shard_test(load_properties()["agreement"], trial, 1)(trial=trial)
    assert trial.tally.cases > 1


def test_seconds_do_not_cut_what_a_verdict_needs() -> None:
    """They may end long before; then no case is judged beyond those that are needed."""
    tally = judged(busy(LINEAR.build, 0.01), Budget(0.05, ENOUGH)).tally
    assert (tally.cases, tally.cut) == (ENOUGH, True)


def test_an_item_ends() -> None:
    """A multiple of its seconds ends it, whatever it needs; what hangs between two cases would go on for ever."""
    tally = judged(busy(LINEAR.build, 0.02), Budget(0.005, ENOUGH)).tally
    assert 1 <= tally.cases <= MOST * 0.005 / 0.02
    assert tally.cut


# What is done once


def test_each_shape_is_compiled_outside_of_the_budget() -> None:
    """What is done once for each shape of the pool takes longer than the seconds, and none of them."""
    tally = judged(compiled("compiled", 0.5, Capabilities(per_shape=True)), Budget(2.0)).tally
    assert (tally.cases, tally.cut) == (CASES, False)


def test_what_compiles_for_every_case_is_cut() -> None:
    """Where shapes are not said to cost anything, each that does is part of the budget."""
    assert judged(compiled("compiles", 0.05, Capabilities()), Budget(0.5)).tally.cut


def test_importing_is_outside_of_the_budget() -> None:
    """The first case of a process imports the library: none of the seconds, on whichever property it is."""
    ready = []

    def build(config: Config, weights: Any) -> Any:
        if not ready:
            work(2.5)
            ready.append(True)
        return LINEAR.build(config, weights)

    tally = judged(replace(LINEAR, name="imported", build=build), Budget(2.0)).tally
    assert (tally.cases, tally.cut) == (CASES, False)


# Verdicts


@pytest.mark.parametrize("of", [1, 5, 19, 20, 21, 100, 101, 250, 600, 10_000])
def test_shards_need_enough_together(of: int) -> None:
    """The shards of a property need what it needs, none more than it has."""
    starts = [sum(budgets(of)[:shard]) for shard in range(len(budgets(of)))]
    shares = [needed(start, start + cases, of) for start, cases in zip(starts, budgets(of), strict=True)]
    assert sum(shares) == min(of, ENOUGH)
    assert all(share <= cases for share, cases in zip(shares, budgets(of), strict=True))


def part(cases: int, status: str = "agrees") -> Result:
    return Result("slow", "agreement", status, cases=cases, cut=cases < 100, enough=10)


def test_parts_are_enough_together() -> None:
    """What is too few in one shard may be enough with the others, also when it comes from a report."""
    few, many = part(3), part(100)
    assert (few.status, few.verdict, many.verdict) == ("too few", "too few: 3", "agrees")
    few = Result.from_report(few.for_report())
    few.add(part(4))
    assert few.verdict == "too few: 7"
    few.add(many)
    assert few.verdict == "agrees"


@pytest.mark.parametrize("status", ["disagrees", "error", "unsupported", "not installed"])
def test_what_is_worse_stays(status: str) -> None:
    """Of few cases some may fail; and of what is not judged nothing is missing."""
    found = part(0, status)
    found.add(part(3)) if status in ("disagrees", "error") else None
    assert found.verdict == status


def test_the_last_line_counts_them() -> None:
    """The table names the cases in each cell, and the last line says in how many of all."""
    results = Results()
    for found in (part(3), Result("slow", "h_n", "agrees", cases=20, enough=20)):
        results.add(found)
    *rows, legend = lines(results)
    assert re.search(r"^slow +too few: 3 +20 ", rows[1])
    assert "too few: 3" in legend
    assert totals(results).endswith("; no disagreement; too few cases for 1 verdict")


# In a run

SLOW = """
import time
from rnn_parity import implementation, register

def build(config, weights):
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    return implementation("linear").build(config, weights)

register("slow", build)
"""


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run on the implementation above, with every output that there is."""
    (folder / "slow.py").write_text(SLOW)
    files = [f"--report={folder}/r.json", f"--html={folder}/p.html", f"--table={folder}/t.md"]
    asked = [f"--impl={folder}/slow.py", *files, *arguments, "tests/test_h_n.py", "tests/test_archive.py"]
    quiet = "-n0", "-pno:cacheprovider", "--hypothesis-seed=1"
    return pytest_run(*quiet, *asked, GITHUB_STEP_SUMMARY=f"{folder}/s.md", CI="true")


def test_too_few_are_told(tmp_path: Path) -> None:
    """Everywhere that a verdict stands, too few cases are none; the archive, which has few, is not meant."""
    found = ran(tmp_path, "--cases=40", "--seconds=0.02")
    assert found.returncode == 0, found.stdout
    results = {each["property"]: each for each in json.loads((tmp_path / "r.json").read_text())["results"]}
    assert (results["h_n"]["status"], results["archive"]["status"]) == ("too few", "agrees")
    said = f"too few: {results['h_n']['cases']}"
    assert "slow: too few cases: h_n (" in found.stdout
    assert "slow disagrees nowhere, but too few cases were judged for a verdict on h_n (" in found.stdout
    assert "; no disagreement; too few cases for 1 verdict" in found.stdout
    assert f" | ? {results['h_n']['cases']} |" in (tmp_path / "t.md").read_text()
    page = (tmp_path / "p.html").read_text()
    assert f'<td class="few">{said}</td>' in page
    assert "slow disagrees nowhere, but too few cases were judged for a verdict on h_n (" in page
    assert "Too few cases for a verdict: slow on h_n." in page
    summary = (tmp_path / "s.md").read_text()
    assert "- slow disagrees nowhere, but too few cases were judged for a verdict on h\\_n (" in summary
    assert f"| slow |  | ?? {results['h_n']['cases']} |" in summary


def test_few_that_were_asked_for_are_enough(tmp_path: Path) -> None:
    """A run of five cases says what five cases say."""
    found = ran(tmp_path, "--cases=5", "--seconds=0.02")
    assert found.returncode == 0, found.stdout
    assert re.search(r"^state and calls +ok 5$", found.stdout, re.MULTILINE)
    assert "too few cases" not in found.stdout
