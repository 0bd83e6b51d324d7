"""The benchmarks count what they say: calls, the first failure, accidents, and what each way hands back."""

import subprocess
import sys

import pytest

from rnn_parity import Capabilities
from rnn_parity.tests.measures import bench_naive
from rnn_parity.tests.measures.bench_bugs import Tried, batches, outcomes, said
from rnn_parity.tests.measures.bench_meter import Meter, Outcome, OutOfTimeError, Taken
from rnn_parity.tests.measures.bench_ways import WAYS, Job, attempt
from rnn_parity.tests.suite.planted import BUGS, HONEST, Loop

CASES = list(bench_naive.grid(Capabilities()))


@pytest.mark.parametrize("way", WAYS)
def test_each_way_catches_a_plain_bug(way: str) -> None:
    """A bias left out is found by all, and its case is counted in numbers by one measure."""
    outcome = attempt(Job(way, "recurrent-bias-missing", "agreement"))
    assert outcome.caught
    assert not outcome.error
    assert 1 <= outcome.first.calls <= outcome.whole.calls
    assert 0 < outcome.first.seconds <= outcome.whole.seconds
    assert outcome.size is not None
    most = {"the suite": 5, "naive": 20, "grid": 2000}[way]
    assert 5 <= outcome.size.numbers <= most


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_compared_by_each_way(way: str) -> None:
    """A bug that outputs do not show is found in gradients."""
    assert attempt(Job(way, "recurrent-bias-detached", "gradients")).caught
    assert way == "the suite" or not attempt(Job(way, "recurrent-bias-detached", "agreement", cases=40)).caught


def test_what_a_way_has_no_notion_of_is_missed() -> None:
    """The naive way calls a network once, and does not look at its arguments."""
    outcome = attempt(Job("naive", "biases-fused-in-place", "arguments", cases=20))
    assert (outcome.case, outcome.whole.calls) == (None, 20)


def test_a_correct_network_that_fails_too_is_an_accident() -> None:
    """Where a network without the bug is accused of the same case, nothing was found."""
    outcome = Outcome(CASES[0], Taken(0.1, 1), Taken(0.2, 5), by_accident=True)
    assert not outcome.caught
    assert Outcome(CASES[0], Taken(0.1, 1), Taken(0.2, 5)).caught


def test_time_that_is_up_ends_a_way_with_what_it_has() -> None:
    """Its smallest failing case so far is handed back, or none."""
    found = next(bug for bug in BUGS if bug.name == "recurrent-transposed")
    meter = Meter(0.0)
    outcome = bench_naive.by_drawing(found.build, found.capabilities, meter, 600, gradients=False)
    assert (outcome.cut, outcome.case, outcome.whole.calls) == (True, None, 0)


def test_the_meter_keeps_the_first_failure_and_the_smallest_case() -> None:
    meter = Meter()
    large, small = CASES[-1], min(CASES, key=lambda case: case.x.size)
    with meter.trying(small):
        pass
    for case in (large, small, large):
        with pytest.raises(ValueError, match="wrong"), meter.trying(case):
            raise ValueError("wrong")
    assert meter.first is not None
    assert (meter.first.calls, meter.taken.calls, meter.smallest) == (2, 4, small)
    with pytest.raises(OutOfTimeError), Meter(-1.0).trying(small):
        pass


def test_the_grid_stays_inside_the_claims() -> None:
    for able in (variant.capabilities for variant in HONEST):
        assert all(not able.objections(case) for case in bench_naive.grid(able))


def test_a_correct_network_passes_the_grid() -> None:
    for case in CASES[::8]:
        for gradients in (False, True):
            bench_naive.compare(Loop, Capabilities(), case, gradients=gradients)


def test_no_two_ways_share_a_process() -> None:
    """What a bug leaves behind in its process meets no other way."""
    for batch in batches(BUGS, HONEST):
        assert len({job.way for job in batch}) == 1
        assert len({(job.name, job.honest, job.property) for job in batch}) == len(batch)


def test_one_bug_each_way_side_by_side() -> None:
    """The table counts one bug caught by all, and one honest variant accused by none."""
    bugs = [bug for bug in BUGS if bug.name == "recurrent-bias-missing"]
    plain = [variant for variant in HONEST if variant.name == "plain-loop"]
    found = dict(outcomes(batches(bugs, plain)))
    text = said(bugs, found)
    assert "| caught, of all 1 | 1 (100.0%) | 1 (100.0%) | 1 (100.0%) |" in text
    assert "| honest variants accused, tries | 0 of 2 | 0 of 2 | 0 of 2 |" in text
    assert "It finds no smaller." in text


def test_a_bug_that_no_output_shows_is_counted_apart() -> None:
    arguments = next(bug for bug in BUGS if bug.property == "arguments")
    agreement = next(bug for bug in BUGS if bug.property == "agreement")
    assert not Tried(arguments, {}).shows
    assert Tried(agreement, {}).shows


def test_sections_are_named() -> None:
    command = [sys.executable, "-m", "rnn_parity.tests.measures.bench", "nonsense"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert "nonsense: expected sections out of bugs, cost, workers, memory" in shown.stderr
