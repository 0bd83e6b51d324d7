"""The diagnosis: what bug models predict, what is told from what, and what is said where none explains a case."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rnn_parity import Capabilities, Config, Implementation, Rounding
from rnn_parity.reference.balls import Ball
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case, cases, cases_with_cotangents, cases_with_lengths, special_cases
from rnn_parity.tests.judge import Disagreement, Property
from rnn_parity.tests.judge.diagnosis import diagnose, solve
from rnn_parity.tests.judge.diagnosis.conditions import fitting
from rnn_parity.tests.judge.diagnosis.evidence import Evidence, exclude
from rnn_parity.tests.judge.diagnosis.of_second import REFERENCE
from rnn_parity.tests.judge.diagnosis.rich import rich_cases
from rnn_parity.tests.judge.diagnosis.table import models
from rnn_parity.tests.judge.diagnosis.wiring import Step, Wiring, as_it_should, predict
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal
from rnn_parity.tests.suite.planted import BUGS
from rnn_parity.tests.suite.planted.named import COVERED, NAMED
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation, minimal
from rnn_parity.tests.suite.reported import reported
from rnn_parity.tests.suite.wired import wired

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


BY_NAME = {bug.name: bug for bug in BUGS}


def case(**options: object) -> Case:
    """A case of two layers, two directions and two steps, with everything in it."""
    config = Config(2, 2, 2, "relu", bidirectional=True, **options)  # type: ignore[arg-type]
    numbers = itertools.cycle((1.0, -1.0, 2.0, 0.5, -0.5))

    def array(*shape: int) -> np.ndarray:
        return np.array([next(numbers) for _ in range(int(np.prod(shape)))]).reshape(shape)

    weights = {name: array(*shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, array(2, 3, 2), array(4, 3, 2), weights, grad_output=array(2, 3, 4), grad_h_n=array(4, 3, 2))


# Predictions


def _as_if_edited(step: Step) -> Ball:
    return as_it_should(step)


@pytest.mark.parametrize("step", [as_it_should, _as_if_edited], ids=["plain", "edited"])
@pytest.mark.parametrize(
    "strategy", [cases(), special_cases(), cases_with_lengths()], ids=["any", "special", "lengths"]
)
def test_without_edits_the_wiring_is_the_reference(strategy: object, step: Callable[[Step], Ball]) -> None:
    """Midpoints are the same, and no radius is larger: step by step, states are looked at for what is exact."""

    @settings(max_examples=100, database=None, deadline=None, derandomize=True)
    @given(strategy)  # type: ignore[arg-type]
    def agrees(case: Case) -> None:
        found = predict(case, Wiring(step=step), Rounding()).parts
        output, h_n = forward(case, Rounding())
        for name, ball, layout in (("output", output, case.in_layout), ("h_n", h_n, case.state_in_layout)):
            mid, rad = layout(ball.mid), layout(ball.rad)
            assert found[name].mid.shape == mid.shape
            assert np.allclose(found[name].mid, mid, rtol=1e-12, atol=1e-300, equal_nan=True) or not case.finite
            if case.finite:
                assert (found[name].rad <= rad * (1 + 1e-9)).all()
            # What is free or determined there is so here.
            assert np.array_equal(np.isinf(found[name].rad), np.isinf(rad))
            assert np.array_equal(np.isfinite(found[name].mid), np.isfinite(mid))

    agrees()


@pytest.mark.parametrize("twice", [False, True])
def test_names_are_told_apart(twice: bool) -> None:
    """Every model has a name of its own."""
    names = [model.name for model in models(replace(case(), twice=twice))]
    assert len(names) == len(set(names)) > 500


@pytest.mark.full
@pytest.mark.parametrize("twice", [False, True])
def test_each_model_edits_something(twice: bool) -> None:
    """On rich cases each of the plain models says something that is not right, or that it cannot be computed."""
    like = replace(case(), twice=twice)
    looked_at = [like, *rich_cases(like, Capabilities(), 120)]
    idle = [
        model.name
        for model in models(like)
        if model.order == 2 or not twice
        if not (model.special or "NaN" in model.name) and not any(_differs(model, case) for case in looked_at)
    ]
    assert not idle


def _differs(model, case: Case) -> bool:
    try:
        found = model.predict((case,), Rounding())
    except ValueError:
        return True
    right = REFERENCE.predict((case,), Rounding())
    if found.dtypes or found.digits:
        return True
    return any(exclude(ball, right.parts[name]) for name, ball in found.parts.items())


@pytest.mark.parametrize("kind", ["plain", "gradients", "lengths"])
def test_rich_cases_keep_to_the_claims(kind: str) -> None:
    """They are inside the claims, of the kind of the case that they are drawn for, and of many sizes."""
    strategies = {"plain": cases(), "gradients": cases_with_cotangents(), "lengths": cases_with_lengths()}
    claims = Capabilities(bidirectional=False, max_layers=2, dtypes=(torch.float32,), max_batch=3, lengths=("padded",))
    like = case() if kind != "lengths" else Case(Config(1, 1), np.zeros((2, 2, 1)), lengths=(1, 2))
    if kind == "plain":
        like = Case(Config(1, 1), np.zeros((1, 1, 1)))
    found = list(rich_cases(like, claims, 60))
    assert strategies[kind] is not None
    assert len(found) >= 50
    assert all(not claims.objections(case) for case in found)
    assert all(case.has_cotangents == like.has_cotangents for case in found)
    assert all((case.lengths is None) == (like.lengths is None) for case in found)
    assert max(case.config.hidden_size for case in found) > 32


# Names


def test_most_covered_bugs_are_named() -> None:
    """Of the planted bugs that a model covers, four fifths have its name as the first and only candidate."""
    named = [name for name, called in NAMED.items() if called]
    assert not [name for name in COVERED if NAMED[name]]
    assert len(named) >= 0.8 * len([*named, *COVERED])


#: A planted bug, and what is said of it: the diagnosis, and the first wrong number.
SAID = {
    "recurrent-bias-missing": (
        [
            "the bug: b_hh is left out",
            "  explains all that it returned in … cases, … of them wrong; none of the other …",
        ],
        ["h[t=0, unit 0] = relu(0*0 + 0 + 0*0 + 1) = 1, got 0", "  0 is what it would be without b_hh"],
    ),
    "reverse-has-no-bias": (
        ["the bug: both biases are left out in the reverse direction", "  explains …"],
        ["h[reverse, t=0, unit 0] = relu(0*0 + 0 + 0*0 + 1) = 1, got 0", "  0 is what it would be without the biases"],
    ),
    "gradient-of-last-step-only": (
        ["the bug: the gradients of the weights are those of the last step only", "  explains …"],
        [
            "gradient of weight_ih_l0[0, 0] = 1 + 0 = 1, got 0",
            "  a term for each step …",
            "  0 is what it would be with the last step only",
        ],
    ),
    "scaled-tanh": (
        ["none of the … bug models explains it", "  … of … cases are wrong", "    only for tanh"],
        ["h[t=0, unit 0] = tanh(1*1 + 0*0) = 0.761594, got 0.999997"],
    ),
    "past-1024": (
        [
            "none of the … bug models explains it",
            "  … of … cases are wrong",
            "    in rows of the batch from number … on (from 0)",
            "    in hidden units from number … on (from 0)",
        ],
        ["h[t=0, b=170, unit 5] = relu(1*1 + 0*0 + 0*0 + 0*0 + 0*0 + 0*0 + 0*0) = 1, got 0"],
    ),
    "empty-batch-raises": (
        [
            "the bug: it raises an error where the batch is empty",
            "  so it does in … of … cases; in the others it is right",
        ],
        [],
    ),
    "bias-only-in-first-call": (
        ["the bug: both biases are left out from the second call on", "  explains …"],
        ["h[t=0, unit 0] = relu(0*0 + 0 + 0*0 + 1) = 1, got 0", "  0 is what it would be without the biases"],
    ),
    "output-buffer-reused": (
        ["no bug model applies: called once, and in the right way, the network is right on this case"],
        [],
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name: str) -> None:
    """The lines that a user reads, figures apart."""
    counterexample = minimal(BY_NAME[name], 0)
    assert counterexample is not None
    told = diagnose(counterexample)
    for found, expected in ((told.diagnosis, SAID[name][0]), (told.divergence, SAID[name][1])):
        assert len(found) == len(expected), found
        for line, pattern in zip(found, expected, strict=True):
            assert _matches(line, pattern), f"{line!r} does not read {pattern!r}"
    assert told.certain == told.diagnosis[0].startswith("the bug: ")


def _matches(line: str, pattern: str) -> bool:
    """Whether a line reads as a pattern, in which … stands for anything."""
    return re.fullmatch(re.escape(pattern).replace("…", ".*"), line) is not None


# Conditions


def _sized(steps: int = 1, batch: int = 1, inputs: int = 1, hidden: int = 1, **options: object) -> Case:
    return Case(Config(inputs, hidden, **options), np.zeros((steps, batch, inputs)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "not_shown", "condition"),
    [
        (
            [_sized(inputs=2, hidden=2), _sized(inputs=3, hidden=3)],
            [_sized(inputs=2, hidden=3)],
            "where input_size equals hidden_size",
        ),
        ([_sized(steps=8), _sized(steps=9)], [_sized(steps=7)], "where T is at least 8"),
        ([_sized(steps=9)], [_sized(steps=6)], "where T is at least 9 (tried: not with 6)"),
        ([_sized(hidden=2)], [_sized(hidden=3)], "where hidden_size is at most 2"),
        ([_sized(batch_first=True)], [_sized()], "with batch_first"),
        ([_sized(dtype=torch.float64)], [_sized()], "in float64"),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_conditions(shown: list[Case], not_shown: list[Case], condition: str) -> None:
    """A condition fits that holds where a bug shows, and nowhere else."""
    assert condition in list(fitting(shown, not_shown))


def test_no_condition_fits_what_cannot_be_told_apart() -> None:
    """Cases of the same kind on both sides leave nothing to say."""
    assert not list(fitting([_sized()], [_sized()]))


# What is right


@pytest.mark.full
def test_nothing_is_made_up_of_a_right_implementation() -> None:
    """Where the network is right on every look, no bug is named: a disagreement about something else says so."""
    counterexample = minimal(BY_NAME["weights-taken"], 0)
    assert counterexample is not None
    assert isinstance(counterexample.disagreement, Disagreement)
    assert not Evidence(counterexample).failing or not diagnose(counterexample).certain


@pytest.mark.full
@pytest.mark.parametrize("judged", ["gradients", "second_derivatives", "updates"])
def test_what_is_wrong_only_where_gradients_are_asked_for(judged: str) -> None:
    """Is called so by whichever property has found it: with a case that asks for them, or with one that does not."""
    found = _first(PROPERTIES[judged], implementation(BY_NAME["bias-missing-while-training"]))
    assert solve(Evidence(found)).names == ("b_hh is left out where gradients are asked for",)


#: Bugs that nobody planted.
UNPLANTED = (
    "b_ih is left out in the reverse direction",
    "the sign of W_hh is turned round",
    "W_hh and b_hh are taken from the other direction",
    "each row of the batch reads the state of the row after",
    "every step is made twice",
    "h_0's rows are read in the opposite order",
    "tanh is a / (1 + |a|), softsign,",
    "the output has the forward direction twice",
    "the output lacks its last step",
    "the input's time is read in the opposite order",
    "rows of the batch from number 2 on (from 0) are never computed and stay zero",
)


@pytest.mark.full
@pytest.mark.parametrize("name", UNPLANTED)
def test_a_network_that_does_what_a_model_says(name: str) -> None:
    """Is called by that model's name, and by no other."""
    (model,) = (model for model in models(case()) if model.name == name)
    implementation, agreement = wired(model), PROPERTIES["agreement"]
    disagreement = hunt(agreement, implementation, 0, shrink=True)
    assert isinstance(disagreement, Disagreement)
    found = solve(Evidence(find_minimal(agreement, implementation, disagreement)))
    assert (found.names, found.certain) == ((name.removesuffix(","),), True)


#: Bugs that nobody planted, either: an axis runs through other positions than it should.
REORDERED = (
    "the input's frames are read in the opposite order after the first",
    "the batch's rows in the input are read in the opposite order in each block of 3",
    "the features of the input are read each from the place before, the first from the last",
    "h_0's rows are read each from the place after, the last from the first",
    "the units in h_0 are read in the opposite order before the last",
    "the units in h_n come one in 2 first, then those after them, and so on",
    "W_hh's columns are read in the opposite order in layers above the first",
    "W_ih's rows are read each from 2 places before, the first from the last ones in the reverse direction",
    "frames are read in the opposite order in each block of 2",
    "steps are made in the opposite order after the first",
    "the batch's rows in the state after a step come each from the place after, the last from the first",
    "the frames of what a layer reads are read the last from the place before it in layers above the first",
    "the output comes with batch and units exchanged, by a reshape",
    "the input is read as if time and batch lay in memory the other way round",
    "the last two axes of h_n are joined into one",
)


@pytest.mark.full
@pytest.mark.parametrize("name", REORDERED)
def test_a_network_that_reads_or_returns_in_another_order(name: str) -> None:
    """Is called by the name of its order, with its number and the cells that it holds for."""
    sizes = Case(Config(5, 5, 2, bidirectional=True), np.zeros((5, 5, 5)), np.zeros((4, 5, 5)))
    (model,) = (model for model in models(sizes) if model.name == name)
    found = solve(Evidence(_first(PROPERTIES["agreement"], wired(model))))
    assert (found.names, found.certain) == ((name,), True)


def _first(judged: Property, implementation: Implementation) -> Counterexample:
    """The first case that fails, as it was drawn."""
    disagreement = hunt(judged, implementation, 0, shrink=False)
    assert isinstance(disagreement, Disagreement)
    assert disagreement.case is not None
    return Counterexample(judged, implementation, disagreement.case, disagreement, disagreement.case, 0, False)


#: What was reported of real networks, a property that fails, and the name of the bug.
REPORTED = {
    ("flipped", "agreement"): "h_0's rows are read in the opposite order, in networks of several layers",
    ("lux302_fold_order", "agreement"): "frames are read in the opposite order after the first",
    ("mlverse1156_packed_in_order", "lengths"): (
        "it raises an error where the lengths are in order, the longest first"
    ),
    ("candle2542_flat_output", "agreement"): "the last two axes of the output are joined into one, with batch_first",
}


@pytest.mark.full
@pytest.mark.parametrize(("name", "judged"), REPORTED)
def test_what_was_reported_is_named(name: str, judged: str) -> None:
    """With its number, the axis, and the condition."""
    disagreement = hunt(PROPERTIES[judged], reported(name), 0, shrink=True)
    assert isinstance(disagreement, Disagreement)
    found = solve(Evidence(find_minimal(PROPERTIES[judged], reported(name), disagreement)))
    assert (found.names, found.certain) == ((REPORTED[name, judged],), True)
