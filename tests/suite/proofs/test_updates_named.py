"""Networks that do not follow some of their parameters: which are stale, when, and what that is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from rnn_parity import Config, Implementation
from rnn_parity.contract import Weights
from rnn_parity.registry import module_build
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.diagnosis import Evidence, diagnose, solve
from rnn_parity.tests.judge.diagnosis.of_updates import of_updates
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.suite.planted import HONEST
from rnn_parity.tests.suite.planted.bugs import Bug
from rnn_parity.tests.suite.planted.bugs_updates import Copying, Packing
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation
from rnn_parity.tests.suite.reported import reported

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.full]
JUDGED = PROPERTIES["updates"]


def found_in(network: Implementation) -> Counterexample:
    """The first case that fails, as it was drawn."""
    disagreement = hunt(JUDGED, network, 0, shrink=False)
    assert isinstance(disagreement, Disagreement)
    assert disagreement.case is not None
    return Counterexample.as_found(JUDGED, network, disagreement.case, disagreement)


@dataclass
class Stale(Copying):
    """Built from tensors, of which some are copied for good; gradients go to all of them."""

    config: Config
    weights: Weights
    is_stale: Callable[[str], bool]

    def __post_init__(self) -> None:
        super().__init__(self.config, self.weights)

    def read(self, name: str) -> Tensor:
        weight = self.weights[name]
        return self.copied[name] + (weight - weight.detach()) if self.is_stale(name) else weight


#: Which are stale, by the name of the bug.
COPIED: dict[str, Callable[[str], bool]] = {
    "W_hh from before a change is used in layers above the first": lambda name: (
        name.startswith("weight_hh") and "_l0" not in name
    ),
    "b_ih from before a change is used in the reverse direction, where gradients are asked for": lambda name: (
        name.startswith("bias_ih") and name.endswith("reverse") and torch.is_grad_enabled()
    ),
    "W_ih and b_hh from before a change are used, where no gradients are asked for": lambda name: (
        name.startswith(("weight_ih", "bias_hh")) and not torch.is_grad_enabled()
    ),
    "weights from before a change are used": lambda name: name.startswith("weight"),
}


@pytest.mark.parametrize("name", COPIED)
def test_what_is_copied_is_named(name: str) -> None:
    """Which parameters, in which cells, and when."""
    build = lambda config, weights: Stale(config, weights, COPIED[name])  # noqa: E731
    diagnosis = solve(Evidence(found_in(implementation(Bug("stale", "calls", build, "updates")))))
    assert (diagnosis.names, diagnosis.certain) == ((name,), True)


class OfStorage(Packing):
    """Keeps biases of the first layer as long as they lie where they lay."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if not (name.startswith("bias") and "_l0" in name):
            return parameter
        return self.kept_by(name, (parameter.data_ptr(), parameter.dtype), parameter.detach().clone)


class LoadedBackwards(Packing):
    """Loads of a state_dict what is not W_hh."""

    def load_state_dict(self, state_dict: dict[str, Tensor], *args: object, **kwargs: object) -> object:  # type: ignore[override]
        kept = {name: value for name, value in state_dict.items() if not name.startswith("weight_hh")}
        built = self.__dict__.setdefault("built", [])
        built.append(True)
        return super().load_state_dict(
            {**self.state_dict(), **(kept if len(built) > 1 else state_dict)}, *args, **kwargs
        )


#: A module, by the name of its bug.
MODULES = {
    "biases from before a change are used in the first layer, as long as each lies at the same address": OfStorage,
    "W_hh from before a change is used, after load_state_dict or load_state_dict(assign=True)": LoadedBackwards,
}


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_keeps_is_named(name: str) -> None:
    """By what it goes to see whether they have changed, or by the routes."""
    diagnosis = solve(
        Evidence(found_in(implementation(Bug("keeping", "modules", module_build(MODULES[name]), "updates"))))
    )
    assert (diagnosis.names, diagnosis.certain) == ((name,), True)


def test_packed_weights_that_were_reported_are_named() -> None:
    """Biases are followed; what was laid out anew is not, and how often that is seen is said."""
    told = diagnose(found_in(reported("aidotnet583_prepacked_weights")))
    name, shown = told.diagnosis
    assert name.startswith("the bug: weights from before a change are used, where no gradients are asked for, as long ")
    assert shown.strip().startswith("so it is in ")
    assert told.certain


@pytest.mark.parametrize(
    "variant", [variant for variant in HONEST if not JUDGED.exempts(variant.capabilities)], ids=str
)
def test_nothing_is_said_of_what_follows_its_parameters(variant: object) -> None:
    """Or of what copies all of them, once and for all."""
    network = implementation(variant)  # type: ignore[arg-type]
    claimed = network.capabilities
    options = {"nonlinearity": claimed.nonlinearities[0], "bias": claimed.biases[0], "cell": claimed.cells[0]}
    case = Case(Config(2, 2, dtype=claimed.dtypes[0], **options), np.ones((2, 1, 2)))  # type: ignore[arg-type]
    assert not claimed.objections(case)
    disagreement = Disagreement("differs", "as if it did")
    assert not of_updates(Evidence(Counterexample.as_found(JUDGED, network, case, disagreement))).names
