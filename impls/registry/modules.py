"""Register classes of torch modules: they are tried at once, and their kind of cell is read off their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeGuard, Unpack

import torch

from rnn_parity.contract import KINDS, Build, Capabilities, Config, Run, Weights
from rnn_parity.registry.entry import Implementation, RegistrationError
from rnn_parity.registry.registering import Options, described, register


def register_module(name: str, module: Callable[..., torch.nn.Module], **options: Unpack[Options]) -> None:
    """Register a class with nn.RNN's constructor arguments and `state_dict` names; `options` as for `register`.

    Arguments at nn.RNN's defaults are not passed on, so a class without, say, `bidirectional` can join by declaring
    `Capabilities(bidirectional=False)`.

    Raises:
        RegistrationError: a small network of it cannot be made, or its parameters are not nn.RNN's.
    """
    who = f"register_module({name!r}, {getattr(module, '__qualname__', module)})"
    register(name, module_build(module), **for_module(who, module, options))


def for_module(who: str, module: Callable[..., torch.nn.Module], options: Options) -> Options:
    """Return the options under which `register_module` registers a class, which has been tried.

    Raises:
        RegistrationError: a small network of it cannot be made, or its parameters are not nn.RNN's.
    """
    claims = options.get("capabilities", Capabilities())
    if not isinstance(claims, Capabilities):
        return options
    claims = replace(claims, cells=(_cell_of(module, claims),))
    _validate_module(who, module, _plainest_and_richest(claims))
    return options | {"capabilities": replace(claims, module=True)}


def unclaimed(who: str, name: str, found: Any) -> Implementation:
    """Return the implementation of a class or function of which nobody has said what it takes on.

    Raises:
        RegistrationError: it is neither, or a class of which the plainest network cannot be made.
    """
    claims = assumed_of(found)
    if claims.module:
        _validate_module(who, found, _plainest_and_richest(claims)[:1])
    build = module_build(found) if claims.module else found
    return replace(described(who, name, build, {"capabilities": claims}), unclaimed=True)


def assumed_of(found: Any) -> Capabilities:
    """Return what a class or a function is taken to claim of which nobody has said it: all, of the cell that it has."""
    claims = Capabilities(module=is_module(found))
    return replace(claims, cells=(_cell_of(found, claims),)) if claims.module else claims


def is_module(found: Any) -> TypeGuard[type[torch.nn.Module]]:
    """Return whether it is a class of torch modules."""
    return isinstance(found, type) and issubclass(found, torch.nn.Module)


def _cell_of(module: Callable[..., torch.nn.Module], claims: Capabilities) -> str:
    """Return the kind of cell that a class has by the rows of its W_hh; what is claimed where none has so many."""
    config = _plainest_and_richest(claims)[0]
    try:
        rows, columns = module(**config.module_arguments()).state_dict()["weight_hh_l0"].shape
    except Exception:  # Who validates the class tells of it.
        return claims.cells[0]
    return next((name for name, kind in KINDS.items() if len(kind.gates) * columns == rows), claims.cells[0])


def module_build(module: Callable[..., torch.nn.Module]) -> Build:
    """Return the `build` of a class with nn.RNN's constructor arguments and `state_dict` names, in evaluation mode."""

    def build(config: Config, weights: Weights) -> Run:
        device = next(iter(weights.values())).device
        network = module(**config.module_arguments()).to(device, config.dtype).eval()
        network.load_state_dict(dict(weights))
        parameters = dict(network.named_parameters())
        for parameter_name, parameter in parameters.items():
            parameter.requires_grad_(weights[parameter_name].requires_grad)

        def run(x: torch.Tensor, h_0: torch.Tensor | None = None, *lengths: torch.Tensor) -> Any:
            return network(x, h_0, *lengths)

        run.parameters, run.module = parameters, network  # type: ignore[attr-defined]
        return run

    build.module = module  # type: ignore[attr-defined]
    build.__qualname__ = getattr(module, "__qualname__", repr(module))
    build.__module__ = getattr(module, "__module__", build.__module__)
    return build


def _validate_module(who: str, module: Callable[..., torch.nn.Module], configs: Iterable[Config]) -> None:
    for config in configs:
        arguments = ", ".join(f"{key}={value!r}" for key, value in config.module_arguments().items())
        try:
            network = module(**config.module_arguments())
            found = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        except Exception as error:
            raise RegistrationError(
                f"{who}: expected a class that takes nn.RNN's constructor arguments as far as capabilities claim them, "
                f"but calling it with ({arguments}) raised {type(error).__name__}: {error}{_narrower(module, config)}"
            ) from error
        expected = config.parameter_shapes()
        if found != expected:
            raise RegistrationError(f"{who}: with ({arguments}) expected nn.RNN's state_dict {expected}, found {found}")


#: By option of nn.RNN's constructor: what claims say where it is not taken.
_NARROWED = {
    "num_layers": "max_layers=1",
    "nonlinearity": "nonlinearities=('tanh',)",
    "bias": "biases=(True,)",
    "batch_first": "batch_first=(False,)",
    "bidirectional": "bidirectional=False",
}


def _narrower(module: Callable[..., torch.nn.Module], config: Config) -> str:
    """Return the end of a message that says what to claim where options are not taken; empty where none is at fault."""
    given = config.module_arguments()
    sizes = {name: given.pop(name) for name in ("input_size", "hidden_size")}
    refused = [
        _NARROWED[name] for name in given if name in _NARROWED and not _makes(module, {**sizes, name: given[name]})
    ]
    taken = _makes(module, sizes)
    return f". Say what it takes on: capabilities=Capabilities({', '.join(refused)})" if refused and taken else ""


def _makes(module: Callable[..., torch.nn.Module], arguments: Mapping[str, Any]) -> bool:
    try:
        module(**arguments)
    except Exception:
        return False
    return True


def _plainest_and_richest(capabilities: Capabilities) -> tuple[Config, Config]:
    plainest = Config(
        input_size=min(2, capabilities.max_input_size or 2),
        hidden_size=min(3, capabilities.max_hidden_size or 3),
        nonlinearity=capabilities.nonlinearities[0],
        bias=capabilities.biases[0],
        batch_first=capabilities.batch_first[0],
        cell=capabilities.cells[0],
    )
    richest = replace(
        plainest,
        num_layers=min(2, capabilities.max_layers or 2),
        nonlinearity=capabilities.nonlinearities[-1],
        bias=capabilities.biases[-1],
        batch_first=capabilities.batch_first[-1],
        bidirectional=capabilities.bidirectional,
        dropout=0.5 if capabilities.dropout and (capabilities.max_layers or 2) > 1 else 0.0,
    )
    return plainest, richest
