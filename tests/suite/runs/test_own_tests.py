"""`properties` in somebody else's repository: plain pytest, its options, its layouts, and what is kept there."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.running import pytest_run

#: One layer of nn.RNN, and the same with a bug, as a user writes it.
MODULE = """
import torch
from torch import nn


class Right(nn.Module):
    def __init__(self, input_size, hidden_size, nonlinearity, batch_first):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.ones(hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.ones(hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.ones(hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.ones(hidden_size))

    def forward(self, x, h_0=None):
        h = x.new_zeros(x.shape[0], len(self.bias_hh_l0)) if h_0 is None else h_0[0]
        states = []
        for x_t in x.unbind(1):
            h = torch.relu(x_t @ self.weight_ih_l0.T + self.bias_ih_l0 + self.recurrent(h) + self.bias_hh_l0)
            states.append(h)
        return torch.stack(states, 1), h[None].clone()

    def recurrent(self, h):
        return h @ self.weight_hh_l0.T


class Wrong(Right):
    def recurrent(self, h):
        return h @ self.weight_hh_l0
"""
TRANSPOSED = """
import torch


class MyRNN(torch.nn.RNN):
    def forward(self, x, h_0=None):
        own = {name: weight.T if "weight_hh" in name else weight for name, weight in self.named_parameters()}
        right = torch.nn.RNN(
            self.input_size, self.hidden_size, self.num_layers, self.nonlinearity, self.bias, self.batch_first,
            bidirectional=self.bidirectional, dtype=x.dtype,
        )
        return torch.func.functional_call(right, own, (x, h_0))
"""
TESTS = """
from mine import Right, Wrong

from rnn_parity import Capabilities, properties

claims = Capabilities(
    nonlinearities=("relu",), biases=(True,), bidirectional=False, unbatched=False, max_layers=1, batch_first=(True,)
)
test_right = properties(Right, capabilities=claims, properties=["agreement", "layouts", "lengths"])
test_wrong = properties(Wrong, capabilities=claims, properties=["agreement", "layouts"])


def test_of_their_own():
    assert True
"""
TABLE = """
[tool.rnn_parity]
archive = "counterexamples"
cases = 20
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's, with a module and a test file."""
    for name, text in (("mine.py", MODULE), ("test_mine.py", TESTS), ("pyproject.toml", TABLE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A plain run of pytest there, without anything of ours on its command line."""
    return pytest_run("-p", "no:cacheprovider", *arguments, folder=folder, others=True, **variables)


def outcomes(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What came of each item, in a run with -rA."""
    return {name: word for word, name in re.findall(r"^(PASSED|FAILED) \S*::(\S+)", ran.stdout, re.MULTILINE)}


def test_an_item_a_property(repository: Path) -> None:
    """With the message of a finding; nothing else of the run is ours, and what fails is kept and replayed."""
    ran = run(repository, "-rA")
    assert outcomes(ran) == {
        "test_right[agreement]": "PASSED",
        "test_right[layouts]": "PASSED",
        "test_wrong[agreement]": "FAILED",
        "test_wrong[layouts]": "FAILED",
        "test_of_their_own": "PASSED",
    }
    assert "1 skipped" in ran.stdout
    assert "  the bug: W_hh is used transposed\n" in ran.stdout
    assert "Wrong fails layouts as it fails agreement: the bug: W_hh is used transposed" in ran.stdout
    assert ran.stdout.count("minimal case: ") == 1
    assert "rnn-parity" not in ran.stdout.partition("FAILURES")[0]

    (kept,) = (repository / "counterexamples").glob("*.json")
    replay = re.findall(r"replay +: pytest '?(\S+?)'? (--hypothesis-seed=\d+)", ran.stdout)[0]
    assert "W_hh is used transposed" in run(repository, *replay).stdout
    again = run(repository, "-rA", "-k", kept.stem)
    assert outcomes(again) == {f"test_right[{kept.stem}]": "PASSED", f"test_wrong[{kept.stem}]": "FAILED"}
    assert "  the bug: W_hh is used transposed\n" in again.stdout


@pytest.mark.parametrize(
    ("factor", "name", "anew"), [(2.0, "", False), (0.0, "", True), (2.0, "the bug: b_hh is left out; say", True)]
)
def test_a_bug_that_is_kept_is_not_kept_again(repository: Path, factor: float, name: str, anew: bool) -> None:
    """Where another case of it is kept that fails still, and had no other name; the finding tells its file."""
    folder, asked = repository / "counterexamples", ("--hypothesis-seed=1", "-k", "test_wrong and agreement")
    run(repository, *asked)
    (first,) = folder.glob("*.json")
    record = archive.read(first)
    first.unlink()
    weights = {role: factor * weight for role, weight in record.case.weights.items()}
    seen = record.disagreed[0] | ({"diagnosis": name} if name else {})
    other = archive.write(replace(record, case=replace(record.case, weights=weights), disagreed=[seen]), folder)
    ran = run(repository, *asked)
    assert {*folder.glob("*.json")} == ({first, other} if anew else {other})
    told = (first if anew else other).relative_to(repository)
    assert re.search(rf"^  archived *: .*/{told}$", ran.stdout, re.MULTILINE)


def test_the_two_lines_of_the_readme(tmp_path: Path) -> None:
    """They name a bug of a class that subclasses nn.RNN."""
    (tmp_path / "my_rnn.py").write_text(TRANSPOSED, encoding="utf-8")
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.search(r"^\$ (printf .* > test_parity\.py)\n\$ pytest (-x test_parity\.py)$", page, re.MULTILINE)
    assert written
    subprocess.run(["sh", "-c", written[1]], cwd=tmp_path, check=True)
    ran = run(tmp_path, "--hypothesis-seed=1", *written[2].split())
    assert "  the bug: W_hh is used transposed\n" in ran.stdout


def test_one_that_follows_is_told_in_full_where_it_runs_alone(repository: Path) -> None:
    ran = run(repository, "-k", "test_wrong and layouts")
    assert "minimal case: " in ran.stdout
    assert "Wrong fails layouts as it fails agreement" in ran.stdout


def test_workers_and_a_seed(repository: Path) -> None:
    """With xdist the same comes out, and with a seed the same case; what pytest-cov counts beside it is whole."""
    seeded = ("-rA", "--hypothesis-seed=3")
    alone = run(repository, *seeded)
    shutil.rmtree(repository / "counterexamples")
    shared = run(repository, "-n2", "--cov=mine", *seeded)
    assert outcomes(alone) == outcomes(shared)
    assert re.search(r"^mine\.py +\d+ +0 +100%$", shared.stdout, re.MULTILINE)
    cases = [re.findall(r"reduced from (.*) in", ran.stdout)[0] for ran in (alone, shared)]
    assert cases[0] == cases[1]


def test_what_failed_last(repository: Path) -> None:
    """--lf runs the items that failed."""
    pytest_run("-q", folder=repository, others=True)
    ran = pytest_run("--lf", "--collect-only", "-q", folder=repository, others=True)
    assert re.findall(r"::(test_\S+)", ran.stdout) == ["test_wrong[agreement]", "test_wrong[layouts]"]


def test_options_are_theirs(repository: Path) -> None:
    """None of ours is there, nor a header, nor a name that could be somebody else's."""
    helped = run(repository, "--help").stdout
    assert not [option for option in ("--impl", "--cases", "--archive", "--only") if f"{option} " in helped]
    assert "rnn-parity" not in run(repository, "--co", "-q", "-k", "of_their_own").stdout


@pytest.mark.parametrize("strict", ["-Werror", "-Wdefault"])
def test_their_settings_stay(repository: Path, strict: str) -> None:
    """Filters of warnings, the number of threads, and the numbers that are drawn: a test behind ours sees its own."""
    (repository / "test_mine.py").write_text(
        TESTS.replace("test_wrong =", "not_collected =")
        + "\n\ndef test_threads():\n    import torch\n    assert torch.get_num_threads() == 3\n",
        encoding="utf-8",
    )
    (repository / "conftest.py").write_text("import torch\n\ntorch.set_num_threads(3)\n", encoding="utf-8")
    ran = run(repository, strict, "-rA")
    assert set(outcomes(ran).values()) == {"PASSED"}
    assert "test_threads" in outcomes(ran)


@pytest.mark.parametrize("layout", ["tests package", "importlib", "src"])
def test_layouts_of_repositories(repository: Path, layout: str) -> None:
    """Beside a package called tests, with --import-mode=importlib, with the module in src/."""
    tests = repository / "tests"
    tests.mkdir()
    (repository / "test_mine.py").rename(tests / "test_mine.py")
    if layout == "tests package":
        (tests / "__init__.py").write_text("HELPS = 1\n", encoding="utf-8")
        (tests / "test_more.py").write_text("def test_more():\n    from tests import HELPS\n", encoding="utf-8")
    path = repository
    if layout == "src":
        path = repository / "src"
        path.mkdir()
        (repository / "mine.py").rename(path / "mine.py")
    mode = ["--import-mode=importlib"] if layout == "importlib" else []
    ran = run(repository, *mode, "-rA", "-k", "right or more", PYTHONPATH=str(path))
    assert set(outcomes(ran).values()) == {"PASSED"}
    assert len(outcomes(ran)) == 2 + (layout == "tests package")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            "case = 3",
            r"pyproject.toml: \[tool.rnn_parity\]: expected keys out of archive, cases, only, expected, found 'case'",
        ),
        ("cases = 0", "cases: expected an integer from 1, found 0"),
        ("only = 'state'", "only: expected a list of groups, found 'state'"),
        ("only = ['sate']", "there is no group of properties 'sate'; did you mean state"),
        ("archive = ''", "archive: expected a folder, found ''"),
    ],
)
def test_a_table_that_does_not_fit_is_told(repository: Path, table: str, text: str) -> None:
    (repository / "pyproject.toml").write_text(f"[tool.rnn_parity]\n{table}\n", encoding="utf-8")
    (repository / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ran = run(repository)
    assert ran.returncode == pytest.ExitCode.INTERRUPTED
    assert re.search(text, ran.stdout)


def test_what_was_kept_and_cannot_be_replayed(repository: Path) -> None:
    """Is a failure that names the file; others are run."""
    folder = repository / "counterexamples"
    folder.mkdir()
    (folder / "agreement-bad.json").write_text("{", encoding="utf-8")
    ran = run(repository, "-rA", "-k", "right")
    assert outcomes(ran)["test_right[agreement-bad]"] == "FAILED"
    assert "agreement-bad.json: is not JSON" in ran.stdout
    assert outcomes(ran)["test_right[agreement]"] == "PASSED"
