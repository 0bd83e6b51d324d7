"""What a run says after a first look: what never works is told in a few lines, and the rest is judged without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.suite.reported import FOLDER
from rnn_parity.tests.suite.running import pytest_run

ONE_WAY = """
import torch
from rnn_parity import register
from rnn_parity.registry import module_build

@register("one-way")
def build(config, weights):
    if config.bidirectional:
        raise NotImplementedError("one direction only")
    return module_build(torch.nn.RNN)(config, weights)
"""


@pytest.mark.parametrize("options", [["-n0"], ["-n2"], ["-n0", "--isolate"]])
def test_every_call_raises(tmp_path: Path, options: list[str]) -> None:
    """One finding in five lines, with workers, without, and in a process of its own; nothing else is judged."""
    file, report, kept = FOLDER / "misspelt.py", tmp_path / "report.json", tmp_path / "kept"
    asked = f"--impl={file}", f"--report={report}", f"--archive={kept}", "-pno:cacheprovider", "--cases=200"
    ended = pytest_run(*options, *asked, "tests/test_agreement.py", "tests/test_laws.py", COLUMNS="200", CI="true")
    assert ended.returncode == 1
    _, _, told = ended.stdout.partition("= FAILURES =")
    told = told[told.index("misspelt (torch ") : told.index("  archived: ")].splitlines()
    assert told[0].endswith(": every call raises KeyError: 'weights_ih_l0'")
    assert told[1] == f"  {FOLDER.relative_to(Path.cwd())}/misspelt.py:13: in run"
    assert told[2] == '    h = torch.tanh(x_t @ weights["weights_ih_l0"].T + h)'
    assert told[3].endswith(" small cases raise it, whatever the options: nothing else is judged")
    assert told[4] == f"  to try again: pytest --impl={file}"
    assert len(told) == 5
    assert "1 failed, 3 skipped" in ended.stdout
    assert "misspelt gives nothing that can be judged: every call raises KeyError" in ended.stdout
    assert "bug model" not in ended.stdout
    (finding,) = json.loads(report.read_text(encoding="utf-8"))["findings"]
    (path,) = archive.files(kept)
    for frames in (finding["frames"], archive.read(path).disagreed[0]["frames"]):
        assert [(frame["function"], frame["line"]) for frame in frames] == [("run", 13)]


def test_no_tensors_are_returned() -> None:
    """Which are, comes first, and nothing is said of numbers."""
    asked = "-n0", f"--impl={FOLDER / 'arrays.py'}", "--cases=20", "tests/test_agreement.py"
    ended = pytest_run(*asked, COLUMNS="120", CI="true")
    assert ended.returncode == 1
    assert "arrays (torch" in ended.stdout
    assert ": run(x, h_0) returned (numpy.ndarray, numpy.ndarray), expected (output, h_n), two" in ended.stdout
    assert "it also claims bias=False and bfloat16, which never work" in ended.stdout
    assert "minimal case" not in ended.stdout


def test_a_claim_never_works(tmp_path: Path) -> None:
    """It is the one finding; the rest is judged without it, and archived cases that need it are left out."""
    file, page = tmp_path / "one_way.py", tmp_path / "page.html"
    file.write_text(ONE_WAY, encoding="utf-8")
    files = [f"tests/test_{name}.py" for name in ("agreement", "archive", "h_n")]
    ended = pytest_run("-n0", f"--impl={file}", "--cases=30", f"--html={page}", *files, COLUMNS="200", CI="true")
    assert ended.returncode == 1
    assert "claims two directions, which never works" in ended.stdout
    assert "  with two directions: NotImplementedError: one direction only" in ended.stdout
    assert "  to claim the rest alone: Capabilities(bidirectional=False)" in ended.stdout
    assert "  all else is judged within these" in ended.stdout
    assert "1 failed" in ended.stdout
    verdict = " ".join(ended.stdout.partition("= verdict =")[2].split())
    assert "one-way computes what nn.RNN computes (" in verdict
    assert "It claims two directions, which never works." in verdict
    assert "one direction only" in page.read_text(encoding="utf-8")


def test_one_property_alone_tells_it(tmp_path: Path) -> None:
    """Where agreement is not judged, another one does."""
    file = tmp_path / "one_way.py"
    file.write_text(ONE_WAY, encoding="utf-8")
    ended = pytest_run("-n0", f"--impl={file}", "--cases=10", "tests/test_h_n.py", COLUMNS="200", CI="true")
    assert ended.returncode == 1
    assert "FAILED tests/test_h_n.py::test_h_n[one-way-0] - claims two directions, which never works" in ended.stdout


def test_another_bug_is_told_beside_it(tmp_path: Path) -> None:
    """The item that tells it judges its own cases, too."""
    file = tmp_path / "one_way.py"
    wrong = ONE_WAY.replace("torch.nn.RNN)", "Wrong)") + (
        "\nclass Wrong(torch.nn.RNN):\n"
        "    def forward(self, x, h_0=None):\n"
        "        output, h_n = super().forward(x, h_0)\n"
        "        return output, -h_n\n"
    )
    file.write_text(wrong, encoding="utf-8")
    ended = pytest_run("-n0", f"--impl={file}", "--cases=40", "tests/test_agreement.py", COLUMNS="200", CI="true")
    assert ended.returncode == 1
    assert "one-way (torch" in ended.stdout
    assert "It claims two directions, which never works." in " ".join(ended.stdout.split())
    assert ended.stdout.index(": claims two directions") < ended.stdout.index("fails agreement: ")


UNTRACKED = """
import torch
from rnn_parity import register

@register("untracked")
def build(config, weights):
    module = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    module.load_state_dict(dict(weights))
    return torch.no_grad()(module)
"""


@pytest.mark.parametrize(
    ("judged", "told"),
    [("agreement", ""), ("gradients", "gradients"), ("arguments", "gradients"), ("second_derivatives", "both")],
)
def test_a_claim_that_nothing_asks_for_is_not_told(tmp_path: Path, judged: str, told: str) -> None:
    """What never works is told where a property of the run needs it, or has cases of it among others."""
    file = tmp_path / "untracked.py"
    file.write_text(UNTRACKED, encoding="utf-8")
    asked = "-n0", f"--impl={file}", "--cases=20", f"tests/test_{judged}.py"
    ended = pytest_run(*asked, COLUMNS="200", CI="true")
    words = {"": "", "gradients": "claims gradients, which never works", "both": "claims gradients and second"}[told]
    assert words in ended.stdout
    assert (ended.returncode, "which never work" in ended.stdout) == (int(bool(told)), bool(told))


NARROW = """
from torch import nn

class Narrow(nn.RNN):
    def __init__(self, input_size, hidden_size, nonlinearity="tanh", batch_first=False):
        super().__init__(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=batch_first)

    def forward(self, x, h_0=None):
        if x.dim() == 2:
            raise ValueError("no batch")
        return super().forward(x, h_0)
"""


@pytest.mark.parametrize("options", [["-n0"], ["-n2"], ["-n0", "--isolate"]])
def test_of_a_class_nobody_has_said_what_it_takes_on(tmp_path: Path, options: list[str]) -> None:
    """What never works is left out, as `check` does, and told where the verdict is; that is no failure."""
    (tmp_path / "narrow_module.py").write_text(NARROW, encoding="utf-8")
    asked = *options, "--impl=narrow_module:Narrow", f"--report={tmp_path / 'report.json'}", "--cases=30"
    files = [f"tests/test_{name}.py" for name in ("agreement", "h_n", "archive")]
    ended = pytest_run(*asked, *files, PYTHONPATH=str(tmp_path), COLUMNS="200", CI="true")
    assert ended.returncode == 0, ended.stdout
    told = " ".join(ended.stdout.split())
    assert "narrow: not judged: an unbatched x (calling the network raised ValueError: no batch)" in told
    assert "got an unexpected keyword argument 'num_layers')" in told
    assert (
        "narrow: judged within Capabilities(biases=(True,), bidirectional=False, unbatched=False, max_layers=1)" in told
    )
    assert (
        "Not judged: an unbatched x, bias=False, several layers and two directions." in told.partition("verdict =")[2]
    )
    results = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["results"]
    assert sum(bool(result["left_out"]) for result in results) == 1


def test_a_hunt_takes_no_first_look(tmp_path: Path) -> None:
    """So it is to be said what such a class takes on."""
    (tmp_path / "narrow_module.py").write_text(NARROW, encoding="utf-8")
    ended = pytest_run("--impl=narrow_module:Narrow", "--minutes=1", PYTHONPATH=str(tmp_path))
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Say what it takes on: capabilities=Capabilities(max_layers=1, biases=(True,), bidirectional" in ended.stderr
