"""Putting a planted bug or an honest variant on trial: is it caught, from which seed, and what comes out as minimal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias
from unittest.mock import patch

import numpy as np
from hypothesis import Phase

from rnn_parity import Config, Implementation
from rnn_parity.contract.case import OPTIONAL
from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.reduce import identity
from rnn_parity.tests.judge import Disagreement, Property, Trial
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.reduction import counterexample
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal, verdict_on
from rnn_parity.tests.judge.run.explaining import disagreement_in
from rnn_parity.tests.judge.run.options import CASES
from rnn_parity.tests.judge.schedule.shards import budgets, shard_test
from rnn_parity.tests.suite.planted.bugs import Bug
from rnn_parity.tests.suite.planted.honest import Honest

PROPERTIES = load_properties()


def implementation(planted: Bug | Honest) -> Implementation:
    """A planted network as if it had been registered."""
    return Implementation(
        name=planted.name,
        build=planted.build,
        capabilities=planted.capabilities,
        rounding=planted.rounding,
        library="torch",
        extra=None,
        known_defects=(),
    )


def hunt(
    judged: Property, found: Implementation, seed: int, *, shrink: bool, cases: int = CASES["ci"]
) -> Trial | Disagreement:
    """What a run with that seed makes of it: its first disagreement, or the trial of all its cases added up."""
    total = Trial(found)
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    for shard, budget in enumerate(budgets(cases)):
        trial = Trial(found, shard=shard, budget=budget)
        test = shard_test(judged, trial, seed, phases=phases, database=None)
        try:
            test(trial)
        except Exception as error:
            if disagreement := disagreement_in(error):
                return disagreement
            raise
        total.tally.cases += trial.tally.cases
        total.tally.margin.add(trial.tally.margin)
    return total


def minimal(bug: Bug, seed: int) -> Counterexample | None:
    """The minimal counterexample that a run with that seed hands back, or None where it misses the bug."""
    judged, found = PROPERTIES[bug.property], implementation(bug)
    disagreement = hunt(judged, found, seed, shrink=True)
    return find_minimal(judged, found, disagreement) if isinstance(disagreement, Disagreement) else None


#: Makes the verdict on a case.
Verdicts: TypeAlias = Callable[[Property, Implementation, Case], Disagreement | None]


@contextmanager
def remembering() -> Iterator[Verdicts]:
    """Keep the verdicts that a reduction makes meanwhile; what it has not tried is judged when it is asked for."""
    known: dict[tuple[object, ...], Disagreement | None] = {}

    def made(judged: Property, found: Implementation, case: Case) -> Disagreement | None:
        verdict = known[identity(case)] = verdict_on(judged, found, case)
        return verdict

    def remembered(judged: Property, found: Implementation, case: Case) -> Disagreement | None:
        key = identity(case)
        return known[key] if key in known else made(judged, found, case)

    with patch.object(counterexample, "verdict_on", made):
        yield remembered


def simpler_by_brute_force(minimal: Counterexample, most: int, verdict: Verdicts = verdict_on) -> Case | None:
    """A case of zeros and ones with fewer numbers, or fewer ones, that fails too: all of up to `most` are tried."""
    judged, found = minimal.property, minimal.implementation
    trial, key = Trial(found), complexity(minimal.case)[:3]
    for case in all_small_cases(minimal.case, most):
        if complexity(case)[:3] < key and judged.admits(trial, case):
            again = verdict(judged, found, case)
            if again is not None and again.kind == minimal.disagreement.kind:
                return case
    return None


def all_small_cases(like: Case, most: int) -> Iterator[Case]:
    """Every case of zeros and ones with at most so many numbers, of the nonlinearity, dtype and layout of another.

    Where that one asks for gradients, so do these, of outputs or of final states; where it has lengths, all are tried.
    """
    asked = ("grad_output", "grad_h_n") if like.has_cotangents else (None,)
    options = itertools.product((1, 2), (False, True), (False, True), (False, True), asked)
    for layers, bidirectional, bias, state, cotangent in options:
        for steps, batch, inputs, hidden in itertools.product((1, 2, 3), (1, 2), (1, 2), (1, 2)):
            config = replace(
                like.config,
                input_size=inputs,
                hidden_size=hidden,
                num_layers=layers,
                bidirectional=bidirectional,
                bias=bias,
            )
            states = (layers * config.num_directions, batch, hidden)
            shapes = {"x": (steps, batch, inputs), **config.parameter_shapes()} | ({"h_0": states} if state else {})
            if cotangent:
                outputs = (steps, batch, config.num_directions * hidden)
                shapes[cotangent] = outputs if cotangent == "grad_output" else states
            if sum(map(int, map(np.prod, shapes.values()))) <= most:
                yield from _fillings(like, config, shapes)


def _fillings(like: Case, config: Config, shapes: dict[str, tuple[int, ...]]) -> Iterator[Case]:
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    steps, batch, _ = shapes["x"]
    ends = [None] if like.lengths is None else list(itertools.product(range(1, steps + 1), repeat=batch))
    for numbers in itertools.product((0.0, 1.0), repeat=sum(sizes)) if batch == 1 or not like.unbatched else ():
        parts = np.split(np.array(numbers), np.cumsum(sizes)[:-1])
        arrays = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        optional = {name: arrays.pop(name) for name in OPTIONAL if name in arrays}
        case = Case(config, arrays.pop("x"), weights=arrays, unbatched=like.unbatched, memory=like.memory, **optional)
        case = replace(case, incoming=like.incoming, twice=like.twice)
        yield from (replace(case, lengths=lengths, packed=like.packed) for lengths in ends)
