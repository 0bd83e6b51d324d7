"""The table of bug models, all of them."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis import (
    of_activations,
    of_directions,
    of_gates,
    of_gates_back,
    of_gradients,
    of_lengths,
    of_memory,
    of_order,
    of_parameters,
    of_precision,
    of_results,
    of_second,
    of_states,
    of_values,
)
from rnn_parity.tests.judge.diagnosis.model import Model

#: From the commonest on. Where two explain the same, the earlier is the plainer name.
FAMILIES = (
    of_gates,
    of_parameters,
    of_states,
    of_activations,
    of_directions,
    of_results,
    of_lengths,
    of_memory,
    of_values,
    of_precision,
    of_gates_back,
    of_gradients,
    of_second,
    of_order,
)


def models(case: Case) -> Iterator[Model]:
    """Every bug model that means anything for a failing case, with every number that it may have there."""
    for family in FAMILIES:
        yield from family.models(case)
