"""Three ways to test a network, the suite's and the two of `bench_naive`, on planted bugs and honest variants."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

import torch
from hypothesis import Phase, settings

from rnn_parity import Capabilities
from rnn_parity.contract import Build
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement, Property, Trial
from rnn_parity.tests.judge.reduction.counterexample import find_minimal, verdict_on
from rnn_parity.tests.judge.run.options import CASES
from rnn_parity.tests.measures import bench_naive
from rnn_parity.tests.measures.bench_meter import Meter, Outcome, Taken
from rnn_parity.tests.measures.drawing import PLAIN
from rnn_parity.tests.suite.planted import BUGS, HONEST, Bug, Honest, Loop
from rnn_parity.tests.suite.planted.gated import GRULoop, LSTMLoop
from rnn_parity.tests.suite.planted.ragged import Ragged
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation, simpler_by_brute_force

#: The properties of which a bug shows in the outputs of one call, and those of which it shows in gradients.
OUTPUTS = ("agreement", "layouts", "h_0", "h_n", "special", "laws", "lengths")
GRADIENTS = ("gradients", "length_gradients")
#: The most numbers in a case for which every case of zeros and ones is tried.
EXHAUSTIVE = 5
_SEED = 0
Planted: TypeAlias = Bug | Honest
_NETWORKS: dict[bool, dict[str, Planted]] = {
    False: {bug.name: bug for bug in BUGS},
    True: {variant.name: variant for variant in HONEST},
}


@dataclass(frozen=True)
class Job:
    """One way, tried on one network in one respect."""

    way: str
    #: A bug or an honest variant, by name: networks are functions, which do not travel between processes.
    name: str
    #: The property that is asked; the naive ways compare gradients where it is one of them, else outputs.
    property: str
    honest: bool = False
    cases: int = CASES["ci"]


Way: TypeAlias = Callable[[Job, Planted, Meter], Outcome]


def without_bugs(able: Capabilities) -> Honest:
    """A correct network that takes what is claimed."""
    loop = {"rnn": Loop, "gru": GRULoop, "lstm": LSTMLoop}[able.cells[0]]
    build: Build = bench_naive.OF_TORCH["rnn"] if able.module else Ragged if able.lengths else loop
    return Honest("without bugs", build, capabilities=able)


def suite(job: Job, planted: Planted, meter: Meter) -> Outcome:
    """The property on the cases of a run, and the reduction of the first that fails."""
    judged, found = PROPERTIES[job.property], implementation(planted)
    metered = _metered(judged, meter)
    disagreement = hunt(metered, found, _SEED, shrink=not job.honest, cases=job.cases)
    if not isinstance(disagreement, Disagreement):
        return meter.outcome(None)
    if job.honest:
        return meter.outcome(disagreement.case)
    counterexample, right = find_minimal(metered, found, disagreement), without_bugs(planted.capabilities)
    return replace(
        meter.outcome(counterexample.case),
        by_accident=verdict_on(judged, implementation(right), counterexample.case) is not None,
        smaller=simpler_by_brute_force(replace(counterexample, property=judged), EXHAUSTIVE),
    )


def _metered(judged: Property, meter: Meter) -> Property:
    @functools.wraps(judged.check)
    def check(trial: Trial, case: Case) -> None:
        with meter.trying(case):
            judged.check(trial, case)

    return replace(judged, check=check)


def _comparing(by: Callable[..., Outcome]) -> Way:
    def way(job: Job, planted: Planted, meter: Meter) -> Outcome:
        able, gradients = planted.capabilities, job.property in GRADIENTS
        outcome = by(planted.build, able, meter, job.cases, gradients=gradients)
        accused = outcome.case is not None and _differs(without_bugs(able), outcome.case, gradients=gradients)
        return replace(outcome, by_accident=accused)

    return way


def _differs(planted: Planted, case: Case, *, gradients: bool) -> bool:
    try:
        bench_naive.compare(planted.build, planted.capabilities, case, gradients=gradients)
    except Exception:
        return True
    return False


WAYS: dict[str, Way] = {
    "the suite": suite,
    "naive": _comparing(bench_naive.by_drawing),
    "grid": _comparing(bench_naive.by_grid),
}


def attempt(job: Job, limit: float = math.inf) -> Outcome:
    """Try one way on one network; the suite's has no limit of CPU seconds."""
    settings.register_profile("bench", PLAIN, phases=[Phase.generate] if job.honest else [Phase.generate, Phase.shrink])
    settings.load_profile("bench")
    with warnings.catch_warnings():
        # What an implementation warns of is its own business.
        warnings.simplefilter("ignore")
        _warm(job.way)
        try:
            return WAYS[job.way](job, _NETWORKS[job.honest][job.name], Meter(limit))
        except Exception as error:
            return Outcome(None, Taken(0, 0), Taken(0, 0), error=f"{type(error).__name__}: {error}")


@cache
def _warm(way: str) -> None:
    """Try a correct network first, so that no bug pays for what is set up once a process."""
    torch.set_num_threads(1)
    for name in ("agreement", "gradients"):
        job = Job(way, "", name, honest=True, cases=20)
        WAYS[way](job, without_bugs(Capabilities()), Meter())
