"""One real run, with two workers, that writes everything that is written: each is there, and tells of the one bug."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.suite.players import NETWORK
from rnn_parity.tests.suite.running import pytest_run

#: All look at one run.
pytestmark = [pytest.mark.xdist_group("written"), pytest.mark.quick]

PLAYERS = f"""{NETWORK}
@register("good", capabilities=Capabilities(gradients=False))
def good(config, weights):
    return network(config, weights)

@register("forgetful", capabilities=Capabilities(gradients=False))
def forgetful(config, weights):
    return network(config, weights, "bias_hh")
"""
BUG = "the bug: b_hh is left out"


class Written(NamedTuple):
    """A run, and the folder of what it wrote."""

    code: int
    said: str
    folder: Path

    def text(self, name: str) -> str:
        """What stands in a file."""
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two implementations on two properties."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "players.py").write_text(PLAYERS, encoding="utf-8")
    into = {"report": "json", "html": "html", "table": "md", "repro": "py"}
    outputs = (f"--{option}={folder}/{option}.{suffix}" for option, suffix in into.items())
    asked = ("-n2", "-pno:cacheprovider", f"--impl={folder}/players.py", "--cases=30", "--hypothesis-seed=1")
    own = {
        "CI": "true",
        "COLUMNS": "200",
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": f"{folder}/summary.md",
        "GITHUB_WORKSPACE": str(folder),
    }
    tests = ("tests/test_agreement.py", "tests/test_h_n.py")
    ran = pytest_run(*asked, *outputs, f"--archive={folder}/archive", f"--junitxml={folder}/junit.xml", *tests, **own)
    return Written(ran.returncode, ran.stdout + ran.stderr, folder)


def test_the_terminal(run: Written) -> None:
    """One finding, told once, and the verdicts."""
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert run.said.count("\nminimal case: relu T1 B1 I1 H1 float64\n") == 1
    assert run.said.count(f"  {BUG}\n") == 1
    assert "2 failed, 2 passed" in run.said
    assert "disagreeing: forgetful" in run.said
    assert "NOT written" not in run.said


def test_the_report(run: Written) -> None:
    """All results, and the finding."""
    report = json.loads(run.text("report.json"))
    status = {(found["implementation"], found["property"]): found["status"] for found in report["results"]}
    assert status["good", "agreement"] == status["good", "h_n"] == "agrees"
    assert status["forgetful", "agreement"] == "disagrees"
    assert report["run"]["workers"] == 2
    (found,) = report["findings"]
    assert found["implementation"] == "forgetful"


def test_the_archive_and_the_script(run: Written) -> None:
    """The minimal case, and a script that shows the bug without the suite."""
    (kept,) = map(archive.read, archive.files(run.folder / "archive"))
    assert (kept.property, kept.case.descriptor) == ("agreement", "relu T1 B1 I1 H1 float64")
    assert kept.disagreed[0]["diagnosis"].startswith(BUG)
    script = [sys.executable, str(run.folder / "repro.py")]
    assert subprocess.run(script, capture_output=True, check=False).returncode == 1


def test_the_page_and_the_table(run: Written) -> None:
    """Who disagrees stands in both."""
    assert "forgetful fails agreement" in re.sub(r"<[^>]*>", "", run.text("html.html"))
    assert re.search(r"^\| .*forgetful", run.text("table.md"), re.MULTILINE)


def test_what_ci_is_told(run: Written) -> None:
    """An annotation at the line of the function, the job's summary, and JUnit's XML."""
    (line,) = re.findall(r"^::error .*$", run.said, re.MULTILINE)
    assert re.match(r"::error file=players.py,line=\d+,title=forgetful fails agreement::", line)
    assert run.text("summary.md").count("## rnn-parity") == run.text("summary.md").count("<details>") == 1
    assert run.text("junit.xml").count("<failure ") == 2
