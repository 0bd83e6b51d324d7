"""What a run says of each implementation in `tests/suite/reported`: the right sentences, and no false one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnn_parity import Config
from rnn_parity.strategies import Case
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.reported import FOLDER, reported
from rnn_parity.tests.suite.running import pytest_run


class Told(NamedTuple):
    """How a run ended, and everything that it printed."""

    status: int
    text: str


def told(name: str, *options: str, others: bool = False) -> Told:
    """Judge one of the reported implementations in a run of its own, in the profile with a fixed seed."""
    asked = f"--impl={FOLDER / name}.py", "-pno:cacheprovider", *options
    ended = pytest_run(*asked, others=others, COLUMNS="120", CI="true")
    return Told(ended.returncode, ended.stdout + ended.stderr)


def first(property_name: str, name: str, seed: int) -> Disagreement:
    """The first disagreement of a run with that seed on one property."""
    found = hunt(PROPERTIES[property_name], reported(name), seed, shrink=False)
    assert isinstance(found, Disagreement), f"{name} passes {property_name}"
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gradients_that_come_in_with_gaps(seed: int) -> None:
    """A backward that reads them side by side is caught, on a case in which they do not lie so."""
    found = first("gradients", "pt194719_strided_cotangents", seed)
    assert found.case is not None
    assert found.case.incoming != "contiguous"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weights_that_are_packed_once(seed: int) -> None:
    """Inference with matrices of before is caught, and the route named by which they changed."""
    assert first("updates", "aidotnet583_prepacked_weights", seed).text.startswith("after ")


def test_a_wrong_one_fails() -> None:
    """The run fails, and names the implementation and the property."""
    found = told("flipped", "-n0", "--cases=100", "tests/test_agreement.py")
    assert found.status == 1
    assert "flipped (torch" in found.text
    assert "fails agreement" in found.text


def test_what_explains_a_finding_is_not_recorded(tmp_path: Path) -> None:
    """Others fail on the same case: nothing of that is told as found, and what was asked for is written."""
    report, page = tmp_path / "report.json", tmp_path / "page.html"
    wanted = "tests/test_archive.py", "-krefusals-9d8651c53944"
    found = told("lenient", "-n0", "-x", f"--report={report}", f"--html={page}", *wanted, others=True)
    assert found.status == 1
    assert "fails refusals" in found.text
    assert "interrupted" not in found.text
    assert "internal error" not in found.text
    assert len(json.loads(report.read_text(encoding="utf-8"))["findings"]) == 1
    assert page.exists()


def test_nobody_beside_a_crash_is_accused(tmp_path: Path) -> None:
    """Others have their own time, not that in which a crash is reduced."""
    case = Case(Config(1, 1, num_layers=3, nonlinearity="relu", dtype=torch.float64), np.ones((1, 1, 1)))
    path, report = archive.write(archive.Record("agreement", case), tmp_path), tmp_path / "report.json"
    found = told("crashes", "-n0", "--isolate", f"--case={path}", f"--report={report}", others=True)
    assert found.status == 1
    (finding,) = json.loads(report.read_text(encoding="utf-8"))["findings"]
    assert finding["kind"] == "crashes"
    assert "nn.rnn-onnx" not in finding["others"]["disagree"]
    assert "nn.rnn" in finding["others"]["agree"]
    assert "interrupted" not in found.text


def test_one_bug_under_two_properties(tmp_path: Path) -> None:
    """It is told once, nobody is said to have interrupted it, and there is one file of it."""
    asked = "--cases=20", f"--archive={tmp_path}", "tests/test_agreement.py", "tests/test_h_n.py"
    found = told("flipped", "-n0", *asked)
    assert found.status == 1
    assert "interrupted" not in found.text
    assert sorted(archive.read(path).property for path in archive.files(tmp_path)) == ["agreement"]
    assert all(path.name in found.text for path in archive.files(tmp_path))


def test_what_a_file_warns_of_is_its_own_business() -> None:
    """A file that warns as it is imported is judged."""
    found = told("scripted", "-n0", "--cases=20", "tests/test_h_n.py")
    assert found.status == 0
    assert "20 cases judged" in found.text
    assert "no disagreement" in found.text


#: The file, the property, the seed, and what comes out: the case, its numbers, and those that are not zero.
SMALLEST = [
    ("aidotnet594_tanh_in_lanes", "agreement", 2, "tanh T1 B4 I1 H1 no-bias float64", 6, [1, 355]),
    (
        "lmengine239_last_batch_block",
        "gradients",
        0,
        "relu T1 B17 I1 H1 no-bias h_0 float64 grad_h_n",
        53,
        [1, 1, 1],
    ),
]


@pytest.mark.parametrize(("name", "judged", "seed", "descriptor", "size", "numbers"), SMALLEST)
def test_comes_out_minimal(name: str, judged: str, seed: int, descriptor: str, size: int, numbers: list[float]) -> None:
    """B * H is traded down to one row more than passes, a step for a state, and a number down to where it fails."""
    disagreement = hunt(PROPERTIES[judged], reported(name), seed, shrink=True)
    assert isinstance(disagreement, Disagreement)
    case = find_minimal(PROPERTIES[judged], reported(name), disagreement).case
    found = sorted(value for array in case.arrays.values() for value in array.ravel().tolist() if value)
    assert (case.descriptor, complexity(case).numbers, found) == (descriptor, size, numbers)


def test_a_way_back_that_is_a_constant_fails() -> None:
    """pytorch/rl 4175: of gradients that are right the second derivatives are wrong, by what was cut off."""
    found = told(
        "rl4175_double_backward", "-n0", "--cases=100", "tests/test_gradients.py", "tests/test_second_derivatives.py"
    )
    assert found.status == 1
    assert "fails second_derivatives" in found.text
    assert "fails gradients" not in found.text
    assert "tanh T1 B1 I1 H1 no-bias float64 grad_output twice" in found.text
    assert "the bug: the way back takes the activation's derivative for a constant" in " ".join(found.text.split())
