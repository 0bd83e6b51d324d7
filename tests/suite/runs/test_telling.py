"""What goes wrong while something is told costs that part only: each part is made to raise in turn, in real runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.base.telling import Teller, keep_error
from rnn_parity.tests.judge.finding import varied
from rnn_parity.tests.judge.finding.explain import PARTS
from rnn_parity.tests.judge.finding.matters import Variations
from rnn_parity.tests.judge.reduction import counterexample
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal
from rnn_parity.tests.judge.report.outputs import OPTIONS
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.breaking import BREAKS, OUTPUTS, SAID, SUMMARY, broken
from rnn_parity.tests.suite.planted import BUGS
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation
from rnn_parity.tests.suite.running import pytest_run

WRONG = """
import torch
from rnn_parity import Capabilities, register
from rnn_parity.registry import module_build

@register("wrong", capabilities=Capabilities(max_layers=1, bidirectional=False, lengths=(), gradients=False))
def build(config, weights):
    run = module_build(torch.nn.RNN)(config, weights)
    def call(x, h_0=None):
        output, h_n = run(x, h_0)
        return output + 1, h_n
    return call
"""
ITEM = "tests/test_agreement.py::test_agreement[wrong-0]"
#: All look at one set of runs.
pytestmark = pytest.mark.xdist_group("telling")


class Ended(NamedTuple):
    """How a run ended, what it printed, and what it wrote."""

    status: int
    printed: str
    files: set[str]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """By the part that raised."""
    folder = tmp_path_factory.mktemp("telling")
    path = folder / "wrong.py"
    path.write_text(WRONG, encoding="utf-8")
    asked = ["-q", "-n0", "-p", "no:cacheprovider", "--hypothesis-seed=1", "--cases=5", f"--impl={path}", ITEM]
    command = [sys.executable, "-m", "rnn_parity.tests.suite.breaking", str(folder), *asked]
    subprocess.run(command, cwd=ROOT, check=True)
    return {
        (into / "part").read_text(): Ended(
            int((into / "status").read_text()), (into / "printed").read_text(), {found.name for found in into.iterdir()}
        )
        for into in folder.iterdir()
        if into.is_dir()
    }


@pytest.mark.parametrize("part", BREAKS)
def test_a_part_that_raises(ended: dict[str, Ended], part: str) -> None:
    """It alone is missing, the error is told with its traceback, and the run ends as one with an internal error."""
    found = ended[part]
    assert found.status == pytest.ExitCode.INTERNAL_ERROR, found.printed
    assert f"internal error of the suite, while telling {part}" in found.printed
    assert f"RuntimeError: {SAID}" in found.printed
    assert "Please report this" in found.printed
    assert "1 failed" in found.printed
    missing = {option.partition("=")[2] for name, option in OUTPUTS.items() if name == part}
    missing |= {SUMMARY} if part == "the summary on GitHub" else set()
    missing |= {"script.py"} if part in ("the script", "the finding") else set()
    missing |= {"archive"} if part in ("the archive", "the finding") else set()
    wanted = {SUMMARY, "archive", *(option.partition("=")[2] for option in OUTPUTS.values())}
    assert wanted - found.files == missing
    if part not in ("the finding", "the text of a finding", "a finding that is taken in"):
        assert "wrong (torch" in found.printed
        assert "fails agreement" in found.printed


def test_every_part_is_made_to_raise() -> None:
    """Those of a finding, and the files that a run may ask for."""
    assert PARTS.keys() <= BREAKS.keys()
    assert {what for what, _ in OPTIONS.values()} <= BREAKS.keys()


def test_it_comes_from_a_worker(tmp_path: Path) -> None:
    """What goes wrong there is told here, and everything is written."""
    path = tmp_path / "wrong.py"
    path.write_text(WRONG, encoding="utf-8")
    breaking = tmp_path / "breaking_all.py"
    breaking.write_text(
        "def pytest_configure():\n"
        "    from rnn_parity.tests.suite.breaking import break_, quicken\n"
        "    quicken()\n"
        "    break_('rnn_parity.tests.judge.finding.explain:Variations')\n"
        "    break_('rnn_parity.tests.judge.run.explaining:find_minimal')\n",
        encoding="utf-8",
    )
    asked = ["-q", "-n1", "-p", "breaking_all", "--cases=5", f"--impl={path}", f"--report={tmp_path}/report.json", ITEM]
    ran = pytest_run(*asked, PYTHONPATH=str(tmp_path), CI="true")
    assert ran.returncode == pytest.ExitCode.INTERNAL_ERROR
    for part in ("the minimal case (wrong fails agreement on ", "what matters (wrong fails agreement on "):
        assert f"internal error of the suite, while telling {part}" in ran.stdout
    assert '"exit_status": 3' in (tmp_path / "report.json").read_text(encoding="utf-8")


def test_the_lines_before_an_error_stand() -> None:
    """And those of the parts behind it."""

    def raises() -> object:
        yield "one"
        raise ValueError("odd")

    teller = Teller()
    lines = list(teller.told({"first": raises, "second": lambda: ["two"], "third": lambda: None}))  # type: ignore[dict-item]
    assert lines[:2] == ["one", "two"]
    assert "while telling first\n" in lines[-1]
    assert lines[-1].endswith("ValueError: odd\n")
    assert teller.status(1) == pytest.ExitCode.INTERNAL_ERROR
    assert list(Teller().told({"all": lambda: ["well"]})) == ["well"]
    assert Teller().status(1) == 1


def test_an_error_on_another_case_is_told() -> None:
    """It is no verdict on that case, costs nothing else, and is told with the part in which it came up."""
    teller = Teller("one")

    def fails() -> None:
        try:
            raise ValueError("odd")  # noqa: TRY301 - as a property does.
        except ValueError:
            keep_error()

    with teller.part("all"):
        fails()
        with teller.part("what matters"):
            for _ in range(2):
                fails()
        with teller.part("the pictures"):
            pass
    assert [fault.partition("\n")[0] for fault in teller.faults] == [
        "internal error of the suite, while telling what matters (one)",
        "internal error of the suite, while telling all (one)",
    ]
    assert teller.status(1) == pytest.ExitCode.INTERNAL_ERROR


@pytest.mark.parametrize("where", [counterexample, varied])
def test_errors_are_kept_where_other_cases_are_tried(where: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a case is reduced, and while it is varied."""
    judged, found = PROPERTIES["agreement"], implementation(next(bug for bug in BUGS if bug.name == "always-relu"))
    disagreement = hunt(judged, found, 0, shrink=False)
    assert isinstance(disagreement, Disagreement)
    case = Counterexample.as_found(judged, found, disagreement.case, disagreement)
    monkeypatch.setattr(where, "verdict_on", broken)
    teller = Teller()
    with teller.part("what is tried"):
        find_minimal(judged, found, disagreement) if where is counterexample else Variations(case)
    assert any(SAID in fault for fault in teller.faults)
