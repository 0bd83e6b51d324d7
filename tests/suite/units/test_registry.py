"""The registry: who gets in, how it is called on the command line, and what is said to who does not."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

import rnn_parity
from rnn_parity import (
    Capabilities,
    Config,
    Implementation,
    KnownDefect,
    RegistrationError,
    Rounding,
    register,
    register_module,
    registered,
    registry,
    resolve,
)
from rnn_parity.registry import lookup
from rnn_parity.registry.torch_defects import INHERITED
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.report.listing import listing
from rnn_parity.tests.judge.run.items import trials
from rnn_parity.tests.judge.run.options import _implementations


def build(config: Config, weights: Any) -> Any:
    """A build function that is never called."""
    raise NotImplementedError


class OneDirection(nn.Module):
    """nn.RNN without the argument `bidirectional`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        inner = nn.RNN(input_size, hidden_size, num_layers, nonlinearity, bias, batch_first)
        for name, parameter in inner.named_parameters():
            self.register_parameter(name, parameter)


class OnlySizes(nn.Module):
    """nn.RNN's parameters, and none of its options."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        for name, parameter in nn.RNN(input_size, hidden_size).named_parameters():
            self.register_parameter(name, parameter)


class OtherNames(nn.Module):
    """A cell in the place of the parameters."""

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__()
        self.cell = nn.RNNCell(input_size, hidden_size)


class Derived(nn.RNN):
    """nn.RNN under another name."""


DEFECT = KnownDefect(name="some", predicate=lambda case: False, reason="why", link="https://example.org", case="a.json")
FLOAT16 = Rounding(accumulate=torch.float16)

untyped: Any = register
untyped_module: Any = register_module

#: What is registered, and words that the refusal must hold.
REFUSED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "empty name": (lambda: untyped("", build), ["register('')", "a name of small letters", "found ''"]),
    "capital": (lambda: untyped("Mine", build), ["a name of small letters", "found 'Mine'"]),
    "space": (lambda: untyped("my rnn", build), ["a name of small letters", "found 'my rnn'"]),
    "dot first": (lambda: untyped(".mine", build), ["a name of small letters", "found '.mine'"]),
    "newline": (lambda: untyped("mine\n", build), ["a name of small letters", "found 'mine\\n'"]),
    "no text": (lambda: untyped(None, build), ["a name of small letters", "found None"]),
    "taken": (lambda: untyped("nn.rnn", build), ["'nn.rnn'", "name is taken by torch.nn.modules.rnn.RNN"]),
    "no function": (lambda: untyped("mine", 3), ["function build(config, weights)", "found 3"]),
    "one argument": (lambda: untyped("mine", lambda config: None), ["build(config, weights)", "<lambda>(config)"]),
    "four arguments": (
        lambda: untyped("mine", lambda config, weights, x, h_0: None),
        ["build(config, weights)", "<lambda>(config, weights, x, h_0)"],
    ),
    "partial": (
        lambda: untyped("mine", functools.partial(lambda config, weights: None, 1)),
        ["build(config, weights)", "(weights"],
    ),
    "unknown option": (lambda: untyped("mine", build, tanh=3), ["out of capabilities, rounding", "found ['tanh']"]),
    "module: unknown option": (lambda: untyped_module("mine", nn.RNN, tanh=3), ["out of", "found ['tanh']"]),
    "no signature": (lambda: untyped("mine", type), ["build(config, weights)", "found type"]),
    "capabilities": (lambda: untyped("mine", build, capabilities={}), ["capabilities", "Capabilities", "found {}"]),
    "rounding": (lambda: untyped("mine", build, rounding=2.0), ["rounding", "Rounding", "found 2.0"]),
    "library": (lambda: untyped("mine", build, library=torch), ["library", "str", "found <module 'torch'"]),
    "no library": (lambda: untyped("mine", build, library=""), ["library", "str", "found ''"]),
    "extra": (lambda: untyped("mine", build, extra=3), ["extra", "str | None", "found 3"]),
    "defect": (lambda: untyped("mine", build, known_defects=["some"]), ["KnownDefect", "found 'some'"]),
    "script of no text": (lambda: untyped("mine", build, script=3), ["script should be the text of a Python file"]),
    "script of no Python": (lambda: untyped("mine", build, script="def run("), ["text of a Python file, but"]),
    "script of nothing": (
        lambda: untyped("mine", build, script="def mine(x): ..."),
        ["script should define one function out of run, run_time_major", "found mine"],
    ),
    "needs": (lambda: untyped("mine", build, needs=[torch]), ["expected needs=('DISTRIBUTION', ...)", "found <module"]),
    "environment": (
        lambda: untyped("mine", build, environment={"A": 1}),
        ["environment={'NAME': 'value'}", "{'A': 1}"],
    ),
    "group": (lambda: untyped("mine", build, group="My own"), ["a group of small letters", "found 'My own'"]),
    "no group": (lambda: untyped("mine", build, group=None), ["a group of small letters", "found None"]),
    "no cases": (lambda: untyped("mine", build, cases=0), ["cases=None or an integer from 1", "found 0"]),
    "cases": (lambda: untyped("mine", build, cases=True), ["cases=None or an integer from 1", "found True"]),
    "looser": (
        lambda: untyped("mine", build, rounding=FLOAT16),
        ["torch.float16", "looser than", "torch.float32", "reason"],
    ),
    "module: name": (lambda: untyped_module("Mine", nn.RNN), ["a name of small letters", "found 'Mine'"]),
    "module: capabilities": (
        lambda: untyped_module("mine", nn.RNN, capabilities=3),
        ["capabilities", "Capabilities", "found 3"],
    ),
    "module: no class": (lambda: untyped_module("mine", 3), ["3", "constructor arguments", "TypeError"]),
    "module: no direction": (
        lambda: untyped_module("mine", OneDirection),
        [
            "OneDirection",
            "(input_size=2, hidden_size=3, num_layers=2",
            "TypeError",
            "'bidirectional'. Say what it takes on: capabilities=Capabilities(bidirectional=False)",
        ],
    ),
    "module: no options": (
        lambda: untyped_module("mine", OnlySizes),
        ["OnlySizes", "constructor arguments as far as capabilities claim", "TypeError", "unexpected keyword argument"],
    ),
    "module: other names": (
        lambda: untyped_module("mine", OtherNames),
        ["OtherNames", "expected nn.RNN's state_dict {'weight_ih_l0': (3, 2)", "found {'cell.weight_ih': (3, 2)"],
    ),
    "module: other shapes": (
        lambda: untyped_module("mine", nn.RNNCell),
        ["RNNCell", "expected nn.RNN's state_dict", "found {'weight_ih': (3, 2)"],
    ),
}

#: What a name on the command line may be, where it means nothing, and words that the refusal must hold.
UNRESOLVED: list[tuple[str, list[str]]] = [
    ("nope", ["unknown implementation 'nope'", "registered are:", "linear", "nn.rnn", "numpy"]),
    ("", ["unknown implementation ''", "nn.rnn"]),
    ("nn.RNN", ["unknown implementation 'nn.RNN'", "nn.rnn"]),
    ("/no/such/file.py", ["--impl /no/such/file.py", "no such file"]),
    ("tests.py", ["--impl tests.py", "no such file in"]),
    ("numpi", ["unknown implementation 'numpi'; did you mean numpy"]),
    ("json:nope", ["--impl json:nope: the module json has no 'nope'"]),
    ("json:Loads", ["the module json has no 'Loads'; did you mean loads"]),
    ("no_such_module:build", ["--impl no_such_module:build: no module no_such_module is installed, and none is in "]),
    ("json.nowhere:build", ["--impl json.nowhere:build: no module json.nowhere is installed, and none is in "]),
    (":build", ["--impl :build: expected MODULE:ATTR, as in "]),
    ("json:", ["--impl json:: expected MODULE:ATTR, as in "]),
    ("json:loads", ["function build(config, weights)", "found loads("]),
    ("json:__doc__", ["a name of small letters", "found '__doc__'"]),
    ("sys:byteorder", ["function build(config, weights)", "found 'little'"]),
    ("torch.nn:LSTMCell", ["LSTMCell", "expected nn.RNN's state_dict"]),
]

REGISTERS = "from rnn_parity import register\n\n@register({name!r})\ndef build(config, weights):\n    ...\n"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Whatever a test registers is gone after it."""
    with patch.dict(registry.REGISTRY, registered()):
        yield


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """A way to write a module that can be imported during this test alone."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        del sys.modules[name]

    return write


def test_decorator() -> None:
    """As a decorator, `register` hands back the function that it registers."""
    decorated = register("mine", library="numpy", known_defects=[DEFECT])(build)
    assert decorated is build
    assert registered()["mine"] == Implementation(
        name="mine",
        build=build,
        capabilities=Capabilities(),
        rounding=Rounding(),
        library="numpy",
        extra=None,
        known_defects=(DEFECT,),
    )


def test_call() -> None:
    """As a call, `register` takes the same options."""
    claims = Capabilities(bidirectional=False)
    assert register("mine", build, capabilities=claims, rounding=Rounding(tanh_ulps=1), extra="onnx") is build
    found = rnn_parity.implementation("mine")
    assert (found.capabilities, found.rounding.tanh_ulps, found.extra) == (claims, 1, "onnx")


@pytest.mark.parametrize("rule", REFUSED)
def test_refused(rule: str) -> None:
    """What does not fit is refused at once: the text says what was expected and found, and nothing is registered."""
    call, words = REFUSED[rule]
    before = dict(registry.REGISTRY)
    with pytest.raises(RegistrationError) as refusal:
        call()
    assert [word for word in words if word not in str(refusal.value)] == []
    assert before == registry.REGISTRY


def test_taken_by_what_has_no_name() -> None:
    """A name that a nameless callable has taken is refused like any other."""
    register("mine", functools.partial(build))
    with pytest.raises(RegistrationError, match="name is taken by functools"):
        register("mine", build)


def test_coarser_sums_with_a_reason() -> None:
    """Sums in less than the dtype of the case are taken where a reason is given, or where no finer dtype is claimed."""
    register("reasoned", build, rounding=replace(FLOAT16, reason="its datasheet, page 3"))
    register("narrow", build, rounding=FLOAT16, capabilities=Capabilities(dtypes=(torch.float16, torch.bfloat16)))
    assert {"reasoned", "narrow"} <= set(registered())


@pytest.mark.parametrize("module_class", [nn.RNN, Derived], ids=lambda found: str(found.__name__))
def test_module(module_class: type[nn.RNN]) -> None:
    """A class like nn.RNN gives a network with the given parameters, in the dtype of the config."""
    register_module("mine", module_class)
    config = Config(2, 3, num_layers=2, bidirectional=True, dtype=torch.float64)
    expected = nn.RNN(2, 3, num_layers=2, bidirectional=True, dtype=torch.float64)
    x, h_0 = torch.ones(4, 1, 2, dtype=torch.float64), torch.ones(4, 1, 3, dtype=torch.float64)
    run = registered()["mine"].build(config, {name: value.detach() for name, value in expected.named_parameters()})
    for arguments in ((x,), (x, h_0)):
        for found, wanted in zip(run(*arguments), expected(*arguments), strict=True):
            assert torch.equal(found, wanted)
            assert not found.requires_grad


def test_module_without_an_argument() -> None:
    """A class that lacks an argument can join by claiming nothing that needs it."""
    register_module("mine", OneDirection, capabilities=Capabilities(bidirectional=False))
    claims = Capabilities(
        nonlinearities=("tanh",), biases=(True,), batch_first=(False,), bidirectional=False, max_layers=1
    )
    register_module("plain", OnlySizes, capabilities=claims)
    assert {"mine", "plain"} <= set(registered())


def test_registered_is_sorted() -> None:
    """Implementations come in the order of their names, whoever registered first."""
    register("zz", build)
    register("aa", build)
    assert list(registered()) == sorted(registered())


@pytest.mark.parametrize(("asked", "words"), UNRESOLVED)
def test_unresolved(asked: str, words: list[str]) -> None:
    """A name that leads nowhere is refused, and the text says where it looked and what there is."""
    with pytest.raises(RegistrationError) as refusal:
        resolve(asked)
    assert [word for word in words if word not in str(refusal.value)] == []


def test_unknown_name_lists_all() -> None:
    """An unknown name lists every known one."""
    with pytest.raises(RegistrationError) as refusal:
        resolve("nope")
    assert str(refusal.value).endswith(", ".join(sorted(registered())))


def test_name() -> None:
    """A registered name is that implementation."""
    assert resolve("nn.rnn") == [registered()["nn.rnn"]]


def test_path(tmp_path: Path) -> None:
    """PATH.py is all that the file registers, in the order of names."""
    path = tmp_path / "mine.py"
    path.write_text(REGISTERS.format(name="two") + REGISTERS.format(name="one"))
    assert [found.name for found in resolve(str(path))] == ["one", "two"]


def test_path_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the folder in which pytest was called."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(REGISTERS.format(name="mine"))
    assert [found.name for found in resolve("mine.py")] == ["mine"]


#: What stands in a file, and words that the refusal must hold.
BAD_FILES: dict[str, tuple[str, list[str]]] = {
    "registers nothing": ("x = 1\n", ["mine.py", "rnn_parity.register(...)", "registers nothing"]),
    "registers no module": (
        "from torch import nn\nclass Mine(nn.RNN): pass\n",
        [
            "registers nothing. Write behind what it defines: rnn_parity.register_module('mine', Mine); or",
            "as mine:Mine",
        ],
    ),
    "registers no function": (
        "from torch.nn import RNN\ndef build(config, weights): ...\n",
        ["registers nothing. Write behind what it defines: rnn_parity.register('build', build); or", "as mine:build"],
    ),
    "raises": ("1 / 0\n", ["mine.py", "running the file raised ZeroDivisionError: division by zero"]),
    "no Python": ("def\n", ["mine.py", "running the file raised SyntaxError"]),
    "lacks a library": ("import no_such_library\n", ["mine.py", "ModuleNotFoundError", "no_such_library"]),
    "a bad name": (REGISTERS.format(name="Mine"), ["register('Mine')", "a name of small letters"]),
    "a taken name": (REGISTERS.format(name="nn.rnn"), ["register('nn.rnn')", "name is taken"]),
}


@pytest.mark.parametrize("rule", BAD_FILES)
def test_bad_path(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that registers nothing, or raises, is refused by its name and with what it raised."""
    monkeypatch.chdir(tmp_path)
    text, words = BAD_FILES[rule]
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(RegistrationError) as refusal:
        resolve(str(path))
    assert [word for word in words if word not in str(refusal.value)] == []


def test_main_is_not_run(tmp_path: Path) -> None:
    """What a file does only as a script is not done."""
    path = tmp_path / "mine.py"
    path.write_text(REGISTERS.format(name="mine") + "if __name__ == '__main__':\n    raise SystemExit(1)\n")
    assert [found.name for found in resolve(str(path))] == ["mine"]


def test_attribute_function(module: Callable[[str, str], None]) -> None:
    """MODULE:ATTR may be a build function; it is called by its name in small letters."""
    module("outside_a", "def Build(config, weights):\n    ...\n")
    (found,) = resolve("outside_a:Build")
    assert (found.name, found.build.__qualname__, found.capabilities) == ("build", "Build", Capabilities())


def test_attribute_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FILE.py:ATTR is what the file defines, wherever it lies; one that is not there is no module."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "outside_of_a_file.py").write_text("def build_here(config, weights):\n    ...\n")
    (found,) = resolve(f"{tmp_path}/outside_of_a_file.py:build_here")
    assert found.name == "build_here"
    with pytest.raises(RegistrationError, match="expected MODULE:ATTR"):
        resolve(f"{tmp_path}/nowhere.py:build_here")


def test_attribute_class(module: Callable[[str, str], None]) -> None:
    """MODULE:ATTR may be a class like nn.RNN."""
    module("outside_b", "from torch import nn\n\nclass Mine(nn.RNN):\n    pass\n")
    (found,) = resolve("outside_b:Mine")
    assert (found.name, found.build.__qualname__) == ("mine", "Mine")


def test_attribute_implementation(module: Callable[[str, str], None]) -> None:
    """MODULE:ATTR may be an Implementation; it is registered under its own name."""
    module(
        "outside_c",
        "from dataclasses import replace\nfrom rnn_parity import implementation\n\n"
        "mine = replace(implementation('linear'), name='own')\n",
    )
    (found,) = resolve("outside_c:mine")
    assert found.name == "own"
    assert registered()["own"] is found


@pytest.mark.parametrize("attribute", ["build", "Network"])
def test_attribute_registered_already(module: Callable[[str, str], None], attribute: str) -> None:
    """What a module registers as it is imported keeps its own name and claims when it is asked for by attribute."""
    module(
        "outside_d",
        "from torch import nn\n"
        "from rnn_parity import Capabilities, register, register_module\n\n"
        "@register('by-build', capabilities=Capabilities(h_0=False))\n"
        "def build(config, weights): ...\n\n"
        "class Network(nn.RNN): ...\n\n"
        "register_module('by-network', Network, capabilities=Capabilities(h_0=False))\n",
    )
    (found,) = resolve(f"outside_d:{attribute}")
    assert (found.name, found.capabilities.h_0) == (f"by-{attribute.lower()}", False)


def test_attribute_of_what_raises(module: Callable[[str, str], None]) -> None:
    """A module that raises as it is imported is refused with what it raised."""
    module("outside_e", "1 / 0\n")
    with pytest.raises(RegistrationError, match=r"--impl outside_e:build: .*ZeroDivisionError: division by zero"):
        resolve("outside_e:build")


def test_attribute_of_what_registers_badly(module: Callable[[str, str], None]) -> None:
    """A module that registers badly as it is imported is refused in the registry's words."""
    module("outside_f", REGISTERS.format(name="nn.rnn"))
    with pytest.raises(RegistrationError, match=r"^register\('nn.rnn'\): the name is taken"):
        resolve("outside_f:build")


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A way to pretend that distributions with such entry points are installed."""

    def install(**values: str) -> None:
        found = [importlib.metadata.EntryPoint(name, value, registry.ENTRY_POINTS) for name, value in values.items()]

        def answer(*, group: str) -> list[importlib.metadata.EntryPoint]:
            return [entry for entry in found if entry.group == group]

        monkeypatch.setattr(importlib.metadata, "entry_points", answer)
        lookup._load_all.cache_clear()

    return install


def test_entry_points(module: Callable[[str, str], None], entry_points: Callable[..., None]) -> None:
    """Installed distributions bring functions, classes and Implementations, under the entry point's name."""
    module(
        "outside_g",
        "from dataclasses import replace\nfrom torch import nn\nfrom rnn_parity.registry import REGISTRY\n\n"
        "def build(config, weights): ...\nclass Network(nn.RNN): ...\nown = replace(REGISTRY['linear'], name='own')\n",
    )
    entry_points(function="outside_g:build", network="outside_g:Network", ignored="outside_g:own")
    known = registered()
    assert {"function", "network", "own", "nn.rnn"} <= set(known)
    assert known["function"].build.__qualname__ == "build"


def test_broken_entry_point(module: Callable[[str, str], None], entry_points: Callable[..., None]) -> None:
    """An entry point that cannot be loaded is told, where implementations are listed or missed; the others go on."""
    module("outside_h", "def build(config, weights): ...\n")
    entry_points(broken="no_such_module:build", whole="outside_h:build")
    line = f"the entry point broken = no_such_module:build, in the group {registry.ENTRY_POINTS}, cannot be loaded: "
    assert {"whole", "nn.rnn"} <= set(registered())
    assert [text.startswith(f"{line}ModuleNotFoundError") for text in registry.not_loaded()] == [True]
    assert listing().splitlines()[-1].startswith(f"warning: {line}")
    with pytest.raises(RegistrationError, match="unknown implementation 'broken'; the entry point broken = "):
        resolve("broken")
    entry_points()
    assert registry.not_loaded() == []
    assert "warning:" not in listing()


def test_a_library_that_a_module_lacks(module: Callable[[str, str], None]) -> None:
    """What a module imports and is not there is told as that, and not as the module's own absence."""
    module("outside_i", "import no_such_library\n")
    with pytest.raises(RegistrationError, match=r"importing outside_i raised ModuleNotFoundError.*no_such_library"):
        resolve("outside_i:build")


@pytest.mark.filterwarnings("error")
def test_warnings_of_what_is_imported(
    module: Callable[[str, str], None], entry_points: Callable[..., None], tmp_path: Path
) -> None:
    """A file, a module and an entry point may warn as they are imported, whatever filters of warnings there are."""
    warns = "import warnings\nwarnings.warn('old', DeprecationWarning)\n"
    module("outside_j", f"{warns}def build(config, weights): ...\n")
    module("outside_k", f"{warns}def build(config, weights): ...\n")
    entry_points(warning="outside_j:build")
    assert "warning" in registered()
    assert [found.name for found in resolve("outside_k:build")] == ["build"]
    (tmp_path / "mine.py").write_text(warns + REGISTERS.format(name="mine"))
    assert [found.name for found in resolve(str(tmp_path / "mine.py"))] == ["mine"]
    with pytest.raises(DeprecationWarning):
        exec(warns, {})  # noqa: S102 -- the filter of this test is as it was


def test_installed() -> None:
    """The version of an implementation is that of its library."""
    found = registered()["nn.rnn"]
    assert found.installed
    # That of the build, as +cu130, is not always known to who installed it.
    assert str(found.version).partition("+")[0] == torch.__version__.partition("+")[0]


#: The extra, and the command that is given.
INSTALLS = [(None, "python -m pip install no-such-library"), ("mine", "python -m pip install 'rnn-parity[mine]'")]


@pytest.mark.parametrize(("extra", "command"), INSTALLS)
def test_not_installed(extra: str | None, command: str) -> None:
    """A library that is not there is no error: its implementation is listed with the command that brings it."""
    register("mine", build, library="no-such-library", extra=extra)
    found = registered()["mine"]
    assert (found.installed, found.version, found.how_to_install) == (False, None, command)
    assert f"mine  (no-such-library: not installed: {command})" in listing()


def test_not_installed_is_skipped() -> None:
    """In a run, an implementation that is not installed is one skipped item a property; the reason is the command."""
    register("mine", build, library="no-such-library")
    run = Run((registered()["mine"],), cases=250, seed=0, profile="dev", archive=None, replay=None)
    (item,) = trials(run, load_properties()["agreement"])
    assert item.id == "mine"
    assert [mark.kwargs for mark in item.marks] == [{"reason": "not installed: python -m pip install no-such-library"}]


def test_listing_names_claims_and_defects() -> None:
    """The listing says what is not claimed, and what is known to be wrong."""
    register("mine", build, capabilities=Capabilities(h_0=False, dtypes=(torch.float32,)), known_defects=[DEFECT])
    paragraph = listing().partition("mine  (torch")[2].partition("\nnn.rnn")[0]
    assert "claims the defaults of Capabilities, except h_0 = False; dtypes = float32" in paragraph
    assert "known defect: why (https://example.org)" in paragraph


def test_groups() -> None:
    """A run judges the group that is asked for, `--impl` whatever its group; the listing says which is which."""
    register("mine", build, group="dear", cases=150)
    assert [found.name for found in _implementations(None, "dear")] == ["mine"]
    assert "mine" not in [found.name for found in _implementations(None, "main")]
    assert [found.name for found in _implementations(["mine"], "main")] == ["mine"]
    assert re.search(r"^mine  \(torch .*\)  --group=dear$", listing(), re.MULTILINE)


def test_unknown_group() -> None:
    """A group that nobody is in is an error of usage, which names those that are."""
    with pytest.raises(pytest.UsageError, match=r"unknown group 'dera'; implementations are in: compiled, .*main"):
        _implementations(None, "dera")


def test_at_most_so_many_cases() -> None:
    """An implementation's own limit of cases holds where the run has more, and its items stay in one worker."""
    register("mine", build, group="dear", cases=150)
    for cases, expected in ((600, [100, 50]), (120, [100, 20])):
        run = Run((registered()["mine"],), cases=cases, seed=0, profile="dev", archive=None, replay=None)
        items = list(trials(run, load_properties()["agreement"]))
        assert [item.values[0].budget for item in items] == expected
        assert [[mark.args for mark in item.marks] for item in items] == [[("mine",)]] * 2


#: Properties a case of which makes several shapes or graphs.
RESHAPING = {"calls", "claims", "h_0", "laws", "layouts", "modes", "refusals", "requires_grad"}


def test_what_builds_for_each_shape_is_spared() -> None:
    """What builds anew for each shape takes no part where a case has several, and the reason says so."""
    dear = Capabilities(several_shapes=False, threads=False, lengths=("packed",), h_0=False)
    plain = replace(dear, several_shapes=True)
    spared = {name: judged.exempts(dear) for name, judged in load_properties().items() if judged.exempts(dear)}
    before = {name for name, judged in load_properties().items() if judged.exempts(plain)}
    assert set(spared) == RESHAPING | before
    assert all("builds slowly for each shape" in spared[name] for name in RESHAPING - before)


def test_a_module_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found there by a console script, too, which has not that folder on its path."""
    (tmp_path / "lies_in_the_current_folder.py").write_text(
        "import torch\nOnlyHere = type('OnlyHere', (torch.nn.RNN,), {})\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in ("", ".")])
    (found,) = resolve("lies_in_the_current_folder:OnlyHere")
    del registry.REGISTRY[found.name]
    assert found.name == "onlyhere"


def test_what_is_written_in_torch_has_the_defects_of_torch() -> None:
    """So that nobody is accused of them; what a case of the archive shows is replayed on nn.RNN alone."""
    register("mine", build)
    register("not-torch", build, library="numpy")
    names = [defect.name for defect in INHERITED]
    assert [defect.name for defect in registered()["mine"].known_defects] == names
    assert not registered()["not-torch"].known_defects
    assert all(not defect.case for defect in INHERITED)
    own = registered()["nn.rnn"].known_defects
    assert [defect.name for defect in own] == names
    assert all(defect.case for defect in own)


@pytest.mark.parametrize(
    ("input_size", "hidden_size", "memory", "value", "met"),
    [
        (33, 8, "contiguous", np.nan, True),
        (17, 8, "contiguous", np.inf, True),
        (1, 17, "sliced", 0.0, True),
        (1, 17, "contiguous", 0.0, False),
        (16, 8, "sliced", np.nan, False),
        (48, 8, "contiguous", np.nan, True),
    ],
)
def test_where_torch_reads_past_rows(input_size: int, hidden_size: int, memory: str, value: float, met: bool) -> None:
    """Depths that tiles do not divide, and no number behind a row, of a case or of what it is cut from."""
    config = Config(input_size, hidden_size, dtype=torch.bfloat16)
    case = Case(config, np.full((1, 2, input_size), value), memory=memory)
    assert INHERITED[0].predicate(case) == met
    assert not INHERITED[0].predicate(case.with_config(dtype=torch.float32))
