"""`check`, as a notebook or a program calls it: what it says, and that the process is as it was."""

from __future__ import annotations

import gc
import io
import math
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import nn

from rnn_parity import Capabilities, RegistrationError, Rounding, Verdict, check, properties
from rnn_parity.registry import REGISTRY, isolation
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.demands.property import PROPERTIES, load_properties
from rnn_parity.tests.judge.report import html
from rnn_parity.tests.judge.trial.surroundings import FURTHER, GENERATORS, SETTINGS
from rnn_parity.tests.suite.running import environment

#: Of what is judged below.
ONE_LAYER = Capabilities(
    nonlinearities=("relu",), biases=(True,), bidirectional=False, unbatched=False, max_layers=1, batch_first=(True,)
)


class Mine(nn.Module):
    """One layer of nn.RNN; `product` is what is computed with weights."""

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str, batch_first: bool) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.ones(hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.ones(hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.ones(hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.ones(hidden_size))

    @staticmethod
    def product(h: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return h @ weight.T

    def forward(self, x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h = x.new_zeros(x.shape[0], len(self.bias_hh_l0)) if h_0 is None else h_0[0]
        states = []
        for x_t in x.unbind(1):
            h = torch.relu(
                x_t @ self.weight_ih_l0.T + self.bias_ih_l0 + self.product(h, self.weight_hh_l0) + self.bias_hh_l0
            )
            states.append(h)
        return torch.stack(states, 1), h[None].clone()


class Transposed(Mine):
    """W_hh is used transposed."""

    @staticmethod
    def product(h: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return h @ weight


class Around(nn.Module):
    """A module around another one."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *arguments: Any) -> Any:
        with torch.no_grad():
            return self.inner(*arguments)


class Narrow(nn.RNN):
    """One layer, in one direction."""

    def __init__(self, *sizes: int, num_layers: int = 1, bidirectional: bool = False, **options: Any) -> None:
        if num_layers > 1 or bidirectional:
            raise ValueError("one layer, in one direction")
        super().__init__(*sizes, **options)


RAISED = "building a network raised ValueError: one layer, in one direction"


@pytest.fixture(scope="module")
def wrong() -> Verdict:
    """What is said of a network that is wrong."""
    return check(Transposed, capabilities=ONE_LAYER, cases=40, only=("results", "gradients"), seed=1)


def test_the_bug_has_its_name(wrong: Verdict) -> None:
    """And the minimal case, with what differs there, and what follows."""
    (found,) = wrong.findings
    assert not wrong
    assert (found.name, found.property) == ("W_hh is used transposed", "agreement")
    assert {"laws", "gradients"} <= set(found.follows)
    assert isinstance(found.case, Case)
    assert math.isfinite(found.bound or 0.0)
    assert abs(found.expected - found.got) > found.bound
    assert found.case.config.hidden_size == 2


def test_the_text_is_that_of_the_terminal(wrong: Verdict) -> None:
    """The finding, the groups, what was not judged and why, and the sentence last."""
    lines = str(wrong).splitlines()
    assert lines[0].startswith(f"Transposed (torch {torch.__version__}) fails agreement: Outputs and final ")
    assert "  the bug: W_hh is used transposed" in lines
    assert any(line.startswith("results    NO ") for line in lines)
    assert lines[-1] == wrong.sentence == "Transposed does not compute what nn.RNN computes: W_hh is used transposed."
    assert repr(wrong) == f"<{wrong.sentence}>"
    again = next(line.partition(": ")[2] for line in lines if line.startswith("  replay: "))
    capabilities = ONE_LAYER
    repeated: Verdict = eval(  # noqa: S307, which the suite itself has written
        again, {"check": check, "Transposed": Transposed, "capabilities": capabilities}
    )
    assert repeated.findings[0].text == wrong.findings[0].text


@pytest.mark.parametrize("columns", [80, 100])
def test_the_text_fits(wrong: Verdict, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the columns that the terminal has, where it is no command; not all of it where they are few."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for text in (str(wrong), str(check(Narrow, cases=20, properties="agreement", seed=1))):
        lines = [line for line in text.splitlines() if not line.startswith("  replay: ")]
        assert columns - 20 < max(map(len, lines)) <= columns


def test_it_can_raise(wrong: Verdict) -> None:
    """Where it is asked to, and where something is wrong alone."""
    with pytest.raises(AssertionError, match="W_hh is used transposed"):
        wrong.raise_if_wrong()


def test_who_is_right() -> None:
    """Is true, and has nothing to raise; each property has a row."""
    verdict = check(Mine, capabilities=ONE_LAYER, cases=20, only="results", seed=1)
    assert verdict
    assert not verdict.findings
    verdict.raise_if_wrong()
    assert [(row.property, row.status, row.cases) for row in verdict.table] == [
        (name, "agrees", 20) for name in ("agreement", "laws", "layouts", "strides")
    ]
    assert verdict.sentence.startswith("Mine computes what nn.RNN computes (4 properties, 80 cases, worst error ")


def test_a_function_and_a_name() -> None:
    """A build function is taken as `register` takes it, and a name as it is registered."""

    def build(config: Any, weights: Any) -> Any:
        network = Mine(config.input_size, config.hidden_size, "relu", batch_first=True).to(config.dtype)
        network.load_state_dict(weights)
        return network

    assert check(build, capabilities=ONE_LAYER, cases=20, properties="agreement")
    assert check("numpy", cases=20, properties=["h_n", "agreement"]).implementation == "numpy"


@pytest.mark.parametrize("isolate", [False, True])
def test_a_function_may_return_a_module(isolate: bool) -> None:
    """With nn.RNN's parameter names it is judged on its own parameters; with others, on its copy of the weights."""

    def build(config: Any, weights: Any) -> Any:
        network = nn.RNN(**config.module_arguments(), dtype=config.dtype)
        network.load_state_dict(weights)
        return network

    def wrapped(config: Any, weights: Any) -> Any:
        return Around(build(config, weights))

    properties = "agreement", "claims", "updates", "refusals", "gradients", "requires_grad"
    verdict = check(build, cases=20, properties=properties, isolate=isolate, seed=1)
    assert verdict, verdict
    assert [row.status for row in verdict.table] == ["agrees"] * len(properties)
    assert not verdict.left_out
    verdict = check(wrapped, cases=20, properties=properties[:4], seed=1, isolate=isolate)
    assert verdict, verdict


def test_too_few_cases_are_no_verdict() -> None:
    """It is not right then, and there is nothing to raise."""
    verdict = check("nn.rnn", cases=20, properties="claims", seconds=1e-9)
    verdict.raise_if_wrong()
    assert bool(verdict) == (verdict.kind == "right")


def test_a_first_look_finds_out_what_it_takes() -> None:
    """Without capabilities, what always raises is left out, and told with what it raises; the rest is judged."""
    verdict = check(Narrow, cases=20, properties="agreement", seed=1)
    assert verdict
    assert verdict.left_out == {"several layers": RAISED, "two directions": RAISED}
    assert (verdict.capabilities.max_layers, verdict.capabilities.bidirectional) == (1, False)
    text = " ".join(str(verdict).split())
    assert f"not judged: several layers, two directions ({RAISED})" in text
    assert "judged within Capabilities(bidirectional=False, max_layers=1)" in text


def test_items_are_judged_on_all_that_is_claimed() -> None:
    """What always raises is left out of nobody's tests unnoticed: they say so, and are told what to say."""
    with pytest.raises(RegistrationError, match=r"Say what it takes: capabilities=Capabilities\(bidirectional=False"):
        properties(Narrow)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (42, "properties: expected a class with nn.RNN's constructor arguments, .* found 42"),
        (nn.Linear, r"properties\(nn.Linear\): "),
    ],
)
def test_items_refuse_under_their_own_name(given: Any, text: str) -> None:
    with pytest.raises(RegistrationError, match=f"^{text}"):
        properties(given)


def test_how_it_rounds() -> None:
    """What is rounded after each sum is within the usual bounds, and not within those of sums that are rounded once."""
    wide = Rounding(accumulate=torch.float32, rounded="sum")
    able = replace(ONE_LAYER, dtypes=(torch.bfloat16,), nonfinite=False, gradients=False)
    asked: dict[str, Any] = {"capabilities": able, "cases": 100, "properties": "agreement", "seed": 1}
    assert check(Mine, **asked)
    verdict = check(Mine, **asked, rounding=wide)
    assert not verdict
    assert "check(Mine, capabilities=capabilities, rounding=rounding, properties=" in verdict.findings[0].text


def test_what_is_not_judged_is_told() -> None:
    """With the reason; alone, it is no verdict."""
    verdict = check(Mine, capabilities=ONE_LAYER, only="lengths")
    assert not verdict
    assert verdict.left_out == {"lengths": "claims no lengths", "length_gradients": "claims no lengths"}
    assert "not judged: lengths, length_gradients (claims no lengths)" in str(verdict)
    assert verdict.sentence == "Mine was not judged: nothing of what was asked could be."


@pytest.mark.parametrize(
    ("given", "options", "text"),
    [
        (3, {}, "check: expected a class with nn.RNN's constructor arguments, .* found 3"),
        ("nn.rnn", {"rounding": 3}, "check\\('nn.rnn'\\): rounding should be a Rounding, found 3"),
        (
            Mine,
            {"rounding": Rounding(accumulate=torch.bfloat16)},
            "looser than torch.float64, .*reason=",
        ),
        (int, {}, "found <class 'int'>"),
        ("nn.rn", {}, "unknown implementation 'nn.rn'; did you mean nn.rnn"),
        (nn.Linear, {}, r"check\(nn.Linear\): expected a class that takes nn.RNN's constructor arguments"),
        (Mine, {"only": "reslts"}, "only='reslts': there is no group of properties 'reslts'; did you mean results"),
        (Mine, {"properties": ["agrement"]}, "there is no property 'agrement'; did you mean agreement"),
        (Mine, {"only": "state", "properties": "laws"}, "no property is in both"),
        (Mine, {"cases": 0}, "cases: expected an integer from 1, found 0"),
        (Mine, {"cases": 2.5}, "cases: expected an integer from 1, found 2.5"),
        (Mine, {"seconds": -1}, "seconds: expected a number above 0, found -1"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises((RegistrationError, ValueError), match=text):
        check(given, **options)


# The process


@pytest.fixture
def odd() -> Any:
    """A process with settings of its own, and what they are."""
    everything = SETTINGS | FURTHER | GENERATORS
    before = {name: setting.read() for name, setting in everything.items()}
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed(1)
    torch.manual_seed(1)

    def read() -> dict[str, Any]:
        found = {name: setting.read() for name, setting in everything.items()}
        return found | {"registry": dict(REGISTRY), "settings": repr(settings()), "files": sorted(Path.cwd().iterdir())}

    yield read
    for name, setting in everything.items():
        setting.write(before[name])


def test_the_process_is_as_it_was(odd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, random numbers, what Ctrl-C does, the registry, the folder; and so it is judged as anywhere."""
    monkeypatch.chdir(tmp_path)
    check("nn.rnn", cases=1, properties="agreement")  # What is imported may set things up.
    before = odd()
    verdict = check(Mine, capabilities=ONE_LAYER, cases=20, only=("results", "process"), seed=1)
    assert verdict
    assert odd() == before


def test_ctrl_c_leaves_it_usable(odd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt comes through, and the process is as it was."""
    monkeypatch.chdir(tmp_path)
    pressed = []

    def build(*_: Any) -> Any:
        if len(pressed) < 3:
            pressed.append(1)
            os.kill(os.getpid(), signal.SIGINT)
        return lambda x, h_0=None: (x, x)

    check("nn.rnn", cases=1, properties="agreement")
    before = odd()
    with pytest.raises(KeyboardInterrupt):
        check(build, properties="agreement")
    assert odd() == before
    assert len(pressed) == 1
    assert check(Mine, capabilities=ONE_LAYER, cases=20, properties="agreement")


def test_an_interrupt_of_its_own_is_a_finding() -> None:
    """Which an implementation raises without anybody pressing anything."""

    def build(*_: Any) -> Any:
        raise KeyboardInterrupt

    verdict = check(build, cases=20, properties="agreement")
    assert "raises KeyboardInterrupt, which is no Exception" in verdict.sentence


def test_apart_a_crash_is_a_finding() -> None:
    """Of a function that is written nowhere but here, in a process of its own that ends with the check."""

    def build(*_: Any) -> Any:
        return lambda *_: os.kill(os.getpid(), signal.SIGSEGV)

    others = set(isolation._HOSTS)
    verdict = check(build, cases=20, properties="agreement", isolate=True, seed=1)
    assert "the process died of SIGSEGV while calling the network" in verdict.sentence
    assert set(isolation._HOSTS) == others
    assert check(Mine, capabilities=ONE_LAYER, cases=20, properties="agreement", isolate=True)
    assert check("numpy", cases=20, properties="agreement", isolate=True)


def test_what_cannot_be_handed_over_is_told() -> None:
    lock = threading.Lock()

    def build(*_: Any) -> Any:
        return lock

    with pytest.raises(RegistrationError, match="cannot be handed to another process, as pickling it raised TypeError"):
        check(build, isolate=True)


def test_the_memory_comes_back() -> None:
    """Nothing keeps the class once its verdict is gone; twice is as once."""

    def checked() -> tuple[weakref.ref[Any], str]:
        class Local(Transposed):
            pass

        verdict = check(Local, capabilities=ONE_LAYER, cases=20, properties="agreement", seed=1)
        return weakref.ref(Local), str(verdict)

    first, second = checked(), checked()
    gc.collect()
    assert first[0]() is None
    assert second[0]() is None
    assert first[1] == second[1]


def test_an_error_of_the_suite_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as such, and raised on demand; the other properties are judged."""
    monkeypatch.setitem(PROPERTIES, "laws", replace(load_properties()["laws"], check=lambda *_: 1 / 0))
    verdict = check("nn.rnn", cases=20, only="results")
    assert [row.status for row in verdict.table] == ["agrees", "error", "agrees", "agrees"]
    assert verdict.sentence == "nn.rnn disagrees nowhere, but there is no verdict on laws."
    assert "ZeroDivisionError" in str(verdict)
    with pytest.raises(AssertionError, match="no verdict on laws"):
        verdict.raise_if_wrong()


def test_what_a_plugin_ends_is_no_finding() -> None:
    """pytest-timeout, say, raises wherever the test stands, and once: that ends the test."""
    calls = []

    class Late(nn.RNN):
        def forward(self, *given: Any) -> Any:
            calls.append(given)
            if len(calls) == 10:
                pytest.fail("Timeout")
            return super().forward(*given)

    with pytest.raises(pytest.fail.Exception, match="Timeout"):
        check(Late, capabilities=Capabilities(), cases=20, properties="agreement")


def test_nothing_is_printed_where_nobody_looks(tmp_path: Path) -> None:
    """Nor is torch imported by the package alone, nor does importing change the environment's variables."""
    program = (
        "import sys, os; before = dict(os.environ); import rnn_parity; assert 'torch' not in sys.modules;"
        "from rnn_parity import check; assert dict(os.environ) == before;"
        "assert check('nn.rnn', cases=20, properties='agreement')"
    )
    variables = {name: value for name, value in environment().items() if name != "OMP_NUM_THREADS"}
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=variables, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert not list(tmp_path.iterdir())


# A notebook


def test_a_notebook_shows_it(wrong: Verdict) -> None:
    """The sentence, the name, the minimal case as matrices, and the maps."""
    shown = wrong._repr_html_() or ""
    assert wrong.sentence in shown
    assert "the bug: W_hh is used transposed" in shown
    for caption in ("x", "weight_hh_l0", "expected", "got", "error"):
        assert f"<caption>{caption}</caption>" in shown
    assert "<script" not in shown


def test_without_the_libraries_of_the_page_it_is_text(wrong: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "missing", lambda: ["jinja2", "svg.py"])
    assert wrong._repr_html_() is None
    printed: list[str] = []
    wrong._repr_pretty_(SimpleNamespace(text=printed.append), cycle=False)
    assert printed[0] == str(wrong)
    assert "where jinja2 and svg.py are installed: python -m pip install 'rnn-parity[report]'" in printed[1]


def test_a_bar_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal, with the first thing that was found; nothing of it is left."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    check(Transposed, capabilities=ONE_LAYER, cases=20, properties=("agreement", "laws"), seed=1)
    assert "1/2" in terminal.getvalue()
    assert "the bug: W_hh is used transposed" in terminal.getvalue()
    assert not terminal.getvalue().rpartition("\r")[2].strip()
