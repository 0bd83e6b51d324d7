"""A wider dtype that is silently computed in a narrower one is caught in cases drawn by default, from any seed."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest
import torch

from rnn_parity import Config, Implementation, implementation
from rnn_parity.contract import Run, Weights
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.suite.planted import BUGS, Bug, bugs
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.planted.trying import implementation as planted

# What an implementation warns of is its own business; what it returns is judged.
pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.full]

#: float64 in float32; float32 in bfloat16, in float16 and in TensorFloat32, cut and rounded.
DOWNGRADES = (
    bugs.DoubleInSingle,
    bugs.SingleInBfloat16,
    bugs.SingleInFloat16,
    bugs.SingleTruncated,
    bugs.SingleInTensorFloat32,
)
SEEDS = range(10)


def is_caught(found: Implementation, seed: int) -> bool:
    """Whether `agreement` accuses an implementation within the default number of cases."""
    return isinstance(hunt(PROPERTIES["agreement"], found, seed, shrink=False), Disagreement)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.build in DOWNGRADES], ids=str)
def test_a_planted_downgrade_is_caught(bug: Bug, seed: int) -> None:
    """What a machine's fast path would compute, computed anywhere."""
    assert is_caught(planted(bug), seed), f"{bug.words()!r} passes"


def under_autocast(config: Config, weights: Weights) -> Run:
    """The implementation `linear`, its products in bfloat16 by torch's autocast, its results of the dtype asked for."""
    run = implementation("linear").build(config, weights)

    def call(x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output, h_n = run(x, h_0)
        return output.to(x.dtype), h_n.to(x.dtype)

    return call


@pytest.mark.parametrize("seed", SEEDS)
def test_autocast_is_caught(seed: int) -> None:
    """torch's own bfloat16 kernels in place of the float32 ones."""
    linear = implementation("linear")
    single = replace(linear.capabilities, dtypes=(torch.float32,))
    assert is_caught(replace(linear, build=under_autocast, capabilities=single), seed)


def at_medium_precision(name: str, seed: int) -> str:
    """What becomes of an implementation once torch may take bfloat16 for float32 products.

    For a process of its own: restored to "highest", oneDNN's setting is not what it was.
    """
    torch.set_num_threads(1)
    linear, x = torch.nn.Linear(256, 256), torch.randn(256, 256)
    with torch.no_grad():
        exactly = linear(x)
        torch.set_float32_matmul_precision("medium")
        if torch.equal(linear(x), exactly):
            return "no fast path"
    return "caught" if is_caught(implementation(name), seed) else "missed"


@pytest.mark.parametrize("name", ["linear", "nn.rnn"])
def test_a_fast_path_of_this_machine_is_caught(name: str) -> None:
    """Where the CPU has one that torch takes (oneDNN's, on CPUs with AMX), products really are made in bfloat16."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        outcomes = {process.submit(at_medium_precision, name, seed).result() for seed in range(3)}
    if "no fast path" in outcomes:
        pytest.skip('torch.set_float32_matmul_precision("medium") changes no bit of a product on this CPU')
    assert outcomes == {"caught"}
