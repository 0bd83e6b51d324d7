"""Who is judged: the implementations that were registered, here or outside the tree."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
import runpy
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict, Unpack, overload

import torch

import impls
from impls.contract import DTYPES, Build, Capabilities, Config, KnownDefect, Rounding, Run, Weights
from impls.isolation import isolated
from impls.scripts import ENTRIES

ENTRY_POINTS = "rnn_parity.impls"
#: The group that is judged where none is asked for.
MAIN = "main"
#: Libraries that every process has imported anyway, and that the suite itself relies on.
LIGHT = ("numpy", "torch")
_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_REGISTRY: dict[str, Implementation] = {}
#: A line for every entry point that could not be loaded.
_NOT_LOADED: list[str] = []
_EPS = {dtype: torch.finfo(dtype).eps for dtype in DTYPES}


class RegistrationError(ValueError):
    """What was given to `register` or asked of the registry does not fit; the text says what was expected."""


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """One registered implementation: how to build a network of it, and what it says of itself."""

    name: str
    build: Build
    capabilities: Capabilities
    rounding: Rounding
    #: The distribution on the package index whose code is judged.
    library: str
    #: The extra of rnn-parity that installs it, or None where the suite itself needs it.
    extra: str | None
    known_defects: tuple[KnownDefect, ...]
    #: Which job judges it: `MAIN`, or one of its own.
    group: str = MAIN
    #: At most so many cases a property, where one is dear; None for as many as the run has.
    cases: int | None = None
    #: Programs that it calls, which have to be on the path.
    programs: tuple[str, ...] = ()
    #: Other distributions whose code it runs: a backend, a converter.
    needs: tuple[str, ...] = ()
    #: Variables of the environment of the process of its own in which it runs; None where it needs none.
    environment: Mapping[str, str] | None = None
    #: Python that calls the library by itself, for scripts that reproduce what was found; see `impls.scripts`.
    script: str = ""
    #: By what `resolve` finds it in another process.
    asked: str = ""

    @property
    def version(self) -> str | None:
        """The installed version of its library, or None where it is not installed. Imports nothing."""
        return _installed_version(self.library)

    @property
    def dear(self) -> bool:
        """Whether its calls cost so much that a run makes few of them."""
        return self.cases is not None or self.capabilities.per_shape

    @property
    def versions(self) -> dict[str, str]:
        """The installed versions of its library and of all that it needs."""
        found = {library: _installed_version(library) for library in (self.library, *self.needs)}
        return {library: version for library, version in found.items() if version is not None}

    @property
    def installed(self) -> bool:
        """Whether its library is there, all that it needs, and the programs that it calls."""
        return len(self.versions) == len({self.library, *self.needs}) and not self._missing_programs

    def isolated(self) -> Implementation:
        """Return the same implementation, run in a separate process."""
        capabilities = replace(self.capabilities, own_process=True)
        return replace(self, capabilities=capabilities, environment=self.environment or {})

    @property
    def build_in_place(self) -> Build:
        """Its `build`, which runs here, or in a process of its own where it asks for one."""
        if self.environment is None:
            return self.build
        return isolated(self.asked or self.name, self.name, self.environment)

    @property
    def _missing_programs(self) -> list[str]:
        return [program for program in self.programs if shutil.which(program) is None]

    @property
    def how_to_install(self) -> str:
        """The command that brings its library, or the programs that are not on the path."""
        if self._missing_programs and len(self.versions) == len({self.library, *self.needs}):
            return f"put {', '.join(self._missing_programs)} on the path"
        return (
            f"python -m pip install 'rnn-parity[{self.extra}]'"
            if self.extra
            else f"python -m pip install {' '.join((self.library, *self.needs))}"
        )


@cache
def _installed_version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


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
    #: How the library is called by itself, as text that defines one of `impls.scripts.ENTRIES`; by default unknown.
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
            What it returns is called many times, with tensors in nn.RNN's layouts. Where that has no mapping
            `parameters`, it may go by a copy of the weights, made until its first call has ended: then by all of that
            copy, in every call. Else it goes by what the weights are now.
        options: `capabilities`, `rounding`, `library`, `extra`, `known_defects`, `group`, `cases`, `programs`,
            `needs`, `environment` and `script`, see `Options`.

    Raises:
        RegistrationError: an argument does not fit, or the name is taken.
    """

    def decorate(build: Build) -> Build:
        if unknown := set(options) - set(Options.__annotations__):
            known = ", ".join(Options.__annotations__)
            raise RegistrationError(f"register({name!r}): expected options out of {known}, found {sorted(unknown)}")
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
        _validate(implementation)
        if implementation.environment is not None:
            implementation = implementation.isolated()
        _REGISTRY[name] = implementation
        return build

    return decorate if build is None else decorate(build)


def _validate(implementation: Implementation) -> None:
    name = implementation.name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistrationError(
            f"register({name!r}): expected a name of small letters, digits and . _ + -, found {name!r}"
        )
    if name in _REGISTRY:
        there = _REGISTRY[name].build
        raise RegistrationError(f"register({name!r}): the name is taken by {there.__module__}.{_called(there)}")
    for field, expected in (
        ("capabilities", Capabilities),
        ("rounding", Rounding),
        ("library", str),
        ("extra", str | None),
    ):
        found = getattr(implementation, field)
        if not isinstance(found, expected) or found == "":
            kind = getattr(expected, "__name__", expected)
            raise RegistrationError(f"register({name!r}): {field} should be a {kind}, found {found!r}")
    group, cases = implementation.group, implementation.cases
    if not isinstance(group, str) or not _NAME.fullmatch(group):
        raise RegistrationError(
            f"register({name!r}): expected a group of small letters, digits and . _ + -, found {group!r}"
        )
    if cases is not None and (type(cases) is not int or cases < 1):
        raise RegistrationError(f"register({name!r}): expected cases=None or an integer from 1, found {cases!r}")
    accumulate = implementation.rounding.accumulate
    finer = [dtype for dtype in implementation.capabilities.dtypes if accumulate and _EPS[dtype] < _EPS[accumulate]]
    if finer and not implementation.rounding.reason:
        raise RegistrationError(
            f"register({name!r}): rounding accumulates in {accumulate}, looser than {', '.join(map(str, finer))} that "
            "capabilities claim: give Rounding(reason='...'), citing where that is documented"
        )
    _validate_parts(implementation)
    _validate_call(f"register({name!r})", implementation.build, "build", "(config, weights)")


def _validate_parts(implementation: Implementation) -> None:
    who, environment = f"register({implementation.name!r})", implementation.environment
    if environment is not None and not _holds_texts(environment):
        raise RegistrationError(f"{who}: expected environment={{'NAME': 'value'}}, found {environment!r}")
    for needed in implementation.needs:
        if not isinstance(needed, str):
            raise RegistrationError(f"{who}: needs should name distributions, found {needed!r}")
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


def register_module(name: str, module: Callable[..., torch.nn.Module], **options: Unpack[Options]) -> None:
    """Register a class with nn.RNN's constructor arguments and `state_dict` names; `options` as for `register`.

    Arguments at nn.RNN's defaults are not passed on, so a class without, say, `bidirectional` can join by declaring
    `Capabilities(bidirectional=False)`.

    Raises:
        RegistrationError: a small network of it cannot be made, or its parameters are not nn.RNN's.
    """
    claims = options.get("capabilities", Capabilities())
    if isinstance(claims, Capabilities):
        _validate_module(name, module, claims)
        options["capabilities"] = replace(claims, module=True)

    register(name, module_build(module), **options)


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


def _validate_module(name: str, module: Callable[..., torch.nn.Module], capabilities: Capabilities) -> None:
    who = f"register_module({name!r}, {getattr(module, '__qualname__', module)})"
    for config in _plainest_and_richest(capabilities):
        arguments = ", ".join(f"{key}={value!r}" for key, value in config.module_arguments().items())
        try:
            network = module(**config.module_arguments())
            found = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        except Exception as error:
            raise RegistrationError(
                f"{who}: expected a class that takes nn.RNN's constructor arguments as far as capabilities claim them, "
                f"but calling it with ({arguments}) raised {type(error).__name__}: {error}"
            ) from error
        expected = config.parameter_shapes()
        if found != expected:
            raise RegistrationError(f"{who}: with ({arguments}) expected nn.RNN's state_dict {expected}, found {found}")


def _plainest_and_richest(capabilities: Capabilities) -> tuple[Config, Config]:
    plainest = Config(
        input_size=min(2, capabilities.max_input_size or 2),
        hidden_size=min(3, capabilities.max_hidden_size or 3),
        nonlinearity=capabilities.nonlinearities[0],
        bias=capabilities.biases[0],
        batch_first=capabilities.batch_first[0],
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


def registered() -> dict[str, Implementation]:
    """Return every implementation in this tree and in the entry-point group `rnn_parity.impls`, sorted by name."""
    _load_all()
    return dict(sorted(_REGISTRY.items()))


@cache
def _load_all() -> None:
    for module in sorted(info.name for info in pkgutil.iter_modules(impls.__path__)):
        importlib.import_module(f"impls.{module}")
    _NOT_LOADED.clear()
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS)):
        try:
            with _unheard():
                _adopt(entry.name, entry.load())
        except Exception as error:
            owner = f" of {entry.dist.name}" if entry.dist else ""
            _NOT_LOADED.append(
                f"the entry point {entry.name} = {entry.value}{owner}, in the group {ENTRY_POINTS}, cannot be loaded: "
                f"{type(error).__name__}: {error}"
            )


def not_loaded() -> list[str]:
    """Return a line for every installed entry point that could not be loaded: its name, its package, and why."""
    _load_all()
    return list(_NOT_LOADED)


def _unheard() -> warnings.catch_warnings[None]:
    """Ignore warnings of what is imported for a user, whatever filters of warnings there are."""
    return warnings.catch_warnings(action="ignore")


def nearest(asked: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the known names nearest to an unknown one; empty if none is."""
    near = difflib.get_close_matches(asked.lower(), list(known), cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def implementation(name: str) -> Implementation:
    """Return the registered implementation of that name.

    Raises:
        RegistrationError: the name is not known; the text lists those that are.
    """
    known = registered()
    if name not in known:
        suggested = nearest(name, known)
        others = "".join(f"; {line}" for line in not_loaded())
        raise RegistrationError(
            f"unknown implementation {name!r}{suggested}{others}; registered are: {', '.join(known)}"
        )
    return known[name]


def in_group(group: str) -> list[Implementation]:
    """Return the registered implementations of a group.

    Raises:
        RegistrationError: there is no such group; the text lists those that are.
    """
    found = [implementation for implementation in registered().values() if implementation.group == group]
    if not found:
        groups = sorted({implementation.group for implementation in registered().values()})
        suggested = nearest(group, groups)
        raise RegistrationError(f"unknown group {group!r}{suggested}; implementations are in: {', '.join(groups)}")
    return found


def resolve(asked: str) -> list[Implementation]:
    """Return what `--impl` names: a registered name, `PATH.py` (all that the file registers) or `MODULE:ATTR`.

    Raises:
        RegistrationError: nothing of that name, no such file or attribute, or the file registers nothing.
    """
    if asked.endswith(".py"):
        return _from_file(Path(asked))
    if ":" in asked:
        return [_from_attribute(asked)]
    return [implementation(asked)]


def _from_file(path: Path) -> list[Implementation]:
    registered()
    if not path.is_file():
        found = "found a folder" if path.is_dir() else f"there is no such file in {Path.cwd()}"
        raise RegistrationError(f"--impl {path}: expected a Python file, {found}")
    # HypoFuzz starts pytest twice in one process.
    if there := [found for found in _REGISTRY.values() if found.asked == str(path)]:
        return there
    before = set(_REGISTRY)
    # What lies beside the file can be imported, as if it were run as a script.
    if (folder := str(path.resolve().parent)) not in sys.path:
        sys.path.append(folder)
    try:
        with _unheard():
            runpy.run_path(str(path), run_name=path.stem)
    except RegistrationError:
        raise
    except Exception as error:
        raise RegistrationError(f"--impl {path}: running the file raised {type(error).__name__}: {error}") from error
    added = [_found_by(str(path), name) for name in sorted(set(_REGISTRY) - before)]
    if not added:
        raise RegistrationError(
            f"--impl {path}: expected a file that calls impls.register(...) or impls.register_module(...), "
            "found that it registers nothing"
        )
    return added


def _from_attribute(asked: str) -> Implementation:
    registered()
    module_name, _, attribute = asked.partition(":")
    if not attribute.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise RegistrationError(f"--impl {asked}: expected MODULE:ATTR, as in my_package.my_module:MyRNN")
    module = _import(asked, module_name)
    if not hasattr(module, attribute):
        raise RegistrationError(
            f"--impl {asked}: the module {module_name} has no {attribute!r}{nearest(attribute, dir(module))}"
        )
    found = getattr(module, attribute)
    name = attribute.lower()
    adopted = _adopt(f"{module_name}.{name}".lower() if name in _REGISTRY else name, found)
    return _found_by(asked, adopted.name)


def _import(asked: str, module_name: str) -> ModuleType:
    try:
        with _unheard():
            return importlib.import_module(module_name)
    except RegistrationError:
        raise
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            reason = f"there is no module {missing} in {Path.cwd()}, nor among what is installed"
        else:
            reason = f"importing {module_name} raised {type(error).__name__}: {error}"
        raise RegistrationError(f"--impl {asked}: {reason}") from error


def _found_by(asked: str, name: str) -> Implementation:
    """Record how another process finds an implementation, and return it."""
    _REGISTRY[name] = replace(_REGISTRY[name], asked=asked)
    return _REGISTRY[name]


def _adopt(name: str, found: Any) -> Implementation:
    """Register an outside object: an nn.Module class, a build function or an Implementation."""
    for there in _REGISTRY.values():
        if found is there or found is getattr(there.build, "module", there.build):
            return there
    if isinstance(found, Implementation):
        name = found.name
        _validate(found)
        _REGISTRY[name] = found
    elif isinstance(found, type) and issubclass(found, torch.nn.Module):
        register_module(name, found)
    else:
        register(name, found)
    return _REGISTRY[name]
