"""Bugs in following parameters that change: packs, transposes and lists that are kept longer than they are true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.tests.suite.planted.bugs import plant
from rnn_parity.tests.suite.planted.bugs_modules import plant_module
from rnn_parity.tests.suite.planted.loop import Loop


class Packing(nn.Module):
    """A correct network that reads its parameters anew in each call, through a method of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.config = Config(*args, **kwargs)
        for name, shape in self.config.parameter_shapes().items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        self.packs: dict[str, tuple[Any, Tensor]] = {}

    def forward(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        parameters = {name: self.read(name, parameter) for name, parameter in self.named_parameters()}
        config = Config(**{**self.config.module_arguments(), "dtype": next(self.parameters()).dtype})
        return Loop(config, parameters)(x, h_0)

    def read(self, name: str, parameter: Tensor) -> Tensor:
        return parameter

    def kept_by(self, name: str, key: Any, make: Callable[[], Tensor]) -> Tensor:
        """What was made under this key, or is made now."""
        if name not in self.packs or self.packs[name][0] != key:
            self.packs[name] = key, make()
        return self.packs[name][1]


@plant_module("updates")
class KeptByIdentity(Packing):
    """Packs are kept as long as the parameter is the same object, in inference."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return parameter
        return self.kept_by(name, (id(parameter), parameter.dtype), parameter.detach().clone)


@plant_module("updates")
class KeptByAddress(Packing):
    """Packs are kept as long as the parameter's numbers lie where they lay."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return parameter
        return self.kept_by(name, (parameter.data_ptr(), parameter.dtype), parameter.detach().clone)


@plant_module("updates")
class KeptByVersion(Packing):
    """Packs are kept as long as the parameter's version is the same, of which writing into .data tells nothing."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return parameter
        return self.kept_by(name, (id(parameter), parameter._version), parameter.detach().clone)


@plant_module("updates")
class BiasesKept(Packing):
    """Biases are kept from the first call on, in inference."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not name.startswith("bias"):
            return parameter
        return self.kept_by(name, parameter.dtype, parameter.detach().clone)


@plant_module("updates")
class ReverseKept(Packing):
    """Parameters of the reverse direction are kept from the first call on, in inference."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not name.endswith("_reverse"):
            return parameter
        return self.kept_by(name, parameter.dtype, parameter.detach().clone)


@plant_module("updates")
class AllKeptByTheFirst(Packing):
    """All packs are made anew where the first parameter has changed."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return parameter
        first = next(self.parameters())
        return self.kept_by(name, first.detach().flatten().tolist(), parameter.detach().clone)


@plant_module("updates")
class ListedWhenMade(Packing):
    """Parameters are listed once, where the module is made: one that is assigned later is not among them."""

    def read(self, name: str, parameter: Tensor) -> Tensor:
        listed = self.__dict__.setdefault("listed", dict(self.named_parameters()))
        return listed[name].to(parameter.dtype)


@plant_module("updates")
class StateDictLoadedOnce(Packing):
    """Loading a state_dict a second time changes the weights and not the biases."""

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        again = self.__dict__.setdefault("loaded", False)
        self.__dict__["loaded"] = True
        kept = {name: value for name, value in state_dict.items() if not (again and name.startswith("bias"))}
        return super().load_state_dict({**self.state_dict(), **kept}, *args, **kwargs)


class Copying(Loop):
    """Right, from tensors that it may copy, but then all of them, and for good."""

    def __init__(self, config: Config, weights: Weights) -> None:
        self.weights = weights
        self.copied = {name: weight.detach().clone() for name, weight in weights.items()}
        super().__init__(config, weights)

    def read(self, name: str) -> Tensor:
        raise NotImplementedError

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return Loop(self.config, {name: self.read(name) for name in self.weights})(x, h_0)


@plant("calls", "updates")
class TransposesCopied(Copying):
    """Matrices are copied when it is built, and biases are not."""

    def read(self, name: str) -> Tensor:
        live = torch.is_grad_enabled() or name.startswith("bias")
        return self.weights[name] if live else self.copied[name]


@plant("calls", "updates")
class CopiedForInference(Copying):
    """Without tracking it goes by a copy, with tracking by its parameters."""

    def read(self, name: str) -> Tensor:
        return self.weights[name] if torch.is_grad_enabled() else self.copied[name]


@plant("calls", "updates")
class ReverseCopied(Copying):
    """Parameters of the reverse direction are copied when it is built, and others are not."""

    def read(self, name: str) -> Tensor:
        copied = name.endswith("_reverse") and not torch.is_grad_enabled()
        return self.copied[name] if copied else self.weights[name]


@plant("calls", "updates", gradients=False)
class CopiedAnewNowAndThen(Copying):
    """The copy is made anew where the last parameter has changed."""

    def read(self, name: str) -> Tensor:
        *_, last = self.weights
        if not torch.equal(self.weights[last], self.copied[last]):
            self.copied = {key: weight.detach().clone() for key, weight in self.weights.items()}
        return self.copied[name]


class BackByACopy(Loop):
    """Forward by its parameters, and back to what they are applied to by a copy of them."""

    def __init__(self, config: Config, weights: Weights, copied: Weights) -> None:
        self.copies = {id(weight): copied[name] for name, weight in weights.items()}
        super().__init__(config, weights)

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        of_w, of_v = super().product(v.detach(), w), super().product(v, self.copies[id(w)])
        return of_w + (of_v - of_v.detach())


@plant("calls", "updates")
class GradientsOfACopy(Copying):
    """Forward it goes by its parameters, and back by a copy of them."""

    def __call__(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return BackByACopy(self.config, self.weights, self.copied)(x, h_0)
