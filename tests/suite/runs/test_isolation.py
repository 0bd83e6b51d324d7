"""Processes of their own: what an implementation computes, raises, changes and breaks there is seen here."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation, implementation, registry, resolve
from rnn_parity.registry.frames import frames_of
from rnn_parity.registry.isolation import cpu_seconds
from rnn_parity.registry.limits import Crashed
from rnn_parity.tests.judge import claims_autocast, claims_dropout, claims_module
from rnn_parity.tests.suite.running import pytest_run, python_run

CONFIG = Config(2, 3, dtype=torch.float64)
SOURCE = """
import os, torch
from rnn_parity import Capabilities, register

def change(x): x += 1
def crash(x): os.kill(os.getpid(), {signal})
def leave(x): os._exit(7)
def print_and_crash(x): print("last words", flush=True); os.abort()
def fail(x): raise ValueError("a wrong value")
def fail_strangely(x): raise type("Strange", (Exception,), {{}})("odd")

for name in ("change", "crash", "leave", "print_and_crash", "fail", "fail_strangely"):
    def build(config, weights, deed=globals()[name]):
        def run(x, h_0=None):
            if x.sum() > 100: deed(x)
            return x.clone(), torch.full((1,), os.getpid()).double()
        return run
    register(name.replace("_", "-"), build, environment={{"SAID": "so"}})
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Implementation]]:
    path = tmp_path_factory.mktemp("isolated") / "deeds.py"
    path.write_text(SOURCE.format(signal=int(signal.SIGSEGV)), encoding="utf-8")
    yield {found.name: found for found in resolve(str(path))}
    for name in DEATHS.keys() | {"change", "fail", "fail-strangely"}:
        del registry.REGISTRY[name]


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn(shape, dtype=CONFIG.dtype) for name, shape in CONFIG.parameter_shapes().items()}


def network(found: Implementation) -> Any:
    return found.build_in_place(CONFIG, weights())


HUGE = torch.full((5, 2, 2), 100.0, dtype=torch.float64)


def test_it_runs_elsewhere(made: dict[str, Implementation]) -> None:
    """In another process than this one, and the same for all networks; its CPU time is known."""
    before = cpu_seconds()
    processes = {int(network(made["change"])(torch.zeros(5, 2, 2).double())[1].item()) for _ in range(3)}
    assert len(processes) == 1
    assert os.getpid() not in processes
    assert cpu_seconds() > before


def test_what_is_killed_leaves_no_semaphore(tmp_path: Path) -> None:
    """Python would warn of one when the program ends."""
    (tmp_path / "locks.py").write_text(
        "import multiprocessing\nfrom rnn_parity import register\nLOCKS = []\n\n\n"
        "def build(config, weights):\n    LOCKS.append(multiprocessing.RLock())\n    return lambda x, h_0=None: x\n\n\n"
        'register("locks", build, environment={})\n',
        encoding="utf-8",
    )
    program = (
        "import sys; from rnn_parity import Config, resolve; from rnn_parity.registry import isolation;"
        "(found,) = resolve(sys.argv[1]); assert found.build_in_place(Config(1, 1), {}); isolation.end('locks')"
    )
    ran = python_run("-c", program, str(tmp_path / "locks.py"))
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", ["nn.rnn", "linear", "numpy"])
def test_it_computes_the_same(name: str) -> None:
    """Results and gradients are those of the implementation in this process, whatever strides tensors have."""
    here = implementation(name)
    x = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4).transpose(0, 2)[..., ::1] / 10
    h_0 = torch.ones(1, 1, 3, dtype=torch.float64).expand(1, 3, 3)
    found = []
    for each in (here, here.isolated()):
        given = weights()
        leaves = [*given.values(), x.clone(), h_0.clone()]
        if here.capabilities.gradients:
            leaves = [leaf.requires_grad_() for leaf in leaves]
        run = each.build_in_place(CONFIG, given)
        results = run(*leaves[-2:])
        own = getattr(run, "parameters", given)
        asked = [*own.values(), *leaves[-2:]]
        total = sum((result * result).sum() for result in results)
        found.append([*results, *(torch.autograd.grad(total, asked) if here.capabilities.gradients else ())])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_a_changed_argument_is_changed_here(made: dict[str, Implementation]) -> None:
    """What it writes into an argument is seen in the argument."""
    x = HUGE.clone()
    network(made["change"])(x)
    assert torch.equal(x, HUGE + 1)


DEATHS = {
    "crash": "died of SIGSEGV while calling the network: it printed nothing",
    "leave": "died with status 7 while calling the network",
    "print-and-crash": "died of SIGABRT while calling the network: last words",
}


@pytest.mark.parametrize("name", DEATHS)
def test_a_crash_is_an_error_here(made: dict[str, Implementation], name: str) -> None:
    """It says what the process died of and what it said; the next network gets a new process."""
    run = network(made[name])
    first = run(HUGE / 1000)[1].item()
    with pytest.raises(Crashed, match=DEATHS[name]):
        run(HUGE)
    with pytest.raises(Crashed):
        run(HUGE / 1000)
    assert network(made[name])(HUGE / 1000)[1].item() != first


def test_what_it_raises_is_raised_here(made: dict[str, Implementation]) -> None:
    """Python's own errors as they are, others under their name."""
    with pytest.raises(ValueError, match="a wrong value"):
        network(made["fail"])(HUGE)
    with pytest.raises(RuntimeError, match="odd") as raised:
        network(made["fail-strangely"])(HUGE)
    assert type(raised.value).__name__ == "Strange"


def test_where_it_was_raised_is_known_here(made: dict[str, Implementation]) -> None:
    """The frames are those of the implementation, in its own process."""
    run = network(made["fail"])
    with pytest.raises(ValueError, match="a wrong value") as caught:
        run(torch.full((2, 2, 2), 100.0))
    frames = frames_of(caught.value)
    assert [frame.function for frame in frames] == ["fail", "run"]
    assert frames[0].source == 'def fail(x): raise ValueError("a wrong value")'


def test_it_is_declared(made: dict[str, Implementation]) -> None:
    """An implementation with an environment says that it has a process of its own; others may be given one."""
    assert made["fail"].capabilities.own_process
    apart = replace(implementation("linear"), capabilities=Capabilities()).isolated()
    assert apart.capabilities == Capabilities(own_process=True)
    assert apart.environment == {}


def pytest_here(*arguments: str) -> str:
    """What pytest prints, run in the checkout."""
    return pytest_run("-q", "-pno:cacheprovider", "--hypothesis-seed=1", *arguments, CI="true").stdout


CRASHY = """
import os, torch
from rnn_parity import register
from rnn_parity.registry import module_build

@register("crashy")
def build(config, weights):
    run = module_build(torch.nn.RNN)(config, weights)
    def call(x, h_0=None):
        if config.bidirectional and config.num_layers > 1: os.abort()
        return run(x, h_0)
    return call
"""


def test_a_crash_is_shrunk(tmp_path: Path) -> None:
    """The run goes on after a worker died, and ends with the minimal case of what killed it."""
    path = tmp_path / "crashy.py"
    path.write_text(CRASHY, encoding="utf-8")
    printed = pytest_here("-n1", f"--impl={path}", "--impl=linear", "--cases=100", "tests/test_agreement.py")
    assert re.search("crashy was judged by agreement on .*, when the process died of SIGABRT. .* is repeated", printed)
    assert "the bug: it crashes its process: the process died of SIGABRT" in printed
    assert "minimal case: relu T1 B1 I1 H1 L2 bidirectional no-bias float64\n" in printed
    assert "linear computes what nn.RNN computes (1 property, 100 cases, " in printed


@pytest.mark.parametrize("claims", [claims_module, claims_dropout, claims_autocast])
def test_what_is_out_of_reach_is_not_asked(claims: Callable[[Capabilities], str]) -> None:
    """Neither a module in a process of its own, nor what torch does here around calls there."""
    claiming = Capabilities(module=True, dropout=True, autocast=True)
    assert claims(claiming) == ""
    assert claims(replace(claiming, own_process=True)).startswith("runs in a separate process")


def test_all_may_be_judged_apart() -> None:
    """--isolate gives everyone a process; what is not seen of one from here is not judged."""
    asked = ["-rs", "--isolate", "--impl=linear", "--cases=20", "tests/test_agreement.py", "tests/test_memory.py"]
    printed = pytest_here("-n0", *asked)
    assert "runs in a separate process" in printed
    assert "1 passed, 1 skipped" in printed
