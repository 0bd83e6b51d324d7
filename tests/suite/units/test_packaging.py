"""What is installed: all that a run needs, under one name, and set up as a checkout is."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

import rnn_parity
from rnn_parity.registry import aliases
from rnn_parity.registry.adapters import ADAPTERS
from rnn_parity.tests.suite import ROOT

#: Where the packages lie.
FOLDERS = {"rnn_parity": "impls", "rnn_parity.strategies": "strategies", "rnn_parity.tests": "tests"}
#: What a checkout has beside what is installed.
NOT_INSTALLED = ("rnn_parity.tests.suite", "rnn_parity.tests.measures")


def settings() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def test_every_package_is_installed() -> None:
    """Each folder of Python files is named, but for those of the suite's own tests."""
    there = {
        ".".join((package, *path.parent.relative_to(ROOT / folder).parts))
        for package, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("__init__.py")
    }
    named = settings()["setuptools"]["packages"]
    assert named == sorted(
        name for name in there if not f"{name}.".startswith(tuple(f"{out}." for out in NOT_INSTALLED))
    )
    assert settings()["setuptools"]["package-dir"] == FOLDERS


def test_every_other_file_is_installed() -> None:
    """What is read beside Python files is data of its package."""
    data = settings()["setuptools"]["package-data"]
    matched = {path for package in data for pattern in data[package] for path in folder_of(package).glob(pattern)}
    for suffix in ("*.jinja", "*.css", "*.js", "*.ini", "*.json", "*.pyi", "py.typed"):
        for folder in FOLDERS.values():
            found = {path for path in (ROOT / folder).rglob(suffix) if not {"suite", "measures"} & set(path.parts)}
            assert found <= matched, suffix
    scripts = [path for path in (ROOT / "tests").rglob("*.py") if not (path.parent / "__init__.py").exists()]
    assert scripts
    assert set(scripts) <= matched


def folder_of(package: str) -> Any:
    """The folder of an installed package in a checkout."""
    longest = max((name for name in FOLDERS if f"{package}.".startswith(f"{name}.")), key=len)
    return ROOT.joinpath(FOLDERS[longest], *package.removeprefix(longest).strip(".").split("."))


def test_the_lowest_versions_are_tried() -> None:
    """`tox -e lowest` installs just what is promised to be enough."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["report"]
    promised = {re.sub(r"\[.*?\]|,.*", "", requirement).replace(">=", "==") for requirement in asked}
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    assert promised == {line for line in lines if not line.startswith("#")}


def test_pytest_is_set_up_alike() -> None:
    """The installed command tells pytest what pyproject.toml tells it in a checkout."""
    installed = ConfigParser()
    installed.read(ROOT / "tests" / "commandline" / "pytest.ini", encoding="utf-8")
    own, checkout = installed["pytest"], settings()["pytest"]["ini_options"]
    assert own["addopts"].split() == checkout["addopts"]
    assert own["filterwarnings"].strip().splitlines() == checkout["filterwarnings"]
    assert own.getboolean("xfail_strict") == checkout["xfail_strict"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("impls", "rnn_parity"),
        ("impls.registry", "rnn_parity.registry"),
        ("impls.layers", "rnn_parity.toolkit.layers"),
        ("strategies.plain", "rnn_parity.strategies.plain"),
        ("tests.test_agreement", "rnn_parity.tests.test_agreement"),
    ],
)
def test_the_folders_names_are_the_same_modules(monkeypatch: pytest.MonkeyPatch, written: str, meant: str) -> None:
    """What is imported by the names of a checkout's folders is the installed package: there is no second registry."""
    monkeypatch.syspath_prepend(str(ROOT))
    assert importlib.import_module(written) is importlib.import_module(meant)


def test_another_checkout_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is imported by a folder's name, but is not what is installed, says how to install it."""
    (tmp_path / "impls").mkdir()
    (tmp_path / "impls" / "__init__.py").write_text((ROOT / "impls" / "__init__.py").read_text(encoding="utf-8"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(aliases, "_FOLDERS", {})
    for name in [name for name in sys.modules if name.partition(".")[0] == "impls"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if type(finder) is not aliases._Aliases])
    with pytest.raises(ImportError, match=rf"impls is not what is installed .* pip install -e {tmp_path}$"):
        importlib.import_module("impls")


def test_an_implementation_a_module() -> None:
    """In impls/ lie implementations, and nothing else: each file registers one at least."""
    homes = {found.build.__module__ for found in rnn_parity.registered().values()}
    silent = [name for name in ADAPTERS if name not in homes and not registers(name)]
    assert not silent


def registers(name: str) -> bool:
    """Whether a module calls the registry."""
    text = (ROOT / "impls" / f"{name.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    return "register(" in text or "register_module(" in text
