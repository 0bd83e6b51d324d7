"""What a user of `check` gives: who is to be judged, by which properties; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import torch

from rnn_parity import Capabilities, Implementation, RegistrationError, Rounding, implementation
from rnn_parity.contract import Build
from rnn_parity.registry import Options, module_build, nearest, resolve
from rnn_parity.registry.modules import assumed_of, for_module, is_module
from rnn_parity.registry.registering import described, validate
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.check.apart import apart
from rnn_parity.tests.judge.demands.following import ROOTS
from rnn_parity.tests.judge.demands.property import Property, in_groups, load_properties
from rnn_parity.tests.judge.look import first_look

#: A class with nn.RNN's arguments and parameter names, a function as `register` takes it, or a registered name.
Given: TypeAlias = type[torch.nn.Module] | Build | str


def said_of(capabilities: Capabilities | None, rounding: Rounding | None) -> Options:
    """Return what is said of an implementation, as `register` is told; None is what is not said."""
    said: Options = {}
    if capabilities is not None:
        said["capabilities"] = capabilities
    if rounding is not None:
        said["rounding"] = rounding
    return said


def implementation_of(given: Given, said: Options, by: str = "check") -> Implementation:
    """Return what is to be judged, by default on the whole surface of nn.RNN. Nothing is registered.

    Args:
        given: who it is.
        said: what is said of it.
        by: the function that errors tell of.

    Raises:
        RegistrationError: it is none of these, or not installed, or cannot be built as its capabilities say.
    """
    if isinstance(given, str):
        return _of_name(given, said, by)
    options = for_module(f"{by}({called(given)})", given, said) if is_module(given) else said
    return _described(given, options, by)


def looked_at(
    given: Given, said: Options, by: str = "check", *, isolate: bool = False
) -> tuple[Implementation, dict[str, str]]:
    """Return what is to be judged, without what always raises, and that by name: what it raises.

    The calls for that are made here, or in a process of their own; nothing is said of its capabilities.

    Raises:
        RegistrationError: it is none of these, or not installed, or cannot be built as the plainest network.
    """
    if isinstance(given, str):
        return _of_name(given, said, by), {}
    whole = _described(given, said | {"capabilities": assumed_of(given)}, by)
    with apart(whole, registered=False) if isolate else nullcontext(whole) as lent:
        look = first_look(lent)
    narrowed = replace(look.capabilities, module=False, own_process=False)
    return implementation_of(given, said | {"capabilities": narrowed}, by), look.left_out


def _described(given: Any, options: Options, by: str) -> Implementation:
    if not callable(given) or (isinstance(given, type | torch.nn.Module) and not is_module(given)):
        raise RegistrationError(
            f"{by}: expected a class with nn.RNN's constructor arguments, a function build(config, weights), or a "
            f"registered name, found {given!r}"
        )
    name = called(given)
    return described(f"{by}({name})", name, module_build(given) if is_module(given) else given, options)


def called(given: Any) -> str:
    """Return the name of a class or function, or of an object's class."""
    name = str(getattr(given, "__name__", type(given).__name__))
    return f"nn.{name}" if getattr(given, "__module__", "").startswith("torch.nn.") else name


def _of_name(name: str, said: Options, by: str) -> Implementation:
    (found,) = resolve(name) if name.endswith(".onnx") else [implementation(name)]
    if not found.installed:
        raise RegistrationError(f"{by}({name!r}): it is not installed: {found.how_to_install}")
    claims, rounding = said.get("capabilities", found.capabilities), said.get("rounding", found.rounding)
    told = replace(found, capabilities=claims, rounding=rounding)
    validate(f"{by}({name!r})", told)
    return replace(told, capabilities=replace(claims, module=found.capabilities.module))


def properties_of(only: str | Iterable[str], properties: str | Iterable[str]) -> list[Property]:
    """Return the properties of these groups and of these names, all where none is named.

    Those from which others follow come first: what they find is told of the others.

    Raises:
        ValueError: there is no such group or property.
    """
    known = load_properties()
    groups = _named("only", "group of properties", only, GROUPS)
    names = _named("properties", "property", properties, known)
    wanted = [
        name
        for name in in_groups(known)
        if (not groups or known[name].group in groups) and (not names or name in names)
    ]
    if not wanted:
        raise ValueError(f"only={only!r}, properties={properties!r}: no property is in both")
    first = [name for name in ROOTS if name in wanted]
    return [known[name] for name in dict.fromkeys([*first, *wanted])]


def _named(argument: str, what: str, given: str | Iterable[str], known: Iterable[str]) -> Sequence[str]:
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{argument}={given!r}: there is no {what} {name!r}{nearest(str(name), known)}; "
                f"expected some of {', '.join(known)}"
            )
    return names


def call_of(given: Given, said: Options, arguments: Mapping[str, tuple[object, object]], seed: int) -> str:
    """Return the call that does the same once more; `arguments` come with their defaults."""
    parts = [repr(given) if isinstance(given, str) else called(given)]
    parts += [f"{name}={name}" for name in said]
    parts += [f"{name}={value!r}" for name, (value, default) in arguments.items() if value != default]
    return f"check({', '.join([*parts, f'seed={seed}'])})"


def number_of(argument: str, given: float, is_one: Callable[[float], bool], expected: str) -> None:
    """See to it that a number is one of those that are taken.

    Raises:
        ValueError: it is not.
    """
    if isinstance(given, bool) or not isinstance(given, int | float) or not is_one(given):
        raise ValueError(f"{argument}: expected {expected}, found {given!r}")
