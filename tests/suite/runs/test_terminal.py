"""What a finding looks like in the terminal: a screen at most, in colours where there are any, and told once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.judge.base.finding import Finding
from tests.judge.finding import explain as findings
from tests.judge.report.terminal import SCREEN, Told, lines
from tests.suite.planted import BUGS
from tests.suite.planted.trying import minimal
from tests.suite.running import pytest_run

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.xdist_group("terminal")]

_BUGS = {bug.name: bug for bug in BUGS}
#: A bug of every family, and those with the largest minimal cases.
SHOWN = [
    *("hidden-tail-32", "batch-tail-16", "recurrent-transposed", "initial-state-ignored", "empty-batch-raises"),
    *("always-relu", "batch-first-ignored-when-square", "nan-swallowed", "longest-for-all"),
    *("gradient-of-last-step-only", "results-memoised", "double-in-single"),
]
COMMANDS = {
    "replay": "pytest --impl=elsewhere/rnn.py --hypothesis-seed=123456789 --cases=600 'tests/test_a.py::test_a[me-0]'",
    "archive": "pytest --archive=tests/regressions --impl=elsewhere/rnn.py --cases=600 'tests/test_a.py::test_a[me-0]'",
    "reproduce": "python reproduce_agreement_me.py",
}
OTHERS = {
    "agree": [f"implementation-{number}" for number in range(14)],
    "disagree": [f"implementation-{number}" for number in range(14, 28)],
    "cannot take it": ["notebook", "onnx"],
    "not installed": [f"missing-{number}" for number in range(13)],
    "cannot be judged": [],
}


@pytest.fixture(autouse=True, scope="module")
def others() -> Iterator[None]:
    """How the others do takes long, and is not what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "others", lambda counterexample: OTHERS)
        yield


@cache
def found(name: str) -> Finding:
    counterexample = minimal(_BUGS[name], 1)
    assert counterexample is not None
    return findings.explained(counterexample, COMMANDS)


def explained(name: str) -> Finding:
    """The same with all that a finding may hold, and more of it than anybody reads."""
    sentence = "the state of step 3 is that of step 2 with weight_hh_l0 transposed, which no other bug model explains"
    return replace(
        found(name), diagnosis=[sentence] * 12, divergence=["t=0: 1 = 1 * 1 + 0", "  expected  1", "  got       0"] * 9
    )


def height(finding: Finding, width: int) -> int:
    """How many lines it takes in a terminal of so many columns."""
    return sum(max(1, -(-len(line.text) // width)) for line in lines(finding, width))


@pytest.mark.parametrize("name", SHOWN)
def test_a_finding_fills_a_screen_at_most(name: str) -> None:
    """However large the case, in terminals of three widths, with and without a diagnosis."""
    for finding in (found(name), explained(name)):
        assert max(height(finding, width) for width in (80, 100, 120)) <= SCREEN


@pytest.mark.parametrize("name", SHOWN)
def test_what_counts_is_never_cut(name: str) -> None:
    """Who fails what, the kind of case, what is asked most, and every command as it can be pasted."""
    for finding in (found(name), explained(name)):
        text = str(Told(finding))
        assert text.startswith(f"{name} (torch ")
        assert f"minimal case: {finding.descriptor}" in text
        assert finding.name[:60] in " ".join(text.split())
        assert [command for command in COMMANDS.values() if f": {command}\n" not in f"{text}\n"] == []
        assert "not installed: 13" in text
        assert "missing-1" not in text


def test_the_order_is_that_of_reading() -> None:
    """The diagnosis, the case, what matters of it, the first divergence, the others, what next."""
    text = str(Told(explained("initial-state-ignored")))
    order = [
        "fails agreement",
        "the state of step 3",
        "minimal case",
        "what matters",
        "first divergence",
        "on this same",
    ]
    places = [text.index(words) for words in [*order, "what next"]]
    assert places == sorted(places)


def test_a_diagnosis_with_a_divergence_takes_the_place_of_what_differs() -> None:
    """Both say where it differs; without one of them, that is said."""
    whole = explained("initial-state-ignored")
    place = whole.differs[0]
    assert place not in str(Told(whole))
    assert place in str(Told(replace(whole, divergence=[])))
    assert place in str(Told(replace(whole, diagnosis=[])))


def test_a_large_case_says_where_the_whole_is() -> None:
    """And what is shown of a small one can be pasted."""
    large = "\n".join(line.text for line in lines(explained("hidden-tail-32"), 100))
    assert re.search(r"^  \.\.\. \d+ more lines; --archive and --html keep the whole case$", large, re.MULTILINE)
    assert "\n  (reduced from " in large
    small = "\n".join(line.text for line in lines(found("recurrent-transposed"), 80))
    code = small.partition("float64\n")[2].partition("  (reduced")[0]
    compile(code.strip(), "case", "eval")


# In a run

BROKEN = """
import torch
from impls import register

def build(config, weights):
    module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
    module.load_state_dict(dict(weights))
    def run(x, h_0=None):
        output, h_n = module(x, h_0)
        return output + 1, h_n
    return run

register("broken", build)
"""
PROPERTIES = ("agreement", "h_n", "layouts")


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """A run on an implementation that fails everything."""
    (folder / "broken.py").write_text(BROKEN, encoding="utf-8")
    asked = ["-pno:cacheprovider", f"--impl={folder / 'broken.py'}", "--cases=200", "--hypothesis-seed=1"]
    tests = [f"tests/test_{name}.py" for name in PROPERTIES]
    ran = pytest_run(*asked, *arguments, *tests, **{"COLUMNS": "120"} | environment)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_counterexample_is_told_once(tmp_path: Path, workers: int) -> None:
    """One paragraph, in colours, that names the others, and one line; all fail, are counted, and stand in junitxml."""
    text = run(tmp_path, f"-n{workers}", "--color=yes", f"--junitxml={tmp_path}/junit.xml")
    plain = re.sub(r"\x1b\[\d+m", "", text)
    assert plain.count("minimal case") == 1
    assert re.search(r"^the same counterexample: 5 more items of agreement, h_n, layouts$", plain, re.MULTILINE)
    assert len(re.findall(r"^_+ test_", plain, re.MULTILINE)) == 1
    assert "6 failed" in plain
    (line,) = re.findall(r"^FAILED tests/.*$", plain, re.MULTILINE)
    assert " - output" in line
    assert "\x1b[1m\x1b[31mbroken (torch" in text
    assert "\x1b[1m  none of the" in text
    assert "\x1b[1m\x1b[36mfirst divergence" in text or "\x1b[36m\x1b[1mfirst divergence" in text
    junit = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert junit.count("<testcase ") == junit.count("<failure ") == 6


def test_without_colours(tmp_path: Path) -> None:
    """Where NO_COLOR is set, or nobody asks for them."""
    assert "\x1b" not in run(tmp_path, "-n0", NO_COLOR="1", FORCE_COLOR="1")
    assert "\x1b" not in run(tmp_path, "-n0", "--color=no", FORCE_COLOR="1")
