"""A run cut into parts, and its parts merged: the same cases as in one, no item twice, nothing missing unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from shutil import copy, rmtree
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest

from tests.judge.base.part import WHOLE, Part
from tests.judge.report.results import SCHEMA
from tests.judge.run.merging import COMMON
from tests.suite.players import NETWORK
from tests.suite.running import pytest_run

#: Many tests look at one run.
pytestmark = pytest.mark.xdist_group("parts")

OF = 3
#: One that is right and one that forgets b_hh, on a property with three shards, and the archive.
PLAYERS = f"""{NETWORK}
FORWARD = Capabilities(gradients=False)

@register("good", capabilities=FORWARD)
def good(config, weights):
    return network(config, weights)

@register("forgetful", capabilities=FORWARD)
def forgetful(config, weights):
    return network(config, weights, "bias_hh")
"""
TESTS = ("tests/test_agreement.py", "tests/test_archive.py")


class Ran(NamedTuple):
    """What came of a run."""

    code: int
    text: str


@pytest.fixture(scope="module", autouse=True)
def cleaned() -> Iterator[None]:
    """Leave no files behind."""
    yield
    rmtree(folder())


@cache
def folder() -> Path:
    """A folder with the implementations."""
    path = Path(mkdtemp(prefix="rnn-parity-"))
    (path / "players.py").write_text(PLAYERS)
    return path


def run(*arguments: str) -> Ran:
    """A run of pytest in the checkout, apart from this one."""
    own = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder() / "hypothesis"), "COLUMNS": "200"}
    ran = pytest_run("-n0", "-pno:cacheprovider", *arguments, **own)
    return Ran(ran.returncode, ran.stdout + ran.stderr)


@cache
def judged(part: str) -> Path:
    """The report of a part of a run, or of the whole."""
    path = folder() / f"{part or 'whole'}.json".replace("/", "-of-")
    options = [f"--impl={folder()}/players.py", "--cases=300", "--hypothesis-seed=1", f"--report={path}"]
    run(*options, *([f"--shard={part}"] if part else []), *TESTS)
    return path


def merged(name: str, *paths: Path, options: tuple[str, ...] = (), change: Callable[[Any], Any] | None = None) -> Ran:
    """What comes of merging these reports, of which the last is changed before."""
    into = folder() / name
    into.mkdir()
    for path in paths:
        copy(path, into)
    if change:
        last = into / paths[-1].name
        last.write_text(json.dumps(change(json.loads(last.read_text()))))
    return run(f"--merge={into}/*.json", *options)


@cache
def all_parts() -> tuple[Path, ...]:
    return tuple(judged(f"{number}/{OF}") for number in range(1, OF + 1))


@cache
def everything() -> Ran:
    """All parts merged, with all that can be written."""
    suffixes = {"report": "json", "table": "md", "html": "html"}
    outputs = tuple(f"--{option}={folder()}/merged.{suffix}" for option, suffix in suffixes.items())
    return merged("all", *all_parts(), options=outputs)


def results(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The results in a report, by implementation and property, without seconds."""
    found = json.loads(path.read_text())["results"]
    timed = ("cpu_seconds", "implementation_seconds")
    return {
        (result["implementation"], result["property"]): {key: result[key] for key in result if key not in timed}
        for result in found
    }


# Cutting


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_shard_is_in_one_part(of: int) -> None:
    """No shard is judged twice, none is left out, and a name's shards differ over parts by one at most."""
    for name in ("agreement nn.rnn", "h_n numpy", "tests/test_archive.py::test_archive[a-b]"):
        parts = [[Part(number, of).has(name, shard) for shard in range(20)] for number in range(1, of + 1)]
        assert [sum(place) for place in zip(*parts, strict=True)] == [1] * 20
        assert max(map(sum, parts)) - min(map(sum, parts)) <= 1
    assert WHOLE.has("anything", 5)


def test_parts_are_the_whole() -> None:
    """Together they judge the same cases as one run: as many, drawn alike, as near to their bounds; for what agrees."""
    whole, together = results(judged("")), results(merged_report())
    assert whole.keys() == together.keys()
    for place, result in whole.items():
        if place[0] == "good":
            assert result == together[place]
            assert result["status"] == "agrees"
    assert whole["good", "agreement"]["cases"] == 300
    cut = [results(path)["good", "agreement"]["cases"] for path in all_parts()]
    assert cut == [100, 100, 100]


def merged_report() -> Path:
    everything()
    return folder() / "merged.json"


# Merging


def test_the_merged_table() -> None:
    """It has what the table of one run has, and the run failed as its parts did."""
    assert everything().code == 1
    assert "300" in next(line for line in everything().text.splitlines() if line.startswith("good "))
    assert "disagreeing: forgetful" in everything().text
    assert f"merged: {OF} of {OF} parts" in everything().text
    assert f"FAILED: part 1/{OF}, with exit status 1" in everything().text


def test_a_counterexample_is_told_once() -> None:
    """Whichever parts found it; in the terminal, in the report and on the page."""
    told = json.loads(merged_report().read_text())["findings"]
    gists = {(found["implementation"], found["case"], *found["differs"]) for found in told}
    apart = [found for path in all_parts() for found in json.loads(path.read_text())["findings"]]
    assert gists == {(found["implementation"], found["case"], *found["differs"]) for found in apart}
    assert len(told) == len(gists) < len(apart)
    assert everything().text.count("forgetful (torch ") == len(told)
    assert "the bug: b_hh is left out" in everything().text
    assert f"found in parts 1/{OF}, 2/{OF}" in everything().text


def test_the_other_outputs() -> None:
    """The page and the table of conformance are those of the whole run."""
    everything()
    assert "b_hh is left out" in (folder() / "merged.html").read_text()
    assert "| ✓ 300 |" in (folder() / "merged.md").read_text()


def test_a_merged_report_is_a_report() -> None:
    """It can be told again, and fails again."""
    ran = merged("again", merged_report())
    assert ran.code == 1
    assert "merged: 1 of 1 parts" in ran.text


def test_a_merged_report_is_of_the_same_run(tmp_path: Path) -> None:
    """All that identifies the run is kept, so that it can be told from another."""

    def large(data: Any) -> Any:
        data["run"]["sizes"] = "large"
        return data

    merged("large", merged_report(), options=(f"--report={tmp_path}/merged.json",), change=large)
    before, after = (json.loads(path.read_text())["run"] for path in (merged_report(), tmp_path / "merged.json"))
    assert {name: after[name] for name in COMMON} == {name: before[name] for name in COMMON} | {"sizes": "large"}


def test_a_missing_part_fails() -> None:
    """It is named: what it was to judge is in no table."""

    def passing(data: Any) -> Any:
        data["run"]["exit_status"] = 0
        return data

    ran = merged("missing", all_parts()[1], change=passing)
    assert ran.code == 1
    assert f"MISSING: 1/{OF}, 3/{OF}" in ran.text
    assert "FAILED" not in ran.text


def test_parts_that_passed_pass(tmp_path: Path) -> None:
    """Then the merged run has passed; a part without an item has, too."""
    for number in (1, 2):
        run(
            "--impl=nn.rnn",
            "--cases=5",
            "--hypothesis-seed=1",
            f"--shard={number}/2",
            f"--report={tmp_path}/{number}",
            TESTS[0],
        )
    ran = run(f"--merge={tmp_path}/*")
    assert (ran.code, "no disagreement" in ran.text) == (0, True)


# What is refused


def test_other_runs_are_refused() -> None:
    """Of another seed; of other versions; and the same part twice."""

    def reseeded(data: Any) -> Any:
        data["run"]["seed"] = 2
        return data

    other = merged("seeds", *all_parts()[:2], change=reseeded)
    assert other.code == pytest.ExitCode.USAGE_ERROR
    assert "are not of one run: they differ in seed: 1 and 2" in other.text

    def updated(data: Any) -> Any:
        data["run"]["versions"]["torch"] = "1.0"
        return data

    assert "they differ in versions: torch: 2" in merged("versions", *all_parts()[:2], change=updated).text

    def renumbered(data: Any) -> Any:
        data["run"]["part"] = [1, OF]
        return data

    twice = merged("twice", *all_parts()[:2], change=renumbered)
    assert twice.code == pytest.ExitCode.USAGE_ERROR
    assert f"are both part 1/{OF}" in twice.text


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("later", lambda data: data | {"schema": SCHEMA + 1}, f"is no report of schema {SCHEMA}"),
        ("list", lambda data: [], f"is no report of schema {SCHEMA}"),
        ("no run", lambda data: data | {"run": {}}, "is damaged (KeyError"),
        ("no result", lambda data: data | {"results": [{}]}, "is damaged (KeyError"),
        ("strange finding", lambda data: data | {"findings": [{"a": 1}]}, "is damaged (TypeError"),
    ],
)
def test_damage_is_told(name: str, change: Callable[[Any], Any], said: str) -> None:
    """A report that cannot be read is named, with what to do."""
    ran = merged(name, all_parts()[0], change=change)
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert said in ran.text
    assert "Traceback" not in ran.text
