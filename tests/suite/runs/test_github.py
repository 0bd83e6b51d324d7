"""What GitHub Actions is told: annotations at the right lines, a summary of a size that it takes, and a workflow."""

from __future__ import annotations

import functools
import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from rnn_parity import Implementation, registered
from rnn_parity.registry import module_build
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.finding.source import written_at
from rnn_parity.tests.judge.report.github import (
    MOST_BYTES,
    MOST_ERRORS,
    annotated,
    by_use,
    command,
    errors,
    summarized,
    summary,
)
from rnn_parity.tests.judge.report.results import Result, Results
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.planted import Loop
from rnn_parity.tests.suite.running import environment, pytest_run

FOUND = Finding(
    implementation="mine",
    library="torch",
    version="2.13.0",
    property="agreement",
    says="Outputs lie within the proven bounds.",
    descriptor="relu T1 B1 I1 H1 h_0",
    case="Case(Config(1, 1),\n     x=[[[0]]])",
    plain={},
    differs=["output[t=0, b=0, j=0] (layer 0)", "  expected  1", "  got       0"],
    kind="value",
    found="tanh T3 B2 I4 H5",
    calls=12,
    reduced_fully=True,
    matters="Fails for every input tried (12 of 12), as long as h_0 is not zero.",
    commands={"archived": "counterexamples/a.json", "replay": "pytest --case=counterexamples/a.json"},
    source="impls/mine.py",
    line=7,
)

#: Whose results are told: of what agrees, and of what does not.
RUN = Run(
    tuple(replace(registered()["numpy"], name=name, known_defects=()) for name in ("mine", "good|one", "other")),
    cases=600,
    seed=1,
    profile="dev",
    archive=None,
    replay=None,
)


def results(*findings: Finding) -> Results:
    """Those findings, and an implementation that agrees."""
    made = Results()
    made.findings = list(findings)
    for found in findings:
        made.found[found.implementation, found.property] = Result(found.implementation, found.property, "disagrees", 3)
    made.found["good|one", "agreement"] = Result("good|one", "agreement", "agrees", 600, elements=9)
    return made


# Where it is written


def test_in_tree_adapters_are_found() -> None:
    """Each implementation of this repository has a file of it, and a line in it."""
    for name, found in registered().items():
        path, line = written_at(found)
        assert path.startswith("impls/"), f"{name}: {path}"
        assert 1 <= line <= len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_somebody_elses_class_is_found_where_it_is_registered() -> None:
    """By its name in quotes."""
    path, line = written_at(registered()["nn.rnn"])
    assert '"nn.rnn"' in (ROOT / path).read_text(encoding="utf-8").splitlines()[line - 1]


def there(build: Any) -> tuple[str, int]:
    found: Implementation = replace(registered()["numpy"], name="of-no-file", build=build)
    return written_at(found)


class Wraps:
    """A build that is an object."""

    def __call__(self, config: Any, weights: Any) -> Any:
        raise NotImplementedError


@functools.wraps(Loop)
def wrapper(config: Any, weights: Any) -> Any:
    return Loop(config, weights)


class Module(torch.nn.Module):
    """A module of ours."""


@pytest.mark.parametrize(
    ("build", "written"),
    [
        (Loop, Loop),
        (functools.partial(Loop), Loop),
        (wrapper, Loop),
        (Wraps(), Wraps),
        (module_build(Module), Module),
    ],
    ids=["class", "partial", "wrapper", "object", "module"],
)
def test_the_line_is_that_of_what_somebody_wrote(build: Any, written: Any) -> None:
    """Through partials, wrappers, objects and modules."""
    path = Path(inspect.getsourcefile(written) or "").relative_to(ROOT).as_posix()
    assert there(build) == (path, inspect.getsourcelines(written)[1])


def test_what_is_not_in_the_repository_has_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody else's module, what is in no file, and what lies elsewhere; unless CI has checked that out."""
    somebody = {"name": "somebody-elses", "build": module_build(torch.nn.RNN)}
    assert written_at(replace(registered()["numpy"], **somebody)) == ("", 0)
    path = tmp_path / "sub" / "own.py"
    path.parent.mkdir()
    path.write_text("\n\ndef build(config, weights):\n    pass\n", encoding="utf-8")
    names: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)  # noqa: S102 - written above
    assert there(names["build"]) == ("", 0)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert there(names["build"]) == ("sub/own.py", 3)


# Annotations


def test_escaping() -> None:
    """A message is one line; a property is also free of what ends it."""
    told = command("error", "50 %\r\na: b, c::d", file="a,b:c%.py", title="x\ny")
    assert told == "::error file=a%2Cb%3Ac%25.py,title=x%0Ay::50 %25%0D%0Aa: b, c::d"


def test_an_annotation_is_the_diagnosis_at_the_code() -> None:
    """Without a diagnosis it is what differs."""
    (told,) = errors(results(replace(FOUND, diagnosis=["h_0 is ignored"])))
    assert told.startswith(
        "::error file=impls/mine.py,line=7,title=mine fails agreement::h_0 is ignored%0Aminimal case: "
    )
    assert told.endswith("replay: pytest --case=counterexamples/a.json")
    (told,) = errors(results(replace(FOUND, source="", line=0)))
    assert told.startswith("::error title=mine fails agreement::output[t=0, b=0, j=0] (layer 0)%0A  expected  1%0A")


def test_the_most_useful_are_shown() -> None:
    """Certain diagnoses first, and everybody once before anybody twice; then how many there are beside."""
    many = [replace(FOUND, property=f"p{number}") for number in range(20)]
    certain = replace(FOUND, implementation="other", diagnosis=["it is this"], certain=True)
    maybe = replace(FOUND, property="q", diagnosis=["it may be that"])
    told = list(errors(results(*many, maybe, certain)))
    assert [line.count("::error") for line in told] == [1] * MOST_ERRORS + [0]
    assert ["it is this" in line for line in told].index(True) == 0
    assert ["it may be that" in line for line in told].index(True) == 1
    assert told[-1] == "::notice title=12 more disagreements::The summary of the job and the log have all."
    assert len(by_use([*many, maybe, certain])) == 22


# The summary


def test_the_summary_has_everything() -> None:
    """The verdict, a row for everybody, and each finding folded, its case between fences that nothing in it ends."""
    told = summary(results(replace(FOUND, diagnosis=["the bug: a ``` b <script>"], version="<2>")), RUN)
    assert told.index("- mine does not compute what nn.RNN computes: a \\`\\`\\` b \\<script\\>.") < told.index(
        "- good\\|one "
    )
    assert "603 cases judged in 0 s of CPU; disagreeing: mine" in told
    assert "| good\\|one | ok 600 |  |  |  |  |  |  |  | 600 | 0.00 |" in told
    assert "| mine | NO 3 |  |  |  |  |  |  |  | 3 |  |" in told
    assert "<details><summary>mine fails agreement: the bug: a ``` b &lt;script&gt;</summary>" in told
    assert "\n````\nthe bug: a ``` b <script>\n````\n" in told
    assert "\n```\nCase(Config(1, 1),\n     x=[[[0]]])\n```\n" in told
    assert "pytest --case=counterexamples/a.json" in told
    assert "impls/mine.py:7" in told
    assert told.count("<details>") == told.count("</details>") == 1


@pytest.mark.parametrize("most", [MOST_BYTES, 20_000, 500])
def test_the_summary_is_no_larger_than_github_takes(most: int) -> None:
    """What does not fit is counted; a finding is whole or not there."""
    many = [replace(FOUND, property=f"p{number}", case="é" * 4000) for number in range(400)]
    told = summary(results(*many), RUN, most)
    assert len(told.encode()) <= most
    shown = told.count("<details>")
    assert shown == told.count("</details>") == len(re.findall("é+", told))
    assert f"{400 - shown} more disagreements do not fit here" in told or not told


def test_only_in_github_actions(tmp_path: Path) -> None:
    """And only where something was judged; the summary is added to what is there."""
    path = tmp_path / "summary.md"
    asked = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
    for found, given in ((results(FOUND), {}), (Results(), asked)):
        assert not [*annotated(found, given), *summarized(found, RUN, given)]
    assert not path.exists()
    path.write_text("before\n", encoding="utf-8")
    assert len(list(annotated(results(FOUND), asked))) == 1
    assert not list(summarized(results(FOUND), RUN, asked))
    assert path.read_text(encoding="utf-8").startswith("before\n## rnn-parity\n")
    nowhere = asked | {"GITHUB_STEP_SUMMARY": str(path / "below")}
    assert "NOT written: summary of the job: " in next(summarized(results(FOUND), RUN, nowhere))


FORGETFUL = """
import torch
from rnn_parity import register_module


class Forgetful(torch.nn.RNN):
    def forward(self, x, h_0=None):
        return super().forward(x)


register_module("forgetful", Forgetful)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_run(tmp_path: Path, workers: int) -> None:
    """The controller says it, once, at the line of the class, whoever found it."""
    (tmp_path / "forgetful.py").write_text(FORGETFUL, encoding="utf-8")
    told = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": f"{tmp_path}/summary.md",
        "GITHUB_WORKSPACE": str(tmp_path),
    }
    asked = ["-pno:cacheprovider", f"-n{workers}", "--cases=200", "--color=yes", "--hypothesis-seed=1"]
    ran = pytest_run(*asked, f"--impl={tmp_path}/forgetful.py", "tests/test_agreement.py", CI="true", **told)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    (line,) = re.findall(r"^::error .*$", ran.stdout, re.MULTILINE)
    assert line.startswith("::error file=forgetful.py,line=6,title=forgetful fails agreement::")
    assert "%0Aminimal case: " in line
    written = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert written.count("## rnn-parity") == written.count("<details>") == 1


# The workflow


def test_the_workflow_is_the_readmes() -> None:
    """It runs the README's commands, and its job is the one that the README shows."""
    workflow = (ROOT / ".github" / "workflows" / "parity.yml").read_text(encoding="utf-8")
    readme = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\njobs:\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert shown.replace("runs-on: ubuntu-latest\n", "runs-on: ubuntu-latest\n    timeout-minutes: 60\n") in workflow
    tests = ["python -m pip install tox && tox", "tox -e wheel", "tox -e full -- -m full"]
    assert "".join(f"      - run: {command}\n" for command in tests) in workflow
    assert "$ python -m pip install tox && tox\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    for action in re.findall(r"uses: (\S+)", workflow):
        assert re.fullmatch(r"actions/[\w-]+@v\d+", action)


def test_the_workflow_of_somebody_else(tmp_path: Path) -> None:
    """Its ten lines, run in their repository: what fails is annotated at its line, summed up and kept."""
    readme = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(on: push\n.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert len(shown.splitlines()) == 10
    install, judge = [step["run"] for step in yaml.safe_load(shown)["jobs"]["parity"]["steps"] if "run" in step]
    assert install == "python -m pip install wheels/rnn_parity-*.whl"  # As `tox -e wheel` does it.
    shutil.copy(ROOT / "tests" / "suite" / "reported" / "misspelt.py", tmp_path / "my_rnn.py")
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTEST_XDIST_AUTO_NUM_WORKERS": "1",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": f"{tmp_path}/summary.md",
    }
    command = ["bash", "-e", "-c", judge]
    ran = subprocess.run(command, cwd=tmp_path, env=environment() | variables, capture_output=True, check=False)
    printed = ran.stdout.decode()
    assert ran.returncode == 1, printed + ran.stderr.decode()
    (line,) = re.findall(r"^::error .*$", printed, re.MULTILINE)
    assert line.startswith("::error file=my_rnn.py,line=")
    assert "every call raises KeyError: 'weights_ih_l0'" in line
    assert "KeyError" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    (kept,) = (tmp_path / "counterexamples").iterdir()
    assert f": counterexamples/{kept.name}\n" in printed


def test_the_workflow_is_yaml() -> None:
    """Steps each use or run something, the last of `parity` whatever the others gave; the versions are those of tox."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "parity.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]) == {"suite", "versions", "parity", "merged"}
    for job in workflow["jobs"].values():
        assert all(len({"uses", "run"} & set(step)) == 1 for step in job["steps"])
    assert workflow["jobs"]["parity"]["steps"][-1]["if"] == "always()"
    tried = {job["environment"] for job in workflow["jobs"]["versions"]["strategy"]["matrix"]["include"]}
    assert tried == {"py312", "py313", "py314", "lowest"}
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    assert "[testenv:py{312,313,314}]" in tox
    assert "[testenv:lowest]" in tox


def test_tox_lets_ci_in() -> None:
    """What a run reads of GitHub's environment reaches it through tox."""
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    (section,) = re.findall(r"^\[testenv:parity\]\n(.*?)^\[", tox, re.MULTILINE | re.DOTALL)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI"):
        assert re.search(rf"^    {name}$", section, re.MULTILINE)
