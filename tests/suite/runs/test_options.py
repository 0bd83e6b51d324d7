"""The suite from outside: what can be said on the command line; what is printed, reported and archived."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest

from rnn_parity import Config, Implementation, registered, registry, resolve
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.finding.explain import explained
from rnn_parity.tests.judge.reduction.archive import Record, read, write
from rnn_parity.tests.judge.reduction.counterexample import find_minimal
from rnn_parity.tests.judge.report.terminal import Told
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.players import NETWORK
from rnn_parity.tests.suite.running import pytest_run, python_run

#: Many tests look at one run: with `--dist=loadgroup` they share a worker and with it that run.
pytestmark = pytest.mark.xdist_group("options")

SEED, CASES = 7, 10
#: The properties on which they are judged.
JUDGED = [
    *("agreement", "archive", "arguments", "backward", "calls", "claims", "h_0", "memory", "refusals", "repeats"),
    *("surroundings", "threads"),
]

#: Four implementations: one like nn.RNN, one that forgets b_hh, one of a library that is not there, one of little use.
PLAYERS = f"""{NETWORK}
@register("good", capabilities=Capabilities(gradients=False))
def good(config, weights):
    return network(config, weights)

@register("forgetful", capabilities=Capabilities(threads=False, gradients=False))
def forgetful(config, weights):
    return network(config, weights, "bias_hh")

@register("absent", library="no-such-library", extra="none")
def absent(config, weights):
    raise NotImplementedError

@register("relu-only", capabilities=Capabilities(nonlinearities=("relu",), biases=(False,), h_0=False, gradients=False))
def relu_only(config, weights):
    return network(config, weights)
"""

#: Implementations that return what is no result.
STRANGE = """
import torch
from rnn_parity import register

def returning(name, strange):
    @register(name)
    def build(config, weights):
        module = torch.nn.RNN(**config.module_arguments()).to(config.dtype)
        module.load_state_dict(dict(weights))
        return lambda x, h_0=None: strange(*torch.no_grad()(module)(x, h_0))

returning("alone", lambda output, h_n: output)
returning("elsewhere", lambda output, h_n: (output.to("meta"), h_n))
returning("exchanged", lambda output, h_n: (h_n.repeat(1, 1, 1, 1), output))
returning("listed", lambda output, h_n: (output.tolist(), h_n))
returning("raising", lambda output, h_n: 1 / 0)
returning("sparse", lambda output, h_n: (output, h_n.to_sparse()))
returning("wide", lambda output, h_n: (output.to(torch.complex128), h_n))
"""
#: What is said of them.
STRANGE_SAID = {
    "alone": "run(x, h_0) returned torch.Tensor, expected (output, h_n), two torch.Tensors",
    "elsewhere": "output is a torch.strided tensor on meta, expected a dense one on cpu",
    "exchanged": "output has shape (1, 1, 1, 1), expected (1, 1, 1)",
    "listed": "returned (list, torch.Tensor), expected (output, h_n), two torch.Tensors",
    "raising": "calling the network raised ZeroDivisionError: division by zero",
    "sparse": "h_n is a torch.sparse_coo tensor on cpu, expected a dense one on cpu",
    "wide": "output is torch.complex128, expected torch.float64",
}

#: A plugin in which the suite itself breaks: one property cannot be judged.
BREAKS = """
def pytest_collection_finish(session):
    import rnn_parity.tests.test_repeats

    def same_bits(*arguments):
        raise ZeroDivisionError("the suite is broken")

    rnn_parity.tests.test_repeats.same_bits = same_bits
"""

#: A plugin under which the archive is another folder.
ELSEWHERE = """
import os
from pathlib import Path

def pytest_configure(config):
    from rnn_parity.tests.judge.reduction import archive

    archive.files = lambda: sorted(Path(os.environ["ARCHIVE"]).glob("*.json"))
"""

#: Arguments that mean nothing, and words that the refusal must hold. `{folder}` has the files of this test.
REFUSED: list[tuple[str, list[str]]] = [
    ("--cases=0", ["--cases: expected a number of cases from 1, found '0'"]),
    ("--cases=-5", ["--cases: expected a number of cases from 1, found '-5'"]),
    ("--cases=many", ["--cases: expected a number of cases from 1, found 'many'"]),
    ("--cases=1.5", ["--cases: expected a number of cases from 1, found '1.5'"]),
    ("--impl=nope", ["unknown implementation 'nope'", "registered are: ", "nn.rnn", "numpy"]),
    ("--impl=nn.rn", ["unknown implementation 'nn.rn'; did you mean nn.rnn"]),
    ("--impl=nowhere/rnn.py", ["--impl nowhere/rnn.py: expected a Python file, there is no such file in "]),
    ("--impl={folder}/folder.py", ["folder.py: expected a Python file, found a folder"]),
    ("--group=man", ["unknown group 'man'; did you mean main?", "implementations are in: "]),
    (
        "--only=grads",
        ["--only: there is no group of properties 'grads'; did you mean gradients?", "are results, state"],
    ),
    ("--only=results,torhc", ["there is no group of properties 'torhc'; did you mean torch?"]),
    ("--only=", ["there is no group of properties ''"]),
    ("--cell=lsmt", ["--cell: there is no kind of cells 'lsmt'; did you mean lstm?; they are rnn, gru, lstm"]),
    ("--cass=5", ["unrecognized arguments: --cass=5", "did you mean: --case"]),
    ("--sizes=larg", ["'larg'", "usual", "large"]),
    ("--impl={folder}/breaks.py", ["breaks.py: expected a file that calls rnn_parity.register", "registers nothing"]),
    ("--impl=json:nope", ["--impl json:nope: the module json has no 'nope'"]),
    ("--impl=json:load_", ["--impl json:load_: the module json has no 'load_'; did you mean load or loads?"]),
    ("--impl=json:loads", ["expected a function build(config, weights), found loads("]),
    ("--case=nowhere.json", ["--case nowhere.json: expected a file that --archive wrote, there is no such file"]),
    ("--case=tests", ["--case tests: expected a file that --archive wrote, found a folder"]),
    ("--case=pyproject.toml", ["--case pyproject.toml: is not JSON"]),
    ("--case={folder}/latin.json", ["latin.json: is not JSON ('utf-8' codec can't decode byte"]),
    ("--case={folder}/other.json", ["other.json: is not a counterexample of rnn-parity: expected an object"]),
    ("--report=", ["--report : expected a file, found no name"]),
    ("--html=tests", ["--html tests: expected a file, found a folder"]),
    ("--archive=pyproject.toml", ["--archive", "expected a folder, found a file"]),
    ("--report=no/such/folder/report.json", ["--report no/such/folder/report.json: there is no folder"]),
    ("--repro=found.txt", ["--repro found.txt: expected the name of a script, FILE.py"]),
    ("--repro=no/such/folder/found.py", ["--repro no/such/folder/found.py: there is no folder"]),
    ("--repro={folder}/players.py", ["players.py: there is another file of that name, which is not written over"]),
    ("--shard=0/2", ["--shard: expected K/N with K from 1 to N, as in 2/4, found '0/2'"]),
    ("--shard=3/2", ["--shard: expected K/N with K from 1 to N, as in 2/4, found '3/2'"]),
    ("--shard=half", ["--shard: expected K/N with K from 1 to N, as in 2/4, found 'half'"]),
    ("--shard=1/2", ["--shard 1/2: all parts of a run need the same seed", "--hypothesis-seed=N"]),
    ("--merge=nowhere/*.json", ["--merge nowhere/*.json: there is no such file"]),
    ("--merge=pyproject.toml", ["pyproject.toml is not JSON"]),
    ("--merge={folder}/latin.json", ["latin.json is not JSON"]),
    ("--merge={folder}/other.json", ["other.json"]),
    ("--merge=tests", ["--merge: tests cannot be read: Is a directory"]),
    ("--hypothesis-seed=lucky", ["--hypothesis-seed: expected an integer or 'random', found 'lucky'"]),
    ("--minutes=0", ["--minutes: expected a number of minutes above 0, found '0'"]),
    ("--minutes=-1", ["--minutes: expected a number of minutes above 0, found '-1'"]),
    ("--minutes=long", ["--minutes: expected a number of minutes above 0, found 'long'"]),
    (
        "--minutes=1 --cases=5",
        ["--minutes and --cases do not go together: a hunt judges as many cases as"],
    ),
    (
        "--minutes=1 --seconds=5",
        ["--minutes and --seconds do not go together: a hunt divides its minutes among"],
    ),
    (
        "--minutes=1 --case=pyproject.toml",
        ["--minutes and --case do not go together: a replay judges one case"],
    ),
    (
        "--minutes=1 --hypothesis-profile=ci",
        ["--minutes and --hypothesis-profile=ci do not go together"],
    ),
]

#: What one run of pytest after another says, in one process.
ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
import pytest

said = []
for arguments in json.loads(sys.argv[1]):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = pytest.main([*arguments.split(), "--collect-only", "-qq", "-p", "no:cacheprovider"])
    said.append([int(code), text.getvalue()])
print(json.dumps(said))
"""


class Ran(NamedTuple):
    """What came of a run."""

    code: int
    text: str


@pytest.fixture(scope="module", autouse=True)
def cleaned() -> Iterator[None]:
    """Leave no files behind."""
    yield
    shutil.rmtree(folder())


@cache
def folder() -> Path:
    """A folder with the files above."""
    path = Path(mkdtemp(prefix="rnn-parity-"))
    (path / "players.py").write_text(PLAYERS)
    (path / "strange.py").write_text(STRANGE)
    (path / "breaks.py").write_text(BREAKS)
    (path / "elsewhere.py").write_text(ELSEWHERE)
    (path / "folder.py").mkdir()
    (path / "latin.json").write_bytes(b"\xe9")
    (path / "other.json").write_text("{}")
    return path


def run(*arguments: str, others: bool = False, **environment: str) -> Ran:
    """A run of pytest in the checkout, apart from this one."""
    own = {"PYTHONPATH": str(folder()), "HYPOTHESIS_STORAGE_DIRECTORY": str(folder() / "hypothesis"), "COLUMNS": "200"}
    ran = pytest_run(*arguments, others=others, **own | environment)
    return Ran(ran.returncode, ran.stdout + ran.stderr)


@cache
def tournament(workers: int) -> Ran:
    """All four on these properties, with this many workers."""
    return run(
        f"--impl={folder()}/players.py",
        f"--cases={CASES}",
        f"--hypothesis-seed={SEED}",
        f"--archive={folder()}/archive-{workers}",
        f"--report={folder()}/report-{workers}.json",
        f"-n{workers}",
        "-pno:cacheprovider",
        *(f"tests/test_{judged}.py" for judged in JUDGED),
        others=not workers,
    )


def report(workers: int) -> Any:
    """The report of that run."""
    tournament(workers)
    return json.loads((folder() / f"report-{workers}.json").read_text())


def results(workers: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Its results by implementation and property."""
    return {(found["implementation"], found["property"]): found for found in report(workers)["results"]}


def archived() -> Path:
    """The counterexample that was found to the property `agreement`."""
    return folder() / "archive-0" / results(0)["forgetful", "agreement"]["counterexamples"][0]


# Who is there


@cache
def listed() -> Ran:
    return run("--list-impls")


def test_list() -> None:
    """The list has every implementation with its library and what it claims, and nothing is judged."""
    assert listed().code == 0
    for name, found in registered().items():
        assert f"{name}  ({found.library}" in listed().text
        assert found.how_to_install in listed().text or found.installed
    assert "claims the defaults of Capabilities" in listed().text
    assert "passed" not in listed().text


@cache
def refusals() -> list[tuple[int, str]]:
    """What comes of each argument that means nothing."""
    arguments = json.dumps([argument.format(folder=folder()) for argument, _ in REFUSED])
    found: list[tuple[int, str]] = json.loads(
        python_run("-c", ONE_AFTER_ANOTHER, arguments, PYTHONPATH=str(folder())).stdout.splitlines()[-1]
    )
    return found


@pytest.mark.parametrize("argument", [argument for argument, _ in REFUSED])
def test_refused(argument: str) -> None:
    """An argument that means nothing ends the run at once, with one line that says what was expected."""
    place = [other for other, _ in REFUSED].index(argument)
    (code, text), words = refusals()[place], REFUSED[place][1]
    assert code == pytest.ExitCode.USAGE_ERROR
    assert [word for word in words if word not in text] == []
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text


@cache
def by_names() -> Ran:
    """A run of two implementations, named in two ways, one of them twice."""
    return run("--impl=nn.rnn", "--impl=torch.nn:RNN", "--impl=players:good", "--cases=3", "-q", "tests/test_h_n.py")


def test_names() -> None:
    """NAME and MODULE:ATTR are judged, once each; with everything agreeing the run succeeds."""
    assert by_names().code == 0
    for name in ("good", "nn.rnn"):
        assert f"\n{name} meets the demands on state and calls (1 property, 3 cases" in by_names().text
    assert "no disagreement" in by_names().text
    assert "2 passed" in by_names().text


def test_some_groups_alone(tmp_path: Path) -> None:
    """Nothing else is judged, nor fails; what the archive holds of other groups is left out, too."""
    asked = "--impl=players:forgetful", "--cases=3", "-n0", "-q", f"--report={tmp_path}/report.json"
    ran = run(*asked, "--only=special, process", "--only=arguments", ARCHIVE="tests/regressions")
    judged = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["results"]
    assert {found["group"] for found in judged} - {""} == {"special", "process", "arguments"}
    assert {"claims", "leaks", "archive"} <= {found["property"] for found in judged}
    assert next(found["cases"] for found in judged if found["property"] == "archive") < 20
    assert " deselected in " in ran.text


def test_every_group_is_in_the_help() -> None:
    """The option's package imports nothing of the judge, and names them by itself."""
    assert ", ".join(GROUPS) in " ".join(run("--help").text.split())


# What is reported


@pytest.mark.parametrize("workers", [0, 2])
def test_schema(workers: int) -> None:
    """The report has these keys and no others, with any number of workers."""
    found = report(workers)
    assert set(found) == {"schema", "run", "verdicts", "results", "findings", "seen_once"}
    assert set(found["run"]) == {
        *("seed", "cases", "cpu_seconds", "sizes", "profile", "device", "selected", "part", "exit_status"),
        *("workers", "seconds", "versions", "implementations"),
    }
    assert {key: found["run"][key] for key in ("seed", "cases", "workers")} == {
        "seed": SEED,
        "cases": CASES,
        "workers": workers,
    }
    assert set(found["run"]["versions"]) == {"python", "torch"}
    assert found["schema"] == 6
    for result in found["results"]:
        assert set(result) == {
            *(
                "implementation",
                "property",
                "group",
                "status",
                "cases",
                "followed",
                "cpu_seconds",
                "implementation_seconds",
            ),
            *("worst_error_over_bound", "elements", "vacuous", "vacuous_share", "kept", "flushed", "subnormals"),
            *("features", "drawn", "margins", "known", "cut", "enough", "counterexamples"),
            *("left_out", "within", "expected"),
        }


@pytest.mark.parametrize("workers", [0, 2])
def test_complete(workers: int) -> None:
    """Every implementation has a result for every property, once, in order."""
    places = [(found["implementation"], found["property"]) for found in report(workers)["results"]]
    properties = set(JUDGED) - {"archive"}
    assert {place for place in places if place[1] != "archive"} == {
        (name, judged) for name in ("absent", "forgetful", "good", "relu-only") for judged in properties
    }
    assert places == sorted(set(places))


#: Implementation, property, and how it did.
STATUSES = [
    ("good", "agreement", "agrees"),
    ("good", "claims", "agrees"),
    ("good", "threads", "agrees"),
    ("forgetful", "agreement", "disagrees"),
    ("forgetful", "calls", "follows"),
    ("forgetful", "repeats", "agrees"),
    ("forgetful", "threads", "unsupported"),
    ("absent", "agreement", "not installed"),
    ("absent", "threads", "not installed"),
    ("relu-only", "agreement", "agrees"),
    ("relu-only", "claims", "agrees"),
    ("relu-only", "h_0", "unsupported"),
]


@pytest.mark.parametrize(("implementation", "judged", "status"), STATUSES)
def test_status(implementation: str, judged: str, status: str) -> None:
    """A result is one of: agrees, disagrees, follows, unsupported, not installed."""
    found = results(0)[implementation, judged]
    assert found["status"] == status
    assert bool(found["counterexamples"]) == (status in ("disagrees", "follows"))
    assert (found["cases"] > 0) == (status in ("agrees", "disagrees", "follows"))
    assert found["cases"] == CASES or status != "agrees"


def test_measures() -> None:
    """Bounds, times and shares are numbers that make sense."""
    for found in report(0)["results"]:
        assert 0 <= found["worst_error_over_bound"] <= 1
        assert 0 <= found["vacuous_share"] < 1
        assert 0 <= found["implementation_seconds"] <= found["cpu_seconds"] + 1
    assert results(0)["good", "agreement"]["worst_error_over_bound"] > 0


def without_times(found: Any) -> Any:
    """A report less what may differ from run to run: how many calls a diagnosis had time for, too."""
    if isinstance(found, dict):
        left = found.keys() - {"workers", "findings"}
        return {key: without_times(found[key]) for key in left if "seconds" not in key}
    return [without_times(value) for value in found] if isinstance(found, list) else found


def test_workers_make_no_difference() -> None:
    """The same seed judges the same cases with the same results, alone or with two workers."""
    assert without_times(report(0)) == without_times(report(2))
    assert tournament(0).code == tournament(2).code == pytest.ExitCode.TESTS_FAILED
    archives = [sorted(path.name for path in (folder() / f"archive-{workers}").iterdir()) for workers in (0, 2)]
    assert archives[0] == archives[1]


def test_again_after_a_failure() -> None:
    """What an earlier run found and kept does not change what a seed gives."""
    again = folder() / "report-again.json"
    tournament(0)
    arguments = f"--impl={folder()}/players.py", f"--cases={CASES}", f"--hypothesis-seed={SEED}", f"--report={again}"
    run(*arguments, "tests/test_agreement.py", "-q")
    (found,) = [
        result for result in json.loads(again.read_text())["results"] if result["implementation"] == "forgetful"
    ]
    before = results(0)["forgetful", "agreement"]
    assert (found["status"], found["cases"]) == (before["status"], before["cases"])


def test_nothing_selected() -> None:
    """A report is written also where nothing was judged, so that none is mistaken for this run's."""
    path = folder() / "nothing.json"
    ran = run("--impl=nn.rnn", f"--report={path}", "-k", "nothing_of_that_name", "tests/test_h_n.py")
    assert ran.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert json.loads(path.read_text())["results"] == []


def test_error() -> None:
    """Where the suite breaks, that is an error and no verdict, for this property alone."""
    path = folder() / "error.json"
    arguments = (
        "--impl=nn.rnn",
        "--cases=3",
        f"--report={path}",
        "-pbreaks",
        "tests/test_repeats.py",
        "tests/test_h_n.py",
    )
    ran = run(*arguments)
    found = {result["property"]: result["status"] for result in json.loads(path.read_text())["results"]}
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert found == {"repeats": "error", "h_n": "agrees"}
    assert "ZeroDivisionError: the suite is broken" in ran.text
    assert "\nnn.rnn: no verdict, but an error: repeats\n" in ran.text
    assert "no disagreement" in ran.text


def test_header() -> None:
    """A run says at its head what it judges, from which seed and under which profile; CI has a seed of its own."""
    ran = run("--impl=nn.rnn", "--collect-only", "tests/test_h_n.py", CI="1")
    assert "cases per property and implementation, seed 0 (--hypothesis-seed=0 repeats it), profile ci" in ran.text
    assert "implementations: nn.rnn (torch " in ran.text
    assert f"{CASES} cases per property and implementation, seed {SEED}" in tournament(0).text


# What is said of a disagreement


def message(judged: str) -> str:
    """What is said of the implementation that forgets b_hh."""
    return tournament(0).text.partition(f" test_{judged}[forgetful-0] ")[2].partition("\n____")[0]


#: What a disagreement must say: patterns, in this order.
SAID = [
    r"^forgetful \(torch \d+\.\S+\) fails agreement: Outputs and final hidden states lie within the proven bounds\.$",
    r"^  the bug: b_hh is left out$",
    r"^    explains all that it returned in \d+ cases, \d+ of them wrong; none of the",
    r"^minimal case: relu T1 B1 I1 H1 float64$",
    r"^  Case\(Config\(input_size=1, hidden_size=1, nonlinearity='relu', dtype=torch.float64\),$",
    r"^ +x=\[\[\[0\]\]\],$",
    r"^ +weights=\{'bias_hh_l0': \[1\]\}\)$",
    r"^  \(reduced from .* in \d+ calls\)$",
    r"^first divergence$",
    r"^  h\[t=0, unit 0\] = relu\(0\*0 \+ 0 \+ 0\*0 \+ 1\) = 1, got 0$",
    r"^    0 is what it would be without b_hh$",
    r"^on this same case$",
    r"^  agree: .*nn\.rnn",
    r"^what next$",
    r"^  archived : .*agreement-[0-9a-f]{12}\.json$",
    r"^  replay   : pytest --impl=\S*players\.py --case=\S*agreement-[0-9a-f]{12}\.json$",
    r"^  reproduce: pytest --impl=\S*players\.py --case=\S*agreement-[0-9a-f]{12}\.json --repro=reproduction\.py$",
]


def test_message() -> None:
    """A disagreement is who, what, where, how far off, on which case, how the others do, and what to do next."""
    text, place = message("agreement"), 0
    for pattern in SAID:
        found = re.compile(pattern, re.MULTILINE).search(text, place)
        assert found, f"{pattern} is not in\n{text[place:]}"
        place = found.start()
    assert "Traceback" not in text
    assert "hypothesis" not in text.lower().replace("--hypothesis-seed", "")


@cache
def strange() -> dict[str, Implementation]:
    """Implementations that return what is no result."""
    with patch.dict(registry.REGISTRY, registered()):
        return {found.name: found for found in resolve(f"{folder()}/strange.py")}


@pytest.mark.parametrize("name", STRANGE_SAID)
def test_strange_results(name: str) -> None:
    """What is no result is a disagreement as well, that says what was expected and what came."""
    disagreement = hunt(PROPERTIES["agreement"], strange()[name], 0, shrink=False, cases=3)
    assert isinstance(disagreement, Disagreement)
    minimal = find_minimal(PROPERTIES["agreement"], strange()[name], disagreement)
    text = " ".join(str(Told(explained(minimal, {}, only=("what differs",)))).split())
    assert f"{name} (torch " in text
    assert STRANGE_SAID[name] in text
    assert "minimal case: relu T1 B1 I1 H1 no-bias float64" in text


def test_others_in_the_message() -> None:
    """All others are sorted by how they do on the same case; of who is not installed, the number is enough."""
    text = message("agreement")
    named = re.findall(r"[a-z][a-z0-9.-]+", text.partition("on this same case\n")[2].partition("\nwhat next")[0])
    assert {"good", "nn.rnn", "relu-only"} <= set(named)
    assert re.search(r"^  cannot take it: .*relu-only", text, re.MULTILINE)
    assert re.search(r"^  not installed: \d+$", text, re.MULTILINE)


def test_table() -> None:
    """At the end stands a table: an implementation a row, a group a column, what its marks mean, and words."""
    text = tournament(0).text
    assert re.search(r"^ +results +state +gradients +lengths +special +process +arguments +torch$", text, re.MULTILINE)
    assert re.search(r"^good +ok \d+ ", text, re.MULTILINE)
    assert re.search(r"^forgetful +NO \d+ ", text, re.MULTILINE)
    assert re.search(r"^forgetful: disagrees: agreement", text, re.MULTILINE)
    assert re.search(r"^not installed, see --list-impls: absent$", text, re.MULTILINE)
    assert not re.search(r"^absent ", text, re.MULTILINE)
    assert "disagreeing: forgetful" in text
    assert "ok: agrees on so many cases; NO: disagrees" in text


# What is archived


def test_archived() -> None:
    """A counterexample is one file, with who disagreed, what was expected and got, and on which versions."""
    found = read(archived())
    assert found.file_name == archived().name
    assert (found.property, found.case.descriptor) == ("agreement", "relu T1 B1 I1 H1 float64")
    (seen,) = found.disagreed
    assert {
        "implementation": "forgetful",
        "kind": "value",
        "expected": 1,
        "got": 0,
        "allowed": 0,
    }.items() <= seen.items()
    assert seen["diagnosis"].startswith("the bug: b_hh is left out; explains all that it returned in ")
    assert set(found.versions) == {"torch", "python"}


@cache
def replayed() -> Ran:
    """The replay of that file on everybody."""
    return run(
        "-rs",
        f"--impl={folder()}/players.py",
        "--impl=nn.rnn",
        f"--case={archived()}",
        f"--report={folder()}/case.json",
    )


def test_replay() -> None:
    """`--case` replays that case and nothing else: who failed fails again, and is explained; the others pass."""
    assert replayed().code == pytest.ExitCode.TESTS_FAILED
    found = {result["implementation"]: result for result in json.loads((folder() / "case.json").read_text())["results"]}
    assert {result["property"] for result in found.values()} == {"archive"}
    assert {name: (result["status"], result["cases"]) for name, result in found.items()} == {
        "absent": ("not installed", 0),
        "forgetful": ("disagrees", 1),
        "good": ("agrees", 1),
        "nn.rnn": ("agrees", 1),
        "relu-only": ("unsupported", 0),
    }
    assert "forgetful (torch" in replayed().text
    assert f"--case={archived()}" in replayed().text
    assert "agreement does not judge this case on it: biases" in replayed().text


def test_replay_beside_a_path() -> None:
    """The case is replayed, and nothing else, whatever tests are named beside it."""
    path = write(Record("agreement", Case(Config(1, 1), np.ones((1, 1, 1)))), folder() / "one")
    ran = run("--impl=nn.rnn", f"--case={path}", "-n0", "tests/test_h_n.py", "tests/test_agreement.py")
    assert ran.code == 0
    assert re.search(r"^=+ 1 passed in ", ran.text, re.MULTILINE)


@cache
def among_damaged() -> Ran:
    """A run with an archive of three files: a good one, a damaged one, and one about a property that is not there."""
    path = folder() / "mixed"
    case = Case(Config(1, 1), np.ones((1, 1, 1)))
    write(Record("agreement", case), path)
    (path / "agreement-damaged.json").write_text('{"schema": 1, "property": "agreement", "case": {}}')
    write(Record("gone", case), path)
    return run("--impl=nn.rnn", "-pelsewhere", "tests/test_archive.py", ARCHIVE=str(path))


def test_damaged() -> None:
    """A file that cannot be replayed fails by its name and with what is wrong; the others are replayed."""
    code, text = among_damaged()
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "2 failed, 1 passed" in text
    assert re.search(r"UnreadableCase: \S+/agreement-damaged\.json: is damaged: expected an object with the key", text)
    assert re.search(
        r"UnreadableCase: \S+/gone-[0-9a-f]+\.json: is about the property 'gone'; this suite has .*h_n", text
    )
