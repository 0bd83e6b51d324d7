"""Register an implementation: what is given is validated at once."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack, overload

import torch

from rnn_parity.contract import DTYPES, Build, Capabilities, KnownDefect, Rounding
from rnn_parity.registry.entry import MAIN, Implementation, RegistrationError
from rnn_parity.registry.torch_defects import INHERITED
from rnn_parity.scripts import ENTRIES

_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")
REGISTRY: dict[str, Implementation] = {}
_EPS = {dtype: torch.finfo(dtype).eps for dtype in DTYPES}


class Options(TypedDict, total=False):
    """What `register` and `register_module` may be told beside a name and what it names."""

    #: What it takes on; by default the whole surface of nn.RNN.
    capabilities: Capabilities
    #: How it rounds; by default every operation in the dtype of the case.
    rounding: Rounding
    #: The distribution on the package index whose code is judged; by default torch.
    library: str
    #: The extra of rnn-parity that installs that library; by default none.
    extra: str | None
    #: What was found about it and is not ours to mend.
    known_defects: Sequence[KnownDefect]
    #: Which job judges it, a name like its own; by default "main".
    group: str
    #: At most so many cases a property; by default as many as the run has.
    cases: int | None
    #: Programs that it calls, a compiler say: where one is not on the path, it counts as not installed.
    programs: Sequence[str]
    #: Other distributions whose code it runs, a backend say: where one is missing, it counts as not installed.
    needs: Sequence[str]
    #: Where it is to run in a process of its own: the variables that are set in its environment.
    environment: Mapping[str, str] | None
    #: How the library is called by itself: text that defines one of `rnn_parity.scripts.ENTRIES`; by default unknown.
    script: str


@overload
def register(name: str, build: Build, **options: Unpack[Options]) -> Build: ...


@overload
def register(name: str, build: None = None, **options: Unpack[Options]) -> Callable[[Build], Build]: ...


def register(name: str, build: Build | None = None, **options: Unpack[Options]) -> Build | Callable[[Build], Build]:
    """Register `build(config, weights) -> run`, `run(x, h_0=None) -> (output, h_n)`; as a decorator or as a call.

    Args:
        name: how it is called in options and tables: small letters, digits and `. _ + -`.
        build: called once per network with a `Config` and nn.RNN's parameters by name, tensors of `config.dtype`.
            What it returns is called many times, with tensors in nn.RNN's layouts: a function, or a module. Where that
            has no mapping `parameters`, and is no module with nn.RNN's parameter names, it may go by a copy of the
            weights, made until its first call has ended: then by all of that copy, in every call. Else it goes by what
            the weights are now.
        options: `capabilities`, `rounding`, `library`, `extra`, `known_defects`, `group`, `cases`, `programs`,
            `needs`, `environment` and `script`, see `Options`.

    Raises:
        RegistrationError: an argument does not fit, or the name is taken.
    """

    def decorate(build: Build) -> Build:
        validate_name(name)
        REGISTRY[name] = described(f"register({name!r})", name, build, options)
        return build

    return decorate if build is None else decorate(build)


def described(who: str, name: str, build: Build, options: Options) -> Implementation:
    """Return the implementation that `register` registers, validated; `who` is the call that errors tell of.

    Raises:
        RegistrationError: an argument does not fit.
    """
    if unknown := set(options) - set(Options.__annotations__):
        known = ", ".join(Options.__annotations__)
        raise RegistrationError(f"{who}: expected options out of {known}, found {sorted(unknown)}")
    implementation = Implementation(
        name=name,
        build=build,
        capabilities=options.get("capabilities", Capabilities()),
        rounding=options.get("rounding", Rounding()),
        library=options.get("library", "torch"),
        extra=options.get("extra"),
        known_defects=tuple(options.get("known_defects", ())),
        group=options.get("group", MAIN),
        cases=options.get("cases"),
        programs=tuple(options.get("programs", ())),
        needs=tuple(options.get("needs", ())),
        environment=options.get("environment"),
        script=options.get("script", ""),
    )
    validate(who, implementation)
    if implementation.library == "torch":
        own = {defect.name for defect in implementation.known_defects}
        inherited = tuple(defect for defect in INHERITED if defect.name not in own)
        implementation = replace(implementation, known_defects=implementation.known_defects + inherited)
    return implementation if implementation.environment is None else implementation.isolated()


def validate_name(name: str) -> None:
    """See to it that a name is one, and free.

    Raises:
        RegistrationError: it is not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistrationError(
            f"register({name!r}): expected a name of small letters, digits and . _ + -, found {name!r}"
        )
    if name in REGISTRY:
        there = REGISTRY[name].build
        raise RegistrationError(
            f"register({name!r}): the name is taken by {there.__module__}.{_called(there)}; choose another"
        )


def validate(who: str, implementation: Implementation) -> None:
    """See to it that what an implementation says of itself fits.

    Raises:
        RegistrationError: it does not.
    """
    for field, expected in (
        ("capabilities", Capabilities),
        ("rounding", Rounding),
        ("library", str),
        ("extra", str | None),
    ):
        found = getattr(implementation, field)
        if not isinstance(found, expected) or found == "":
            kind = getattr(expected, "__name__", expected)
            raise RegistrationError(f"{who}: {field} should be a {kind}, found {found!r}")
    group, cases = implementation.group, implementation.cases
    if not isinstance(group, str) or not _NAME.fullmatch(group):
        raise RegistrationError(f"{who}: expected a group of small letters, digits and . _ + -, found {group!r}")
    if cases is not None and (type(cases) is not int or cases < 1):
        raise RegistrationError(f"{who}: expected cases=None or an integer from 1, found {cases!r}")
    accumulate = implementation.rounding.accumulate
    finer = [dtype for dtype in implementation.capabilities.dtypes if accumulate and _EPS[dtype] < _EPS[accumulate]]
    if finer and not implementation.rounding.reason:
        raise RegistrationError(
            f"{who}: rounding accumulates in {accumulate}, looser than {', '.join(map(str, finer))} that "
            "capabilities claim: give Rounding(reason='...'), citing where that is documented"
        )
    _validate_parts(who, implementation)
    _validate_call(who, implementation.build, "build", "(config, weights)")


def _validate_parts(who: str, implementation: Implementation) -> None:
    environment = implementation.environment
    if environment is not None and not _holds_texts(environment):
        raise RegistrationError(f"{who}: expected environment={{'NAME': 'value'}}, found {environment!r}")
    for needed in implementation.needs:
        if not isinstance(needed, str):
            raise RegistrationError(f"{who}: expected needs=('DISTRIBUTION', ...), found {needed!r} in it")
    for defect in implementation.known_defects:
        if not isinstance(defect, KnownDefect):
            raise RegistrationError(f"{who}: known_defects should hold KnownDefect, found {defect!r}")
    _validate_script(who, implementation.script)


def _validate_script(who: str, script: object) -> None:
    if not isinstance(script, str):
        raise RegistrationError(f"{who}: script should be the text of a Python file, found {script!r}")
    try:
        tree = ast.parse(script)
    except SyntaxError as error:
        raise RegistrationError(f"{who}: script should be the text of a Python file, but {error}") from error
    functions = [part.name for part in tree.body if isinstance(part, ast.FunctionDef)]
    if script and sum(entry in functions for entry in ENTRIES) != 1:
        raise RegistrationError(
            f"{who}: script should define one function out of {', '.join(ENTRIES)}, "
            f"found {', '.join(functions) or 'none'}"
        )


def _holds_texts(environment: object) -> bool:
    return isinstance(environment, Mapping) and all(
        isinstance(text, str) for pair in environment.items() for text in pair
    )


def _validate_call(who: str, function: Any, role: str, parameters: str) -> None:
    found = _called(function)
    try:
        signature = inspect.signature(function)
        found += str(signature)
        signature.bind(*parameters.strip("()").split(", "))
    except (TypeError, ValueError) as error:
        raise RegistrationError(f"{who}: expected a function {role}{parameters}, found {found}") from error


def _called(function: Any) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
