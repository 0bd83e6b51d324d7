"""Everything that is asked or said of a case has an opinion on every axis, and each exception its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config
from rnn_parity.contract import KINDS
from rnn_parity.contract.axes import AXES, BY_NAME, Axis, descriptor
from rnn_parity.contract.capabilities import LENGTHS
from rnn_parity.strategies import Case
from rnn_parity.strategies.plain import from_plain, to_plain
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.reduce import steps
from rnn_parity.tests.judge.base.choices import options_of
from rnn_parity.tests.judge.diagnosis.conditions import CONDITIONS
from rnn_parity.tests.judge.look.claims import CLAIMS
from rnn_parity.tests.judge.trial.counts import FACETS
from rnn_parity.tests.judge.trial.features import FEATURES, features_of

#: What a property asks for, or numbers decide, is not chosen.
GIVEN = {"call": "a property's", "numbers": "of the numbers", "cell": "the implementation's"}
CELLS = {("cell", name) for name in KINDS}
MADE = [axis for axis in AXES if axis.make]
PLACES = [
    pytest.param(axis, place, id=f"{axis.name}-{value.name}")
    for axis in MADE
    for place, value in enumerate(axis.values)
]
EVERYTHING = Capabilities(lengths=LENGTHS, dropout=True)


def base() -> Case:
    """A case in which every axis can be changed."""
    config = Config(2, 2, num_layers=2)
    weights = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, np.ones((3, 2, 2)), np.ones((2, 2, 2)), weights, grad_output=np.ones((3, 2, 2)))


def made(axis: Axis, place: int) -> Case:
    assert axis.make
    return axis.make(base(), place)


def test_only_what_is_given_is_not_made() -> None:
    assert {axis.name for axis in AXES if not axis.make} == set(GIVEN)


@pytest.mark.parametrize(("axis", "place"), PLACES)
def test_a_value_is_made_and_kept(axis: Axis, place: int) -> None:
    """By the change itself, made again, by JSON, and by what is printed."""
    case = made(axis, place)
    names: dict[str, Any] = {"Case": Case, "Config": Config, "torch": torch, "np": np}
    kept = [case, axis.make(case, place), from_plain(to_plain(case)), eval(repr(case), names)]  # type: ignore[misc] # noqa: S307
    assert [axis.of(each) for each in kept] == [place] * 4


@pytest.mark.parametrize(("axis", "place"), PLACES)
def test_the_descriptor_tells_what_differs_from_the_default(axis: Axis, place: int) -> None:
    default = axis.of(Case(Config(2, 2), np.ones((3, 2, 2))))
    # Zero or not, h_0 is given.
    alike = [{0}, {1, 2}] if axis.name == "h_0" else [{value} for value in range(len(axis.values))]
    same = next(values for values in alike if place in values)
    assert (descriptor(made(axis, place)) == descriptor(made(axis, default))) == (default in same)


@pytest.mark.parametrize(("axis", "place"), PLACES)
def test_what_is_claimed_objects_and_is_a_feature(axis: Axis, place: int) -> None:
    """What is not claimed, its field objects to."""
    claimed, case = axis.values[place].claimed, made(axis, place)
    if not claimed:
        return
    without = claimed.taken_from(EVERYTHING)
    assert without
    assert claimed.field in without.objections(case)
    assert not EVERYTHING.objections(case)
    assert axis.values[place].feature in ([*features_of(case)] if axis.values[place].feature else ["", "biases"])


def test_every_claim_is_a_feature_and_looked_at() -> None:
    """But biases, which all but one column have, and what nothing that is returned shows in one call."""
    claims = {(axis.name, value.name) for axis in AXES for value in axis.values if value.claimed}
    features = {(axis.name, value.name) for axis in AXES for value in axis.values if value.feature in FEATURES}
    looked_at = {(claim.axis.name, claim.axis.values[claim.place].name) for claim in CLAIMS}
    assert claims - features == {("bias", "biases"), *CELLS}
    # Another value of the axis is looked at in their place; or the call is not judged by what it returns.
    assert claims - looked_at == {
        ("layers", "3+"),
        ("h_0", "zero"),
        ("dropout", "given"),
        ("numbers", "NaN, infinity"),
        *CELLS,
    }


def test_every_axis_is_counted_and_may_be_a_condition() -> None:
    assert set(BY_NAME) <= set(FACETS)
    named = {axis.name for axis in AXES if any(value.condition in CONDITIONS for value in axis.values)}
    assert set(BY_NAME) - named == set(GIVEN)


def test_every_axis_is_varied() -> None:
    """But sizes, which are varied as sizes, and what a property asks for."""
    rich = replace(base(), lengths=(3, 2))
    names = {option.name for option in options_of(rich)}
    of_sizes, of_the_property = {"layers", "rows"}, {"gradients", "differentiated"}
    assert set(BY_NAME) - names == of_sizes | of_the_property | set(GIVEN)
    assert {"what is differentiated", "order of lengths", "packing"} <= names


@pytest.mark.parametrize(("axis", "place"), PLACES)
def test_each_plainer_value_is_simpler_and_a_step_away(axis: Axis, place: int) -> None:
    """But how often it is differentiated is the property's, and no rows tell less than one."""
    if axis.name in ("differentiated", "rows") or not place:
        return
    case = made(axis, place)
    assert complexity(axis.make(case, 0)) < complexity(case)  # type: ignore[misc]
    assert any(axis.of(step) < place and complexity(step) < complexity(case) for step in steps(case))


def test_no_rows_may_have_lengths() -> None:
    """Which the descriptor tells, as how they are handed over differs."""
    case = Case(Config(2, 2), np.ones((3, 0, 2)), lengths=(), packed=True)
    assert descriptor(case) == "tanh T3 B0 I2 H2 lengths= packed"
