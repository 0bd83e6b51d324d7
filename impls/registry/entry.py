"""One registered implementation: what it is, and whether its libraries are installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from rnn_parity.contract import Build, Capabilities, KnownDefect, Rounding, Weights
from rnn_parity.registry.isolation import isolated

#: The group that is judged where none is asked for.
MAIN = "main"
#: Libraries that every process has imported anyway, and that the suite itself relies on.
LIGHT = ("numpy", "torch")


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
    #: Python that calls the library by itself, for scripts that reproduce what was found; see `rnn_parity.scripts`.
    script: str = ""
    #: By what `resolve` finds it in another process.
    asked: str = ""
    #: Whether nobody has said what it takes on: then what never works is left out, and told.
    unclaimed: bool = False

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
            return lambda config, weights: as_run(self.build(config, weights), weights)
        return isolated(self.asked or self.name, self.name, self.environment)

    @property
    def _missing_programs(self) -> list[str]:
        return [program for program in self.programs if shutil.which(program) is None]

    @property
    def how_to_install(self) -> str:
        """The command that brings its library, or the programs that are not on the path."""
        if self._missing_programs and len(self.versions) == len({self.library, *self.needs}):
            return f"install {', '.join(self._missing_programs)}, and put it on the PATH"
        return (
            f"python -m pip install 'rnn-parity[{self.extra}]'"
            if self.extra
            else f"python -m pip install {' '.join((self.library, *self.needs))}"
        )


def as_run(built: Any, weights: Weights) -> Any:
    """Return what `build` has returned as a network that is called: of a module, with its own parameters named.

    Where these have not nn.RNN's names, the module is taken for one that copies the tensors that it is built from.
    """
    if not isinstance(built, torch.nn.Module):
        return built

    def run(*arguments: Any) -> Any:
        return built(*arguments)

    parameters = dict(built.named_parameters())
    if parameters.keys() == weights.keys():
        for name, parameter in parameters.items():
            parameter.requires_grad_(weights[name].requires_grad)
        run.parameters = parameters  # type: ignore[attr-defined]
    return run


@cache
def _installed_version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
