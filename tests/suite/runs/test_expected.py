"""Failures that are expected: a file lists them, they fail no run, and each has to fail still."""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from rnn_parity.tests.suite.reported import FOLDER
from rnn_parity.tests.suite.running import pytest_run

TRANSPOSED = """
import torch
from rnn_parity import Capabilities, register

@register("mine", capabilities=Capabilities(max_layers=1, bidirectional=False, unbatched=False))
def build(config, weights):
    own = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    own.load_state_dict({name: weight.T if "weight_hh" in name else weight for name, weight in weights.items()})
    return own
"""
TESTS = """
import torch
from rnn_parity import properties

class Mine(torch.nn.RNN):
    def forward(self, x, h_0=None):
        output, h_n = super().forward(x, h_0)
        return -output, h_n

class Right(torch.nn.RNN):
    pass

test_mine = properties(Mine, properties=("agreement", "layouts", "repeats"))
test_right = properties(Right, properties=("agreement", "h_0"))
"""


def judged(folder: Path, lines: str, *options: str) -> CompletedProcess[str]:
    """A run of agreement, layouts and repeats on what transposes a weight, with these lines in a file."""
    (folder / "mine.py").write_text(TRANSPOSED, encoding="utf-8")
    (folder / "expected.txt").write_text(lines, encoding="utf-8")
    given = f"--impl={folder / 'mine.py'}", f"--expected={folder / 'expected.txt'}", "--cases=120"
    files = [f"tests/test_{name}.py" for name in ("agreement", "layouts", "repeats")]
    return pytest_run("-rx", "-pno:cacheprovider", *given, *options, *files, CI="true", COLUMNS="200")


@pytest.mark.parametrize("options", [["-n0"], ["-n2"]])
def test_what_is_expected_fails_no_run(tmp_path: Path, options: list[str]) -> None:
    """Nor does what follows from it; it is told in a line each, and in the verdict."""
    report = tmp_path / "report.json"
    ran = judged(tmp_path, "# a comment\n\nagreement mine a bug: issue #12\n", *options, f"--report={report}")
    assert ran.returncode == 0, ran.stdout
    assert "minimal case" not in ran.stdout
    assert re.search(r"^XFAIL tests/test_agreement\S+ - \S*expected\.txt:3: a bug: issue #12", ran.stdout, re.MULTILINE)
    told = " ".join(ran.stdout.split())
    assert re.search(r"mine fails agreement and layouts\. It is expected to fail agreement and layouts\.", told)
    assert f"failing as expected: {tmp_path}/expected.txt:3" in told
    statuses = {found["property"]: found["status"] for found in json.loads(report.read_text("utf-8"))["results"]}
    assert statuses == {"agreement": "disagrees", "layouts": "follows", "repeats": "agrees"}


def test_what_is_listed_and_passes_fails(tmp_path: Path) -> None:
    """The line is named; what is not judged is let be."""
    ran = judged(tmp_path, "agreement mine\nrepeats mine\nlaws mine\nrepeats another", "-n0")
    assert ran.returncode == 1
    assert f"{tmp_path}/expected.txt:2: mine was expected to fail repeats, and passes: take the line out" in ran.stdout
    assert ran.stdout.count("take the line out") == 1


def test_what_is_not_listed_fails(tmp_path: Path) -> None:
    ran = judged(tmp_path, "layouts mine\n", "-n0")
    assert ran.returncode == 1
    assert "the bug: W_hh is used transposed" in ran.stdout
    assert "take the line out" not in ran.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agrement mine", r"expected\.txt:1: .*found 'agrement mine'; did you mean agreement"),
        ("\nagreement", r"expected\.txt:2: expected a property, an implementation and perhaps a reason, .*'agreement'"),
    ],
)
def test_lines_that_say_nothing(tmp_path: Path, text: str, words: str) -> None:
    ran = judged(tmp_path, text)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert re.search(words, ran.stderr)


def test_a_file_that_is_not_there() -> None:
    ran = pytest_run(f"--impl={FOLDER / 'flipped.py'}", "--expected=absent.txt")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--expected absent.txt: expected a file of text, but" in ran.stderr


def test_in_tests_of_ones_own(tmp_path: Path) -> None:
    """As pytest's xfail, strictly; what follows is expected as well."""
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.rnn_parity]\nexpected = "expected.txt"\ncases = 20\n', "utf-8")
    (tmp_path / "expected.txt").write_text("agreement Mine a sign\nh_0 Right\n", encoding="utf-8")
    ran = pytest_run("-rA", "-pno:cacheprovider", folder=tmp_path, others=True)
    by_item = {item: word for word, item in re.findall(r"^(XFAIL|PASSED|FAILED) \S*::(\S+)", ran.stdout, re.MULTILINE)}
    assert by_item == {
        "test_mine[agreement]": "XFAIL",
        "test_mine[repeats]": "PASSED",
        "test_mine[layouts]": "XFAIL",
        "test_right[agreement]": "PASSED",
        "test_right[h_0]": "FAILED",
    }
    assert "expected.txt:2: expected to fail" in ran.stdout
