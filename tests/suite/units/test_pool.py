"""Pools of shapes: few in a run, others in the next, every feature within a few, and all inside the claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import Phase, given, seed, settings

from rnn_parity import DTYPES, Capabilities
from rnn_parity.contract import POOL
from rnn_parity.strategies import MEMORY, Case, cases, cases_with_cotangents
from rnn_parity.strategies.drawing.pool import Shape, pool
from rnn_parity.tests.judge.demands.property import FEW_SHAPES, load_properties
from rnn_parity.tests.suite.units.test_strategies import CLAIMS

PER_SHAPE = Capabilities(per_shape=True)


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("number", range(3))
def test_drawn_from_the_pool(name: str, number: int) -> None:
    """Every case has one of the pool's shapes, which is inside the claims."""
    within = replace(CLAIMS[name], per_shape=True, pool=number)
    drawn = set()

    @seed(number)
    @settings(max_examples=60, phases=[Phase.generate], database=None, deadline=None)
    @given(cases(within, memory=tuple(MEMORY)))
    def collect(case: Case) -> None:
        assert within.objections(case) == []
        drawn.add(Shape.of(case))

    collect()
    known = set(pool(within, memory=tuple(MEMORY)))
    assert drawn <= known
    assert len(drawn) > len(known) / 2


def test_many_values_on_each() -> None:
    """On one shape come many numbers."""
    drawn = []

    @seed(0)
    @settings(max_examples=60, phases=[Phase.generate], database=None, deadline=None)
    @given(cases_with_cotangents(PER_SHAPE))
    def collect(case: Case) -> None:
        drawn.append(b"".join(array.tobytes() for array in case.arrays.values()))

    collect()
    assert len(set(drawn)) > 5 * POOL


def test_pools_differ() -> None:
    """The same number gives the same pool, another number another."""
    pools = [pool(replace(PER_SHAPE, pool=number)) for number in range(50)]
    assert len(set(pools)) == 50
    assert pools[7] == pool(replace(PER_SHAPE, pool=7))


def test_properties_share_shapes() -> None:
    """What limits one option leaves all others as they are, so that what is compiled of a shape is compiled once."""
    for number in range(20):
        within = replace(PER_SHAPE, pool=number)
        for fewer in ({"unbatched": False}, {"dtypes": (torch.float64, torch.float32)}):
            pairs = list(zip(pool(within), pool(replace(within, **fewer)), strict=True))
            assert sum(one == other for one, other in pairs) >= 2
            assert all(
                replace(one.config, dtype=torch.float64) == replace(other.config, dtype=torch.float64)
                for one, other in pairs
            )


def test_few_shapes_where_each_case_makes_others() -> None:
    """What reshapes a case draws from the first shapes of the pool."""
    reshaping = load_properties()["laws"].cases(PER_SHAPE)
    drawn = set()

    @seed(0)
    @settings(max_examples=60, phases=[Phase.generate], database=None, deadline=None)
    @given(reshaping)
    def collect(case: Case) -> None:
        drawn.add(Shape.of(case))

    collect()
    assert drawn == set(pool(PER_SHAPE)[:FEW_SHAPES])


#: What a few pools must hold together.
FEATURES = {
    **{str(dtype): lambda shape, dtype=dtype: shape.config.dtype == dtype for dtype in DTYPES},
    "tanh": lambda shape: shape.config.nonlinearity == "tanh",
    "relu": lambda shape: shape.config.nonlinearity == "relu",
    "bias": lambda shape: shape.config.bias,
    "no bias": lambda shape: not shape.config.bias,
    "batch first": lambda shape: shape.config.batch_first and not shape.unbatched,
    "time first": lambda shape: not shape.config.batch_first,
    "two directions": lambda shape: shape.config.bidirectional,
    "one direction": lambda shape: not shape.config.bidirectional,
    "one layer": lambda shape: shape.config.num_layers == 1,
    "two layers": lambda shape: shape.config.num_layers == 2,
    "three layers": lambda shape: shape.config.num_layers == 3,
    "h_0": lambda shape: shape.has_h_0,
    "no h_0": lambda shape: not shape.has_h_0,
    "unbatched": lambda shape: shape.unbatched,
    "empty batch": lambda shape: shape.batch == 0,
    "wide": lambda shape: shape.config.input_size > 16,
    "one step": lambda shape: shape.steps == 1,
    "half": lambda shape: shape.config.dtype in (torch.float16, torch.bfloat16),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_features(feature: str) -> None:
    """Eight pools, whichever they are, hold every feature."""
    holds = [any(map(FEATURES[feature], pool(replace(PER_SHAPE, pool=number)))) for number in range(160)]
    assert all(any(holds[first:][:8]) for first in range(0, 160, 8))
