"""The two ways to compare with: what an ordinary user of Hypothesis writes, and a grid as framework test suites have.

Both feed torch's module and the implementation, and compare outputs and final states, or gradients of their sum, with
`torch.testing.assert_close` and its own tolerances. Both stay inside what is claimed, and have no NaN or infinity.
Sequences of different lengths are compared with what it makes of them packed.

What is open is decided in favour of these two: numbers up to 1 and sizes up to 8, as with larger ones more correct
networks are accused; and no halves where others are claimed, as with halves all of them are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rnn_parity import Capabilities, Config
from rnn_parity.contract import KINDS, Build
from rnn_parity.registry import module_build
from rnn_parity.strategies import Case
from rnn_parity.strategies.drawing.cases import LIMITS
from rnn_parity.tests.judge.trial.lengths import hand_over, receive
from rnn_parity.tests.measures.bench_meter import Meter, Outcome, OutOfTimeError

OF_TORCH = {name: module_build(getattr(torch.nn, kind.module)) for name, kind in KINDS.items()}
#: The largest of the four sizes, of layers, and of numbers.
SIZE, LAYERS, NUMBER = 8, 3, 1.0
_HALVES = {torch.float16, torch.bfloat16}
_WIDTHS = {torch.float64: 64, torch.float32: 32, torch.float16: 16, torch.bfloat16: 32}
_HELD_IN = {64: np.float64, 32: np.float32, 16: np.float16}


def compare(build: Build, able: Capabilities, case: Case, *, gradients: bool) -> None:
    """Feed both and compare.

    Raises:
        AssertionError: they differ, or whatever the implementation raises.
    """
    as_packed = replace(case, packed=case.lengths is not None)
    expected = results(OF_TORCH[case.config.cell], able, as_packed, gradients=gradients)
    torch.testing.assert_close(results(build, able, case, gradients=gradients), expected)


def results(build: Build, able: Capabilities, case: Case, *, gradients: bool) -> tuple[Any, ...]:
    """The output and the final state, or the gradients of the sum of both by every argument; None is zero."""
    weights, x, h_0 = case.tensors()
    leaves = {"x": x, **({} if h_0 is None else {"h_0": h_0}), **weights}
    for leaf in leaves.values():
        leaf.requires_grad_(gradients)
    run = build(case.config, weights)
    arguments = hand_over(case, x, h_0)
    output, final = receive(case, run(*arguments), arguments[0], able.padding)
    states = final if isinstance(final, tuple) else (final,)
    if not gradients:
        return output, *states
    sum(state.sum() for state in (output, *states)).backward()
    leaves |= getattr(run, "parameters", {})
    return tuple(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves.values())


def dtypes(able: Capabilities) -> tuple[torch.dtype, ...]:
    """Those that are compared: float64 and float32, or what is claimed where that is halves only."""
    return tuple(dtype for dtype in able.dtypes if dtype not in _HALVES) or able.dtypes


# Drawn


@st.composite
def drawn(draw: st.DrawFn, able: Capabilities) -> Case:
    """A network and its arguments, drawn part by part."""
    steps, batch, input_size, hidden_size = (
        draw(st.integers(1, min(SIZE, getattr(able, limit) or SIZE))) for limit in LIMITS
    )
    config = Config(
        input_size,
        hidden_size,
        num_layers=draw(st.integers(1, min(LAYERS, able.max_layers or LAYERS))),
        nonlinearity=draw(st.sampled_from(able.nonlinearities)),
        bias=draw(st.sampled_from(able.biases)),
        batch_first=draw(st.sampled_from(able.batch_first)),
        bidirectional=able.bidirectional and draw(st.booleans()),
        dtype=draw(st.sampled_from(dtypes(able))),
        cell=able.cells[0],
    )
    width = _WIDTHS[config.dtype]
    elements = st.floats(-NUMBER, NUMBER, width=width)  # type: ignore[call-overload]

    def array(*shape: int) -> Any:
        return draw(hnp.arrays(_HELD_IN[width], shape, elements=elements))

    x = array(steps, batch, input_size)
    return Case(
        config,
        x,
        array(*config.state_shape(batch)) if able.h_0 and draw(st.booleans()) else None,
        {name: array(*shape) for name, shape in config.parameter_shapes().items()},
        unbatched=able.unbatched and not able.lengths and batch == 1 and draw(st.booleans()),
        lengths=tuple(draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))) if able.lengths else None,
        packed="packed" in able.lengths,
    )


def by_drawing(build: Build, able: Capabilities, meter: Meter, cases: int, *, gradients: bool) -> Outcome:
    """Drawn and shrunk by Hypothesis. What runs out of time hands back the smallest case that it has seen fail."""
    last: list[Case] = []

    @seed(0)
    @settings(max_examples=cases)
    @given(drawn(able))
    def test(case: Case) -> None:
        last[:] = [case]
        with meter.trying(case):
            compare(build, able, case, gradients=gradients)

    try:
        test()
    except OutOfTimeError:
        return meter.outcome(meter.smallest, cut=True)
    except Exception:
        return meter.outcome(last[0] if meter.first else None)
    return meter.outcome(None)


# On a grid

#: T, B and the sizes of PyTorch's own test of nn.RNN against cuDNN.
_STEPS, _BATCH, _INPUTS, _HIDDEN = 7, 6, 10, 6


def grid(able: Capabilities) -> Iterator[Case]:
    """Every combination of options inside the claims, on fixed sizes and numbers."""
    random = np.random.default_rng(0)
    for dtype, nonlinearity, layers, bidirectional, bias, batch_first, has_h_0, unbatched in itertools.product(
        dtypes(able),
        able.nonlinearities,
        range(1, min(2, able.max_layers or 2) + 1),
        (False, True)[: 1 + able.bidirectional],
        able.biases,
        able.batch_first,
        (False, True)[: 1 + able.h_0],
        (False, True)[: 1 + (able.unbatched and not able.lengths)],
    ):
        config = Config(
            _INPUTS, _HIDDEN, layers, nonlinearity, bias, batch_first, 0.0, bidirectional, dtype, able.cells[0]
        )
        batch, spread = 1 if unbatched else _BATCH, _HIDDEN**-0.5
        yield Case(
            config,
            random.standard_normal((_STEPS, batch, _INPUTS)),
            random.standard_normal(config.state_shape(batch)) if has_h_0 else None,
            {name: random.uniform(-spread, spread, shape) for name, shape in config.parameter_shapes().items()},
            unbatched,
            lengths=tuple(range(1, batch + 1)) if able.lengths else None,
            packed="packed" in able.lengths,
        )


def by_grid(build: Build, able: Capabilities, meter: Meter, cases: int, *, gradients: bool) -> Outcome:
    """One case after the other; the first that fails is what somebody is shown."""
    for case in itertools.islice(grid(able), cases):
        try:
            with meter.trying(case):
                compare(build, able, case, gradients=gradients)
        except Exception:
            return meter.outcome(case)
        except OutOfTimeError:
            return meter.outcome(None, cut=True)
    return meter.outcome(None)
