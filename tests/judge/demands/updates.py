"""Parameters that change between calls, by the routes that torch offers: the network is what its parameters are now.

By turns all of them change, all but the last, and the last alone: who looks at one of them to see whether any has
changed is found out.

A network that names no parameters of its own was built from tensors, and may have copied them. Then all that it does is
as they were: results are held against both, and against one alone as soon as they do not fit with the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn import Module, Parameter

from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.fills import companion
from rnn_parity.tests.judge.demands.modules import named
from rnn_parity.tests.judge.trial import gradients
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result

Tensors = Mapping[str, torch.Tensor]


# Routes


def _in_place(own: Tensors, new: Tensors) -> None:
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(new[name])


def _in_place_of_data(own: Tensors, new: Tensors) -> None:
    for name, parameter in own.items():
        parameter.data.copy_(new[name])


def _through_numpy(own: Tensors, new: Tensors) -> None:
    for name, parameter in own.items():
        # As bits, since NumPy has no bfloat16.
        bits = torch.uint8
        parameter.detach().view(-1).view(bits).numpy()[...] = new[name].contiguous().view(-1).view(bits).numpy()


def _steps(own: Tensors, new: Tensors) -> None:
    """Two steps, the first to zero, as p - (p - new) is rounded."""
    optimizer = torch.optim.SGD(list(own.values()), lr=1.0)
    for aim in ({name: torch.zeros_like(value) for name, value in new.items()}, new):
        for name, parameter in own.items():
            parameter.grad = parameter.detach() - aim[name]
        optimizer.step()
    optimizer.zero_grad()


def _other_data(own: Tensors, new: Tensors) -> None:
    for name, parameter in own.items():
        parameter.data = new[name].clone()


def _one_vector(own: Tensors, new: Tensors) -> None:
    vector = torch.nn.utils.parameters_to_vector([new[name] for name in own])
    torch.nn.utils.vector_to_parameters(vector, list(own.values()))


#: Into the tensors, wherever these are: in words.
WRITTEN: dict[str, Callable[[Tensors, Tensors], None]] = {
    "copy_ under torch.no_grad": _in_place,
    "steps of torch.optim.SGD": _steps,
    "copy_ into .data": _in_place_of_data,
    "writing through .numpy()": _through_numpy,
}
#: Into tensors that a network names as its parameters.
OWN = WRITTEN | {"assigning .data": _other_data, "torch.nn.utils.vector_to_parameters": _one_vector}


def _state_dict(module: Module, new: Tensors) -> None:
    module.load_state_dict(dict(new))


def _assigned_state_dict(module: Module, new: Tensors) -> None:
    module.load_state_dict({name: Parameter(value.clone()) for name, value in new.items()}, assign=True)


def _other_parameters(module: Module, new: Tensors) -> None:
    for name, value in new.items():
        setattr(module, name, Parameter(value.clone()))


def _there_and_back(module: Module, new: Tensors) -> None:
    dtype = next(module.parameters()).dtype
    module.to(torch.float32 if dtype == torch.float64 else torch.float64).to(dtype)
    _in_place(dict(module.named_parameters()), new)


def _to_module(route: Callable[[Tensors, Tensors], None]) -> Callable[[Module, Tensors], None]:
    return lambda module, new: route(dict(module.named_parameters()), new)


#: Into a module.
OF_MODULES: dict[str, Callable[[Module, Tensors], None]] = {
    **{how: _to_module(route) for how, route in OWN.items()},
    "load_state_dict": _state_dict,
    "load_state_dict(assign=True)": _assigned_state_dict,
    "assigning a torch.nn.Parameter": _other_parameters,
    "conversion to another dtype and back, and copy_ under torch.no_grad": _there_and_back,
}


# The demand


def follows_its_parameters(trial: Trial, case: Case) -> None:
    """Call a network before any change and after each, without and with tracking; differentiate it in the end."""
    network = Changing.built(trial, case)
    network.agrees()
    last = list(case.weights)[-1]
    turned = companion(case).weights
    one, all_of_them = case.with_arrays(**{last: turned[last]}), case.with_arrays(**turned)
    for (how, route), current in zip(network.routes(), itertools.cycle((all_of_them, one, case)), strict=False):
        with named(f"after {how}, "):
            network.change(route, current)
            network.agrees()
    if network.module is not None:
        with named("torch.func.functional_call: "):
            network.agrees_with_others(all_of_them)
    if case.has_cotangents:
        with named("differentiated after all changes, "):
            network.agrees_on_gradients()


@dataclass
class Changing:
    """A network whose parameters change, called on one input."""

    trial: Trial
    network: Network
    #: The tensors to write into.
    own: Tensors
    #: By what it may go: its parameters as they are now, or a copy of those that it was built with.
    goes_by: dict[str, Case]
    #: Those whose parameters it had.
    before: list[Case] = field(default_factory=list)

    @classmethod
    def built(cls, trial: Trial, case: Case) -> Changing:
        """Return a network with the parameters of a case, which ask for gradients where these are claimed."""
        weights = gradients.ask(case).weights if trial.capabilities.gradients else case.tensors()[0]
        network = trial.build_from(case, weights)
        roles = ("present",) if hasattr(network.run, "parameters") else ("present", "copied")
        return cls(trial, network, network.leaves(weights), dict.fromkeys(roles, case))

    @property
    def module(self) -> Module | None:
        """Itself, where it is one."""
        return getattr(self.network.run, "module", None)

    def routes(self) -> list[tuple[str, Callable[[Tensors], None]]]:
        """Every route to other parameters, in words."""
        module = self.module
        if module is not None:
            return [(how, partial(route, module)) for how, route in OF_MODULES.items()]
        routes = OWN if hasattr(self.network.run, "parameters") else WRITTEN
        return [(how, partial(route, self.own)) for how, route in routes.items()]

    def change(self, route: Callable[[Tensors], None], case: Case) -> None:
        """Give it the parameters of a case."""
        self.trial._timed("changing parameters", route, case.tensors()[0])
        if "present" in self.goes_by:
            self.before.append(self.goes_by["present"])
            self.goes_by["present"] = case
        if self.module is not None:
            self.own = dict(self.module.named_parameters())

    def agrees(self) -> None:
        """Call it, with tracking, too, where gradients are claimed."""
        for tracked in (False, True)[: 1 + self.trial.capabilities.gradients]:
            asked = next(iter(self.goes_by.values()))
            with torch.set_grad_enabled(tracked):
                result = self.network.call_on(asked, *asked.tensors()[1:])
            self._fits(partial(self._judge, result))

    def _judge(self, result: Result, case: Case) -> None:
        self.trial.judge(case, result, self.trial.expected(case))

    def agrees_with_others(self, case: Case) -> None:
        """Lend it parameters for one call; afterwards it has its own."""

        def lent(*arguments: Any) -> Any:
            return torch.func.functional_call(self.module, case.tensors()[0], arguments)  # type: ignore[arg-type]

        Network(self.trial, lent, case.config).agrees(case)
        self.agrees()

    def agrees_on_gradients(self) -> None:
        """Differentiate by its parameters, x and h_0."""
        given = next(iter(self.goes_by.values()))
        asked = gradients.ask(given)._replace(weights=dict(self.own))
        self.trial.run_back(given, [self.network.call_on(given, asked.x, asked.h_0)])
        found = gradients.collect(asked, self.own)
        self._fits(lambda case: gradients.judge(case, found, self.trial.expected_gradients(case)))

    def _fits(self, judge: Callable[[Case], object]) -> None:
        """Demand that it goes by one of what it may go by; from then on it may go by nothing else."""
        wrong = {role: _disagreement(judge, case) for role, case in self.goes_by.items()}
        fitting = {role: case for role, case in self.goes_by.items() if wrong[role] is None}
        if not fitting:
            raise self._told(next(found for found in wrong.values() if found is not None), judge)
        self.goes_by = fitting

    def _told(self, found: Disagreement, judge: Callable[[Case], object]) -> Disagreement:
        """Return the disagreement, and whether parameters that it had before explain it."""
        stale = any(_disagreement(judge, case) is None for case in self.before)
        said = ", which is what parameters gave that it had before" if stale else ""
        return Disagreement(found.kind, f"{found.text}{said}", **found.details)


def _disagreement(judge: Callable[[Case], object], case: Case) -> Disagreement | None:
    try:
        judge(case)
    except Disagreement as found:
        return found
    return None
