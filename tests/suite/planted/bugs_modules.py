"""Bugs of modules and of what torch sets globally: dropout, copies, pickling, modes, autocast."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rnn_parity import Capabilities
from rnn_parity.from_parameters import ParameterRNN
from rnn_parity.registry import module_build
from rnn_parity.tests.suite.planted.bugs import PLANTED, Bug, Property, plant
from rnn_parity.tests.suite.planted.loop import Cell, Loop

Planted = TypeVar("Planted", bound=type[nn.Module])


def plant_module(property: Property) -> Callable[[Planted], Planted]:
    """Enter a module in `PLANTED`, under its own name in small letters."""

    def enter(module: Planted) -> Planted:
        name = re.sub(r"(?<=.)(?=[A-Z])", "-", module.__name__).lower()
        build = module_build(module)
        build.__doc__ = module.__doc__
        PLANTED.append(Bug(name, "modules", build, property, Capabilities(dropout=True, module=True)))
        return module

    return enter


class Dropping(nn.Module):
    """A correct network of nn.RNNs of one layer each, with dropout between them in a method of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.whole = [nn.RNN(*args, **kwargs)]
        self.p, self.whole[0].dropout = float(self.whole[0].dropout), 0.0
        for name, parameter in self.whole[0].named_parameters():
            setattr(self, name, parameter)

    @property
    def rnn(self) -> nn.RNN:
        """Lies in a list, so that its parameters are not registered twice."""
        return self.whole[0]

    def forward(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Layer by layer."""
        rows, finals = 1 + self.rnn.bidirectional, []
        x = self.input(x)
        for layer in range(self.rnn.num_layers):
            single = nn.RNN(
                x.shape[-1],
                self.rnn.hidden_size,
                1,
                self.rnn.nonlinearity,
                self.rnn.bias,
                self.rnn.batch_first,
                bidirectional=self.rnn.bidirectional,
                device="meta",
            )
            weights = {
                name.replace(f"_l{layer}", "_l0"): parameter
                for name, parameter in self.named_parameters()
                if f"_l{layer}" in name
            }
            start = None if h_0 is None else h_0[layer * rows :][:rows]
            x, final = torch.func.functional_call(single, weights, (x, start))
            finals.append(final)
            x = self.between(x) if layer + 1 < self.rnn.num_layers else self.output(x)
        return x, torch.cat(finals)

    def input(self, x: Tensor) -> Tensor:
        return x

    def between(self, x: Tensor) -> Tensor:
        return self.drop(x)

    def output(self, x: Tensor) -> Tensor:
        return x

    def drop(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.p, self.training)


@plant_module("dropout")
class DropoutOfOutput(Dropping):
    """The outputs of the last layer are dropped as well."""

    def output(self, x: Tensor) -> Tensor:
        return self.drop(x)


@plant_module("dropout")
class DropoutOfInput(Dropping):
    """The input is dropped as well."""

    def input(self, x: Tensor) -> Tensor:
        return self.drop(x)


@plant_module("dropout")
class DropoutForgotten(Dropping):
    """Nothing is dropped."""

    def drop(self, x: Tensor) -> Tensor:
        return x


@plant_module("dropout")
class DropoutNotScaled(Dropping):
    """What is kept is not scaled."""

    def drop(self, x: Tensor) -> Tensor:
        return torch.where(super().drop(torch.ones_like(x)) != 0, x, torch.zeros_like(x)) if self.training else x


@plant_module("dropout")
class DropoutRateTurnedRound(Dropping):
    """It keeps at the rate at which it should drop."""

    def drop(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 1 - self.p, self.training)


@plant_module("dropout")
class DropoutMaskOfFirstStep(Dropping):
    """One mask goes for all steps, as in variational dropout."""

    def drop(self, x: Tensor) -> Tensor:
        axis = 0 if x.dim() == 2 or not self.rnn.batch_first else 1
        return x * super().drop(torch.ones_like(x.narrow(axis, 0, 1)))


@plant_module("dropout")
class DropoutMaskOfFirstRow(Dropping):
    """One mask goes for all rows of the batch."""

    def drop(self, x: Tensor) -> Tensor:
        axis = 1 if x.dim() == 2 or not self.rnn.batch_first else 0
        return (
            x * super().drop(torch.ones_like(x.narrow(axis, 0, 1))) if x.dim() == 3 and x.numel() else super().drop(x)
        )


@plant_module("modules")
class CopiesShareParameters(ParameterRNN):
    """copy.deepcopy makes another module with the same parameters."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiesShareParameters:
        made = type(self).__new__(type(self))
        made.__dict__ = {**self.__dict__, "_parameters": dict(self._parameters)}
        return made


@plant_module("modules")
class PicklingForgetsBias(ParameterRNN):
    """What is pickled lacks the recurrent biases."""

    def __reduce__(self) -> Any:
        state = {name: 0 * value if name.startswith("bias_hh") else value for name, value in self.state_dict().items()}
        return _unpickled, (type(self), self.config, next(self.parameters()).dtype, state)


def _unpickled(kind: type[ParameterRNN], config: Any, dtype: torch.dtype, state: dict[str, Tensor]) -> ParameterRNN:
    made = kind(**config.module_arguments()).to(dtype).eval()
    made.load_state_dict(state)
    return made


@plant_module("modules")
class StateDictOfFirstLayer(ParameterRNN):
    """Loading a state_dict a second time, or into a copy, leaves layers above the first as they were."""

    loaded = False

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        first = not type(self).loaded
        type(self).loaded = True
        kept = {name: value for name, value in state_dict.items() if first or "_l0" in name}
        return super().load_state_dict({**super().state_dict(), **kept}, *args, **kwargs)


@plant("modules", "modes")
class StateOfDefaultDtype(Loop):
    """In float32 an absent h_0 is of the default dtype, whatever that is by then."""

    def initial_state(self, x: Tensor, h_0: Tensor | None) -> Tensor:
        start = super().initial_state(x, h_0)
        return start if h_0 is not None or x.dtype != torch.float32 else start.to(torch.get_default_dtype())

    def product(self, v: Tensor, w: Tensor) -> Tensor:
        return super().product(v, w) if v.dtype == w.dtype else super().product(v, w.to(v.dtype))


@plant("modules", "modes")
class ScratchOfFirstCall(Loop):
    """A buffer is made in the first call and written in the others: not after one under torch.inference_mode."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        buffers = self.__dict__.setdefault("buffers", {})
        made = super().recur(cell, h)
        buffer = buffers.setdefault((made.shape, torch.is_grad_enabled()), torch.empty_like(made))
        return buffer.copy_(made).clone()


@plant("modules", "modes")
class ConstantsOfDefaultDtype(Loop):
    """Under another default dtype than float32 it takes the biases for absent."""

    def cell(self, weights: Any, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        if torch.get_default_dtype() == torch.float32:
            return cell
        return cell._replace(b_ih=0 * cell.b_ih)


@plant("modules", "autocast", autocast=True)
class AutocastLosesBias(Loop):
    """Under autocast a fast path leaves out the recurrent bias."""

    def affine(self, cell: Cell, x: Tensor, h: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            cell = cell._replace(b_hh=0 * cell.b_hh)
        return super().affine(cell, x, h)


@plant("modules", "autocast", autocast=True)
class AutocastKeepsState(Loop):
    """Under autocast the state is carried in eight bits."""

    def recur(self, cell: Cell, h: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            h = h.to(torch.float8_e4m3fn).to(h.dtype)
        return super().recur(cell, h)
