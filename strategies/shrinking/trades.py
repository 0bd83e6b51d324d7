"""Single steps that trade: one part of a case grows, another shrinks by more.

What a failure asks of two sizes together, or of a step or a state, no step that only takes away leads to.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rnn_parity.contract.case import Case, round_to
from rnn_parity.reference.forward import forward
from rnn_parity.strategies.shrinking.numbers import zero_parts
from rnn_parity.strategies.shrinking.steps import AXES, extent, fewer_layers, keep, one_direction, plainer_options


def sizes_traded(case: Case) -> Iterator[Case]:
    """Halve one size and multiply another, lower one and raise another by one, or exchange both.

    What grows repeats what it holds; what shrinks is left with its first or its last part.
    """
    for down, up in itertools.permutations(AXES, 2):
        size, other = extent(case, down), extent(case, up)
        if size > 1 and may_grow(case, up):
            left = size // 2
            pairs = dict.fromkeys(((left, -(-size // left) * other), (size - 1, other + 1), (other, size)))
            for fewer, more in pairs:
                grown = keep(case, up, np.resize(range(other), more).tolist())
                if fewer < size:
                    yield from (keep(grown, down, part) for part in (range(fewer), range(size - fewer, size)))


def may_grow(case: Case, axis: str) -> bool:
    """Return whether more of an axis makes a valid case of the same kind."""
    return extent(case, axis) > 0 and not (case.unbatched and axis == "batch")


def parts_traded(case: Case) -> Iterator[Case]:
    """Trade a layer, a direction, a bias or another option for one more step, row, feature or unit."""
    for axis in AXES:
        if may_grow(case, axis):
            grown = keep(case, axis, [0, *range(extent(case, axis))])
            yield from itertools.chain(fewer_layers(grown), one_direction(grown), plainer_options(grown))


def states_traded(case: Case) -> Iterator[Case]:
    """Put the state after the first step in its place, or the first state as input; then zero what became needless."""
    for traded in itertools.chain(_state_for_step(case), _input_for_state(case)):
        yield from (traded, *zero_parts(traded))


def _state_for_step(case: Case) -> Iterator[Case]:
    if case.steps > 1:
        _, after = forward(keep(case, "steps", range(1)))
        yield replace(keep(case, "steps", range(1, case.steps)), h_0=round_to(case.config.dtype, after.mid))


def _input_for_state(case: Case) -> Iterator[Case]:
    if case.h_0 is not None:
        config = replace(case.config, input_size=case.config.hidden_size)
        x = np.zeros((case.steps, case.batch_size, config.input_size))
        x[0] = case.h_0[0, :, : case.config.hidden_size]
        recurrent = {name: case.weights[name.replace("ih", "hh")] for name in case.weights if "weight_ih_l0" in name}
        yield replace(case, config=config, x=x, h_0=None, weights={**case.weights, **recurrent})
