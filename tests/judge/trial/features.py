"""What of nn.RNN's surface a case shows, for the table of conformance: columns of the table of axes."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_parity import Capabilities
from rnn_parity.contract.axes import AXES, Value
from rnn_parity.strategies import Case


@dataclass(frozen=True)
class Feature:
    """A part of the surface: values of one axis."""

    values: list[Value]

    def offered(self, able: Capabilities) -> bool:
        """Return whether capabilities claim it."""
        return any(value.claimed is None or value.claimed.in_effect(able) for value in self.values)


_VALUES = [value for axis in AXES for value in axis.values if value.feature]
#: In the order of the table's columns.
FEATURES = {
    name: Feature([value for value in _VALUES if value.feature == name])
    for name in dict.fromkeys(value.feature for value in _VALUES)
}


def features_of(case: Case) -> list[str]:
    """Return the names of the features that a case shows."""
    return [feature for axis in AXES if (feature := axis.values[axis.of(case)].feature)]
