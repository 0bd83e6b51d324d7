"""The folders of a checkout, imported by their own names, are the installed package: there is one registry.

Files that were written for a checkout say `from impls import register`, and pytest imports `tests/test_agreement.py`
as `tests.test_agreement`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

_FOLDERS: dict[str, str] = {}
#: What files written before there were packages in `impls/` import by where it was.
_MOVED = {"impls.layers": "rnn_parity.toolkit.layers"}


def stand_for(folder: str, package: str) -> None:
    """Make the module `folder`, which is being imported, and all below it, those of a package.

    Raises:
        ImportError: the package that is installed lies elsewhere: in another checkout, say.
    """
    installed = importlib.import_module(package)
    here, there = (Path(found.__path__[0]) for found in (sys.modules[folder], installed))
    if not here.samefile(there):
        raise ImportError(
            f"{here} is not what is installed as {package}, which is {there}: "
            f"run python -m pip install -e {here.parent}"
        )
    if not _FOLDERS:
        sys.meta_path.insert(0, _Aliases())
    _FOLDERS[folder] = package
    sys.modules[folder] = installed


def meant(module: str) -> str:
    """Return the name under which a module is installed, which may be called by its folder."""
    folder, dot, below = module.partition(".")
    return _MOVED.get(module, f"{_FOLDERS.get(folder, folder)}{dot}{below}")


class _Aliases(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname.partition(".")[0] in _FOLDERS else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(meant(module.__name__))
