"""Find implementations: by name, by group, in a file, in a module, or among installed entry points."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pickle
import runpy
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from rnn_parity.registry.adapters import ADAPTERS
from rnn_parity.registry.entry import Implementation, RegistrationError
from rnn_parity.registry.modules import is_module, unclaimed
from rnn_parity.registry.registering import REGISTRY, validate, validate_name

ENTRY_POINTS = "rnn_parity.impls"
#: How the file is called in which an implementation is handed to a process of its own.
HANDED_OVER = ".implementation.pickle"
#: A line for every entry point that could not be loaded.
_NOT_LOADED: list[str] = []


def registered() -> dict[str, Implementation]:
    """Return every implementation in this tree and in the entry-point group `rnn_parity.impls`, sorted by name."""
    _load_all()
    return dict(sorted(REGISTRY.items()))


@cache
def _load_all() -> None:
    for adapter in ADAPTERS:
        importlib.import_module(adapter)
    _NOT_LOADED.clear()
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS)):
        try:
            with _unheard():
                _adopt(entry.name, entry.name, entry.load())
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
    """Return what `--impl` names: a registered name, all that `PATH.py` registers, `PATH.onnx` or `MODULE:ATTR`.

    A new process finds what is registered nowhere in a file of ours that ends with `HANDED_OVER`.

    Raises:
        RegistrationError: nothing of that name, no such file or attribute, or the file registers nothing.
    """
    if asked.endswith(HANDED_OVER):
        return [pickle.loads(Path(asked).read_bytes())]
    if asked.endswith((".py", ".onnx")):
        return _from_file(Path(asked))
    if ":" in asked:
        return [_from_attribute(asked)]
    return [implementation(asked)]


def _from_file(path: Path) -> list[Implementation]:
    registered()
    if not path.is_file():
        expected = "an ONNX" if path.suffix == ".onnx" else "a Python"
        found = "found a folder" if path.is_dir() else f"there is no such file in {Path.cwd()}"
        raise RegistrationError(f"--impl {path}: expected {expected} file, {found}")
    # HypoFuzz starts pytest twice in one process.
    if there := [found for found in REGISTRY.values() if found.asked == str(path)]:
        return there
    before, defined = set(REGISTRY), dict[str, Any]()
    # What lies beside the file can be imported, as if it were run as a script.
    if (folder := str(path.resolve().parent)) not in sys.path:
        sys.path.append(folder)
    try:
        with _unheard():
            if path.suffix == ".onnx":
                importlib.import_module("rnn_parity.toolkit.onnx_file").register_file(path)
            else:
                defined = runpy.run_path(str(path), run_name=path.stem)
    except RegistrationError:
        raise
    except Exception as error:
        raise RegistrationError(f"--impl {path}: running the file raised {type(error).__name__}: {error}") from error
    added = [_found_by(str(path), name) for name in sorted(set(REGISTRY) - before)]
    if not added:
        raise RegistrationError(
            f"--impl {path}: expected a file that calls rnn_parity.register(...) or rnn_parity.register_module(...), "
            f"found that it registers nothing{_to_register(path, defined)}"
        )
    return added


def _to_register(path: Path, defined: Mapping[str, Any]) -> str:
    """Return the end of a message that says what to write; empty where a file defines nothing that can be judged."""
    lines, names = [], []
    for name, found in defined.items():
        if getattr(found, "__module__", None) != path.stem:
            continue  # It is imported there.
        if is_module(found):
            lines.append(f"rnn_parity.register_module({name.lower()!r}, {name})")
        elif inspect.isfunction(found) and [*inspect.signature(found).parameters][:2] == ["config", "weights"]:
            lines.append(f"rnn_parity.register({name.lower()!r}, {name})")
        else:
            continue
        names.append(name)
    if not lines:
        return ""
    as_it_is = path.resolve().parent == Path.cwd() and path.stem.isidentifier()
    named = f"; or judge it as it is, as {path.stem}:{names[0]}" if as_it_is else ""
    return f". Write behind what it defines: {' or '.join(lines)}{named}"


def _from_attribute(asked: str) -> Implementation:
    registered()
    module_name, _, attribute = asked.partition(":")
    if module_name.endswith(".py") and (path := Path(module_name)).is_file():
        sys.path.append(str(path.resolve().parent))
        module_name = path.stem
    if not attribute.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise RegistrationError(f"--impl {asked}: expected MODULE:ATTR, as in my_package.my_module:MyRNN")
    module = _import(asked, module_name)
    if not hasattr(module, attribute):
        raise RegistrationError(
            f"--impl {asked}: the module {module_name} has no {attribute!r}{nearest(attribute, dir(module))}"
        )
    found = getattr(module, attribute)
    name = attribute.lower()
    adopted = _adopt(f"--impl {asked}", f"{module_name}.{name}".lower() if name in REGISTRY else name, found)
    return _found_by(asked, adopted.name)


def _import(asked: str, module_name: str) -> ModuleType:
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)  # A console script does not find what lies there.
    try:
        with _unheard():
            return importlib.import_module(module_name)
    except RegistrationError:
        raise
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            reason = f"no module {missing} is installed, and none is in {Path.cwd()}"
        else:
            reason = f"importing {module_name} raised {type(error).__name__}: {error}"
        raise RegistrationError(f"--impl {asked}: {reason}") from error


def _found_by(asked: str, name: str) -> Implementation:
    """Record how another process finds an implementation, and return it."""
    REGISTRY[name] = replace(REGISTRY[name], asked=asked)
    return REGISTRY[name]


def _adopt(who: str, name: str, found: Any) -> Implementation:
    """Register an outside object: an nn.Module class, a build function or an Implementation."""
    for there in REGISTRY.values():
        if found is there or found is getattr(there.build, "module", there.build):
            return there
    if isinstance(found, Implementation):
        name = found.name
        validate_name(name)
        validate(f"register({name!r})", found)
        REGISTRY[name] = found
    else:
        validate_name(name)
        REGISTRY[name] = unclaimed(who, name, found)
    return REGISTRY[name]
