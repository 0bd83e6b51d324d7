"""The table of conformance, and what features are counted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation, Rounding, implementation
from rnn_parity.registry import registered
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.judge.base.groups import GROUPS
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.demands.property import PROPERTIES, group_of, load_properties
from rnn_parity.tests.judge.report.conformance import HEAD, WIDTH, write
from rnn_parity.tests.judge.report.results import Result, Results, added
from rnn_parity.tests.judge.run.items import place
from rnn_parity.tests.judge.trial.features import FEATURES, features_of
from rnn_parity.tests.suite import ROOT

LINEAR, ONNX = implementation("linear"), implementation("onnx-reference")


def case(**config: Any) -> Case:
    return Case(Config(1, 1, **config), x=[[[0]]])


# Features


def test_features_of_a_case() -> None:
    """A case counts under each feature that it shows."""
    assert features_of(case()) == ["tanh", "time-major", "no h_0", "float32"]
    rich = Case(Config(1, 1, 2, "relu", False, True, bidirectional=True, dtype=torch.float64), x=[[[math.nan]]])
    shown = ["relu", "layers", "bidirectional", "no bias", "batch_first", "no h_0", "float64", "NaN, infinity"]
    assert features_of(rich) == shown


def test_every_feature_can_be_given_up() -> None:
    """Capabilities that claim next to nothing offer the least, and the default all but dropout and lengths."""
    least = Capabilities(
        nonlinearities=("tanh",), biases=(True,), batch_first=(False,), bidirectional=False, unbatched=False, h_0=False,
        nonfinite=False, gradients=False, dtypes=(torch.float32,), min_batch=1, max_layers=1,
    )  # fmt: skip
    assert [name for name, feature in FEATURES.items() if feature.offered(least)] == [
        "tanh", "time-major", "no h_0", "float32",
    ]  # fmt: skip
    assert [name for name, feature in FEATURES.items() if not feature.offered(Capabilities())] == [
        "dropout", "lengths",
    ]  # fmt: skip


def test_features_add_up() -> None:
    """Counts add, the worst is kept."""
    assert added({"tanh": (1, 0, 0.5)}, {"tanh": (2, 1, 0.25), "relu": (3, 0, 0.0)}) == {
        "tanh": (3, 1, 0.5),
        "relu": (3, 0, 0.0),
    }


# The table


def results(*found: Result) -> Results:
    gathered = Results()
    gathered.found = {(result.implementation, result.property): result for result in found}
    return gathered


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text as they are seen: without the signs of bold print, and the line below the head."""
    for found in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [line[2:-2].replace("*", "").split(" | ") for line in found.splitlines()]
        yield [rows[0], *rows[2:]]


def written(path: Path, found: Results, *implementations: Implementation) -> str:
    run = Run(implementations, cases=9, seed=3, profile="dev", archive=None, replay=None)
    write(path, found, run)
    return path.read_text(encoding="utf-8")


def cells(text: str, under: str) -> dict[str, str]:
    """The cells of a text with one implementation, by column, in the tables under a heading."""
    part = text.partition(f"### {under}\n")[2].partition("### ")[0]
    found: dict[str, str] = {}
    for head, row in tables(part):
        found |= dict(zip(head[1:], row[1:], strict=True))
    return found


def test_cells(tmp_path: Path) -> None:
    """Agreed, cut, known, disagreeing, following, not offered, too few: each as the legend says."""
    found = results(
        Result("onnx-reference", "agreement", "agrees", cases=7, worst_error_over_bound=0.5, cut=True),
        Result("onnx-reference", "archive", "agrees", cases=3, known=1),
        Result("onnx-reference", "calls", "follows", cases=2),
        Result("onnx-reference", "gradients", "unsupported"),
        Result("onnx-reference", "h_0", "not installed"),
        Result("onnx-reference", "h_n", "seen once", cases=2),
        Result("onnx-reference", "lengths", "agrees", cases=4, known=4),
        Result("onnx-reference", "special", "disagrees", cases=2),
        Result("onnx-reference", "strides", "error"),
        Result("onnx-reference", "threads", "agrees", cases=3, cut=True, enough=20),
    )
    assert cells(written(tmp_path / "T.md", found, ONNX), "Properties") == {
        "agreement": "✓ 7~", "strides": "error", "calls": "✗ follows", "h_0": "x", "h_n": "seen once",
        "threads": "? 3", "gradients": "-", "lengths": "4 known", "special": "✗ disagrees", "archive": "✓ 2, 1 known",
    }  # fmt: skip


def test_features(tmp_path: Path) -> None:
    """The columns of features say what is offered, and of what no case was judged."""
    counts = {"tanh": (5, 0, 0.25), "float32": (2, 1, 0.5), "float64": (0, 0, 0.0), "h_0": (5, 0, 0.0)}
    found = results(Result("onnx-reference", "agreement", "agrees", cases=8, features=counts))
    text = written(tmp_path / "T.md", found, ONNX)
    shown = cells(text, "Features")
    assert list(shown) == list(FEATURES)
    assert shown["tanh"] == shown["h_0"] == "✓ 5"
    assert shown["float32"] == "✗ 1 of 3"
    assert shown["relu"] == shown["gradients"] == "-"
    assert shown["float64"] == shown["lengths"] == "none"
    assert "- `onnx-reference`: error / bound at most 0.00 in float64, 0.50 in float32\n" in text


def test_of_an_absent_library_all_is_x(tmp_path: Path) -> None:
    """An implementation that is not installed has a row, and its library no version."""
    absent = replace(LINEAR, name="absent", library="no-such-library")
    text = written(tmp_path / "T.md", results(Result("absent", "agreement", "not installed")), absent)
    assert {*cells(text, "Properties").values(), *cells(text, "Features").values()} == {"x"}
    assert "#### no-such-library: not installed\n\n- `absent`: no error was measured\n" in text


def test_findings_are_told(tmp_path: Path) -> None:
    """Each known defect with its minimal case, its link and its script, once for all that have it."""
    found = results(*(Result(name, "agreement", "agrees", cases=1) for name in ("onnx-reference", "twin")))
    text = written(tmp_path / "T.md", found, ONNX, replace(ONNX, name="twin"))
    assert ONNX.known_defects
    for defect in ONNX.known_defects:
        assert text.count(f"- onnx-reference, twin: **{defect.reason}**") == 1
        assert defect.link in text
        assert f"(../tests/regressions/{defect.case})" in text
        assert f"(../tests/regressions/scripts/onnx-{defect.name}.py)" in text


def test_declared_accuracies_are_told(tmp_path: Path) -> None:
    """Who is judged by a wider bound than the default, and by what right."""
    declared = Rounding(tanh_ulps=4, tanh_absolute=True, accumulate=torch.float32, reason="It is documented.")
    loose = replace(LINEAR, rounding=declared)
    text = written(tmp_path / "T.md", results(Result("linear", "agreement", "agrees", cases=1)), loose)
    said = "Judged by tanh within 4 units in the last place, relative to 1 near 0, sums in float32: It is documented."
    assert said in text


def test_sections(tmp_path: Path) -> None:
    """A run replaces the section of its own group, and leaves the others and what stands before them."""
    path = tmp_path / "T.md"
    other = replace(LINEAR, group="other")
    written(path, results(Result("linear", "agreement", "agrees", cases=1)), LINEAR)
    written(path, results(Result("linear", "agreement", "agrees", cases=2)), other)
    text = written(path, results(Result("linear", "agreement", "agrees", cases=3)), LINEAR)
    assert text.startswith(HEAD)
    assert re.findall(r"^## Group `(\w+)`$", text, re.MULTILINE) == ["main", "other"]
    assert [rows[1:] for rows in tables(text) if rows[0] == ["implementation", "agreement"]] == [
        [["linear", "✓ 3"]],
        [["linear", "✓ 2"]],
    ]


def width(rows: list[list[str]]) -> int:
    """How many columns of text a table takes."""
    return 1 + sum(3 + max(map(len, column)) for column in zip(*rows, strict=True))


def test_no_table_is_wider_than_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All properties, each with the longest cell: in tables that fit, groups together as far as they do, none lost."""
    for number in range(9):
        monkeypatch.setitem(PROPERTIES, f"of-tomorrow-{number}", load_properties()["modes"])
    names = [*load_properties(), "archive"]
    found = results(*(Result("linear", name, "disagrees", cases=10**6) for name in names))
    text = written(tmp_path / "T.md", found, LINEAR)
    assert sorted(cells(text, "Properties")) == sorted(names)
    assert max(map(width, tables(text))) <= WIDTH
    assert re.findall(r"^(.*):$", text.partition("### Properties")[2].partition("### ")[0], re.MULTILINE) == [
        "Results",
        "State and calls",
        "Gradients; lengths",
        "Special values; memory and process; arguments",
        "Torch's own",
        "Torch's own",
        "Torch's own; archived cases",
    ]


def test_every_property_stands_in_one_group() -> None:
    """Each names one that there is, none is empty, and the archive alone stands in none."""
    named = {name: group_of(name) for name in [*load_properties(), "archive"]}
    assert set(named.values()) == {*GROUPS, ""}
    assert [name for name, group in named.items() if not group] == ["archive"]


def test_the_table_in_the_repository() -> None:
    """It begins as it is written today, fits on a page, and its rows are those of implementations."""
    text = (ROOT / "impls" / "CONFORMANCE.md").read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert max(map(width, tables(text))) <= WIDTH
    assert {row[0] for _, *found in tables(text) for row in found} <= set(registered())


# The order of items


def test_a_framework_stays_together() -> None:
    """Items of one foreign library stand beside each other, its archive first, those of torch and NumPy last."""

    class Item:
        def __init__(self, name: str, **archived: object) -> None:
            self.callspec = type("Spec", (), {"params": {"trial": Trial(implementation(name))} | archived})

    items = [Item(name) for name in ("nn.rnn", "mlx", "onnxruntime", "numpy", "mlx", "onnxruntime", "nn.rnn")]
    items.append(Item("mlx", archived="a case"))
    ordered = sorted(items, key=place)
    names = [item.callspec.params["trial"].implementation.name for item in ordered]
    assert names == ["mlx", "mlx", "mlx", "onnxruntime", "onnxruntime", "nn.rnn", "numpy", "nn.rnn"]
    assert ordered[0].callspec.params["archived"]
