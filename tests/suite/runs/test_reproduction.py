"""Reproductions: scripts that need torch and the implementation's library, and end with 1 while they differ."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from rnn_parity import Config, Implementation, implementation, registered, registry, resolve
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.demands.property import load_properties
from rnn_parity.tests.judge.finding.reproduction import (
    Reproduction,
    fails_apart,
    reproduction_of,
    script_of,
    unwritable,
)
from rnn_parity.tests.judge.finding.script import MARKER
from rnn_parity.tests.judge.reduction.archive import REGRESSIONS, read
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, verdict_on
from rnn_parity.tests.judge.trial.observation import expected_on
from rnn_parity.tests.judge.trial.verdict import Disagreement
from rnn_parity.tests.suite.running import pytest_run, script_run
from rnn_parity.tests.suite.runs.test_readme import FIRST, MENDED, blocks

#: Those with a script, whose every script is run. A compiler takes too long here.
SCRIPTED = [
    found for found in registered().values() if not found.programs and (found.script or found.library == "torch")
]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What a test registers is gone after it."""
    with patch.dict(registry.REGISTRY, registered()):
        yield


def ran(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a script says, started where nothing of ours is."""
    ours = ("import rnn_parity", "from rnn_parity", "import impls", "from impls", "import hypothesis", "import pytest")
    assert not any(word in text for word in ours)
    path = folder / "reproduction.py"
    path.write_text(text, encoding="utf-8")
    return script_run(path, folder)


def filled(config: Config, *, rows: int = 2, h_0: bool = False, gradients: bool = False, **options: object) -> Case:
    """A case of three steps, full of multiples of 1/16."""
    generator = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return generator.integers(-16, 17, shape) / 16

    states, outputs = config.state_shape(rows), config.output_shape(3, rows)
    cotangents = {"grad_output": numbers(*outputs), "grad_h_n": numbers(*states)} if gradients else {}
    return Case(
        config,
        numbers(3, rows, config.input_size),
        numbers(*states) if h_0 else None,
        {name: numbers(*shape) for name, shape in config.parameter_shapes().items()},
        **cotangents,  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


DEEP = Config(2, 3, num_layers=2, bidirectional=True, batch_first=True)
#: Ordinary cases, the richest first.
ORDINARY = [
    filled(DEEP, h_0=True),
    filled(Config(2, 3), h_0=True),
    filled(replace(DEEP, nonlinearity="relu"), h_0=True),
    filled(Config(2, 3, nonlinearity="relu")),
    filled(Config(1, 1, nonlinearity="relu"), rows=1, unbatched=True),
    filled(Config(2, 3, bias=False, nonlinearity="relu"), memory="strided"),
    filled(Config(2, 3, dtype=torch.bfloat16, nonlinearity="relu")),
    filled(Config(2, 3, dtype=torch.float64), lengths=(1, 3), packed=True),
    filled(Config(2, 3, bidirectional=True), lengths=(3, 1)),
    filled(replace(DEEP, nonlinearity="relu"), gradients=True),
    filled(Config(2, 3, nonlinearity="relu"), h_0=True, gradients=True),
    filled(replace(DEEP, cell="gru"), h_0=True),
    filled(Config(1, 1, cell="gru"), rows=1, unbatched=True),
    filled(Config(2, 3, bias=False, dtype=torch.float64, cell="gru"), lengths=(1, 3), packed=True),
    filled(replace(DEEP, cell="gru"), gradients=True),
    filled(replace(DEEP, cell="lstm"), h_0=True),
    filled(Config(1, 1, cell="lstm"), rows=1, unbatched=True),
    filled(Config(2, 3, cell="lstm"), h_0=True, memory="strided"),
    filled(Config(2, 3, bias=False, dtype=torch.float64, cell="lstm"), h_0=True, lengths=(1, 3), packed=True),
    filled(replace(DEEP, cell="lstm"), gradients=True),
    filled(Config(2, 3, cell="lstm"), h_0=True, gradients=True, incoming="shared"),
]


def ordinary(judged: Implementation) -> list[Case]:
    """Those that it takes; of what takes its time to be imported or compiled the first and the last."""
    able = [
        case
        for case in ORDINARY
        if not judged.capabilities.objections(case)
        and not any(defect.predicate(case) for defect in judged.known_defects)
        and not unwritable(judged, case)
    ]
    light = judged.library in registry.LIGHT and judged.group == registry.MAIN
    return able if light or len(able) < 3 else [able[0], able[-1]]


@pytest.mark.parametrize("name", [found.name for found in SCRIPTED])
def test_where_they_agree(name: str, tmp_path: Path) -> None:
    """On ordinary cases the script of every implementation that is installed ends with 0."""
    judged = implementation(name)
    if not judged.installed:
        pytest.skip(f"not installed: {judged.how_to_install}")
    assert ordinary(judged)
    for case in ordinary(judged):
        text = script_of(judged, case, "")
        if judged.library in registry.LIGHT and judged.group == registry.MAIN:
            assert ended(text) == 0, case
        else:
            told = ran(text, tmp_path)
            assert (told.returncode, "DIFFERS" in told.stdout) == (0, False), told.stdout + told.stderr


def ended(text: str) -> object:
    """With what a script ends that runs here."""
    with pytest.raises(SystemExit) as caught:
        exec(compile(text, "reproduction.py", "exec"), {"__name__": "__main__"})  # noqa: S102
    return caught.value.code


#: By finding: who shows it, and the archived case.
SHOWN = {
    f"{found.name}-{defect.name}": (found, defect)
    for found in registered().values()
    for defect in found.known_defects
    if defect.case and found.library not in registry.LIGHT
}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_known_defects(name: str, tmp_path: Path) -> None:
    """The script of an archived finding fails as long as it is there, or it is said why there is none."""
    judged, defect = SHOWN[name]
    case = read(REGRESSIONS / defect.case).case
    if reason := unwritable(judged, case):
        assert "register(..., script=...)" in reason or "template" in reason
        return
    if not judged.installed:
        pytest.skip(f"not installed: {judged.how_to_install}")
    told = ran(script_of(judged, case, defect.reason), tmp_path)
    assert (told.returncode != 0) == defect.present(), told.stdout + told.stderr
    if told.returncode > 0:
        assert any(word in told.stdout for word in ("DIFFERS", " returns ")), told.stdout + told.stderr


def test_every_library_of_the_main_job_has_a_template() -> None:
    """A maintainer of each gets a script in calls of the library's own."""
    foreign = [found for found in registered().values() if found.library not in registry.LIGHT]
    assert [found.name for found in foreign if found.group == registry.MAIN and not found.script] == []


def test_the_readme_shows_one() -> None:
    """What stands in the README stands in the script."""
    (shown,) = [block for block in blocks("python") if "rnn.Wxh" in block]
    written = script_of(implementation("mlx"), read(REGRESSIONS / "agreement-c88da801fefd.json").case, "")
    assert [part for part in shown.split("\n\n\n") if part.strip() not in written] == []


# The verdict of a script is ours


#: What becomes of the output, and whether that is wrong.
CHANGES: dict[str, tuple[str, bool | None]] = {
    "the same": ("output", False),
    "inside": ("mid + 0.5 * rad", False),
    "outside": ("mid + 2 * rad", True),
    "below": ("mid - 2 * rad", True),
    # What rounding of these makes of them is for the suite to say.
    "almost outside": ("mid + 0.999 * rad", None),
    "almost inside": ("mid - 1.001 * rad", None),
    "nan": ("mid * float('nan')", True),
    "infinite": ("mid * float('inf')", True),
    "another shape": ("output[:1]", True),
    "another dtype": ("output.float()", True),
    "no tensor": ("output.tolist()", True),
    "an error": ("output @ output", True),
}
ANSWERING = """
import torch
from rnn_parity import register

mid, rad = torch.tensor({mid}, dtype=torch.float64), torch.tensor({rad}, dtype=torch.float64)

@register("answering")
def build(config, weights):
    rnn = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)

    def network(x, h_0=None):
        output, h_n = torch.func.functional_call(rnn, dict(weights), (x, h_0))
        return {answer}, h_n

    return network
"""


@pytest.mark.parametrize("change", CHANGES)
def test_the_verdict_is_ours(change: str, tmp_path: Path) -> None:
    """A script differs where the suite does."""
    case = filled(Config(2, 3, dtype=torch.float64))
    answer, wrong = CHANGES[change]
    ball = expected_on(implementation("nn.rnn"), case)["output"]
    path = tmp_path / "answering.py"
    path.write_text(ANSWERING.format(mid=ball.mid.tolist(), rad=ball.rad.tolist(), answer=answer), encoding="utf-8")
    (judged,) = resolve(str(path))

    agreement = load_properties()["agreement"]
    disagrees = verdict_on(agreement, judged, case) is not None
    assert disagrees is wrong or wrong is None
    assert ended(script_of(judged, case, "")) == int(disagrees)


# One's own


def own(folder: Path, source: str, name: str = "mine") -> Implementation:
    """What the user's file registers."""
    path = folder / "mine.py"
    path.write_text(source, encoding="utf-8")
    return {found.name: found for found in resolve(str(path))}[name]


def reproduced(judged: Implementation, case: Case, about: str = "agreement") -> Reproduction:
    """The script of a case that fails a property."""
    judging = load_properties()[about]
    disagreement = verdict_on(judging, judged, case) or Disagreement("chance", "fails by chance")
    return reproduction_of(Counterexample(judging, judged, case, disagreement, case, 0, reduced_fully=True))


ONE = Config(2, 1, nonlinearity="relu")
MODULE = """
import torch
from rnn_parity import register_module
from beside import doubled

SCALE = 2

class Mine(torch.nn.RNN):
    def forward(self, x, h_0=None):
        output, h_n = super().forward(x, h_0)
        return doubled(output) / SCALE + 1, h_n

register_module("mine", Mine)
"""
#: Registered in a loop, so that it cannot be taken out of its file.
CLOSURES = """
import torch
from rnn_parity import register

for number in (1, 2):
    def build(config, weights, number=number):
        rnn = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
        return lambda *given: [part + number for part in torch.func.functional_call(rnn, dict(weights), given)]

    register(f"plus-{number}", lambda config, weights: build(config, weights))
"""
#: Fails on the second call alone.
REMEMBERS = """
import torch
from rnn_parity import register

@register("mine")
def build(config, weights):
    rnn = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    calls = []

    def run(*given):
        calls.append(None)
        output, h_n = torch.func.functional_call(rnn, dict(weights), given)
        return output + (len(calls) > 1), h_n

    return run
"""
#: Right, but for gradients of its own parameters, which are twice what they should be.
GRADIENTS = """
import torch
from rnn_parity import register

@register("mine")
def build(config, weights):
    rnn = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    rnn.load_state_dict(weights)

    def run(*given):
        return rnn(*given)

    run.parameters = dict(rnn.named_parameters())
    for parameter in run.parameters.values():
        parameter.register_hook(lambda gradient: gradient * FACTOR)
    return run

FACTOR = 2
"""


def test_the_first_try_of_the_readme(tmp_path: Path) -> None:
    """Its `build` stands in the script as it was written, which runs with torch alone."""
    written = reproduced(own(tmp_path, FIRST, "my-rnn"), Case(ONE, [[[0, 0]]]))
    assert "h = torch.relu(W_ih.T * x_t + b_ih + h * W_hh.T + b_hh)" in written.script
    assert "register" not in written.script
    told = ran(written.script, tmp_path)
    assert told.returncode == 1, told.stderr
    assert "my-rnn       [[[0.0, 0.0], [0.0, 0.0]]]" in told.stdout


def test_helpers_of_ours_are_written_out(tmp_path: Path) -> None:
    """`run_scans` and what it needs stand in the script."""
    broken = MENDED.replace("+ h @ W_hh.T", "- h @ W_hh.T")
    written = reproduced(own(tmp_path, broken, "my-rnn"), filled(DEEP, h_0=True))
    assert "def run_scans(" in written.script
    assert ran(written.script, tmp_path).returncode == 1


def test_a_class_and_what_lies_beside_it(tmp_path: Path) -> None:
    """A module is taken with what it imports from a file beside its own."""
    (tmp_path / "beside.py").write_text("def doubled(x):\n    return 2 * x\n", encoding="utf-8")
    written = reproduced(own(tmp_path, MODULE), Case(ONE, [[[0, 0]]]))
    (tmp_path / "beside.py").unlink()
    (tmp_path / "mine.py").unlink()
    assert ran(written.script, tmp_path).returncode == 1


def test_what_cannot_be_taken_out_is_imported(tmp_path: Path) -> None:
    """And the script says that it needs rnn-parity."""
    written = reproduced(own(tmp_path, CLOSURES, "plus-2"), Case(ONE, [[[0, 0]]]))
    assert "where rnn-parity is installed" in written.told("pytest")
    path = tmp_path / "reproduction.py"
    path.write_text(written.script, encoding="utf-8")
    assert script_run(path, tmp_path).returncode == 1


def test_gradients_of_its_own_parameters(tmp_path: Path) -> None:
    """Those that `run.parameters` names are looked at."""
    case = filled(Config(2, 2, nonlinearity="relu"), gradients=True)
    written = reproduced(own(tmp_path, GRADIENTS), case, "gradients")
    told = ran(written.script, tmp_path)
    assert told.returncode == 1, told.stderr
    wrong = told.stdout.partition("gradient of weight_ih_l0")
    assert "DIFFERS" not in wrong[0]
    assert "DIFFERS" in wrong[2]


# Where there is none


def test_more_than_one_call(tmp_path: Path) -> None:
    """A script of one call would not show what several do to each other."""
    written = reproduced(own(tmp_path, REMEMBERS), Case(ONE, [[[0, 0]]]), "calls")
    assert written.script == ""
    assert "a single call on this case is right" in written.reason
    assert "a single call" in written.told("pytest --impl=mine.py")


def test_refused_calls(tmp_path: Path) -> None:
    """The wrong call is made, and is expected to be refused."""
    case = Case(Config(1, 1, nonlinearity="relu"), [[[0]]], misuse="x-feature-more")
    told = ran(reproduced(own(tmp_path, FIRST, "my-rnn"), case, "refusals").script, tmp_path)
    assert told.returncode == 1
    assert "torch.nn.RNN raises RuntimeError: input.size(-1)" in told.stdout
    assert "my-rnn returns" in told.stdout


@pytest.mark.parametrize(
    ("name", "case", "words"),
    [
        ("tvm", filled(Config(2, 3)), "has no template of apache-tvm's own calls (register(..., script=...))"),
        ("numpy", filled(Config(100, 100)), "more than 10000 numbers"),
        ("keras-tensorflow", filled(Config(2, 3), gradients=True), "shows no gradients"),
        ("mlx", filled(Config(2, 3), misuse="x-list"), "cannot make the wrong call"),
        ("mlx", filled(Config(2, 3), lengths=(1, 2)), "no sequences of different lengths"),
    ],
)
def test_reasons(name: str, case: Case, words: str) -> None:
    assert words in unwritable(implementation(name), case)


# On the command line


def pytest_on(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A run on the user's file."""
    return pytest_run("-pno:cacheprovider", "-q", f"--impl={path}", "--hypothesis-seed=1", *options, CI="true")


@pytest.mark.parametrize(
    ("workers", "properties", "names"),
    [(0, ["refusals"], ["found.py"]), (2, ["agreement", "refusals"], ["found.py", "found-3.py"])],
)
def test_the_option(workers: int, properties: list[str], names: list[str], tmp_path: Path) -> None:
    """FILE.py and its like are written, told where the commands are, and fail; what is not ours is left alone."""
    (tmp_path / "mine.py").write_text(FIRST, encoding="utf-8")
    (tmp_path / "found.py").write_text(f"{MARKER}\nof an earlier run\n", encoding="utf-8")
    (tmp_path / "found-2.py").write_text("mine\n", encoding="utf-8")
    options = (f"-n{workers}", "--cases=30", f"--repro={tmp_path}/found.py")
    told = pytest_on(tmp_path / "mine.py", *options, *(f"tests/test_{name}.py" for name in properties)).stdout
    assert (tmp_path / "found-2.py").read_text(encoding="utf-8") == "mine\n"
    for name in names:
        assert f"reproduce: python {tmp_path}/{name}" in told, told
        assert f"reproduction: {tmp_path}/{name} (my-rnn fails " in told
        assert ran((tmp_path / name).read_text(encoding="utf-8"), tmp_path).returncode == 1


def test_a_foreign_library_is_checked_apart() -> None:
    """Its script is run before it is handed out: a case on which it agrees has none."""
    judged = implementation("mlx")
    if not judged.installed:
        pytest.skip(f"not installed: {judged.how_to_install}")
    case = read(REGRESSIONS / "agreement-c88da801fefd.json").case
    assert fails_apart(reproduced(judged, case).script)
    assert not fails_apart(script_of(judged, filled(Config(2, 3)), ""))
    assert not fails_apart("1 / 0")
