"""The table of conformance, and what features are counted."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rnn_parity import Capabilities, Config, Implementation, Rounding, implementation
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.report.conformance import write
from rnn_parity.tests.judge.report.results import Result, Results, added
from rnn_parity.tests.judge.run.plugin import _place
from rnn_parity.tests.judge.trial.features import FEATURES, features_of

LINEAR, ONNX = implementation("linear"), implementation("onnx-reference")


def case(**config: Any) -> Case:
    return Case(Config(1, 1, **config), x=[[[0]]])


# Features


def test_features_of_a_case() -> None:
    """A case counts under each feature that it shows."""
    assert features_of(case()) == ["tanh", "time-major", "no h_0", "float32"]
    rich = Case(Config(1, 1, 2, "relu", False, True, bidirectional=True, dtype=torch.float64), x=[[[math.nan]]])
    shown = ["relu", "layers", "bidirectional", "no bias", "batch_first", "no h_0", "NaN, infinity", "float64"]
    assert features_of(rich) == shown


def test_every_feature_can_be_given_up() -> None:
    """Capabilities that claim next to nothing offer the least, and the default all but lengths."""
    least = Capabilities(
        nonlinearities=("tanh",), biases=(True,), batch_first=(False,), bidirectional=False, unbatched=False, h_0=False,
        nonfinite=False, gradients=False, dtypes=(torch.float32,), min_batch=1, max_layers=1,
    )  # fmt: skip
    assert [name for name, feature in FEATURES.items() if feature.offered(least)] == [
        "tanh", "time-major", "no h_0", "float32",
    ]  # fmt: skip
    assert [name for name, feature in FEATURES.items() if not feature.offered(Capabilities())] == ["lengths"]


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


def table(path: Path, found: Results, *implementations: Implementation) -> dict[str, list[str]]:
    """The rows that are written, by their first cell; of several, the last."""
    run = Run(implementations, cases=9, seed=3, profile="dev", archive=None, replay=None)
    write(path, found, run)
    rows = re.findall(r"^\| (.*) \|$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {row.split(" | ")[0]: row.split(" | ")[1:] for row in rows}


def test_cells(tmp_path: Path) -> None:
    """Agreed and how nearly, cut, known, disagreeing, not offered, too few: each as the legend says."""
    found = results(
        Result("onnx-reference", "agreement", "agrees", cases=7, worst_error_over_bound=0.5, cut=True),
        Result("onnx-reference", "archive", "agrees", cases=3, known=1),
        Result("onnx-reference", "gradients", "unsupported"),
        Result("onnx-reference", "special", "disagrees", cases=2),
        Result("onnx-reference", "strides", "error"),
        Result("onnx-reference", "threads", "agrees", cases=3, cut=True, enough=20),
    )
    title = f"onnx-reference (onnx {ONNX.version})"
    assert table(tmp_path / "T.md", found, ONNX)[title] == [
        "7~ (0.50)", "2, 1 known", "-", "**disagrees**", "**error**", "too few: 3",
    ]  # fmt: skip


def test_features(tmp_path: Path) -> None:
    """The columns of features say what is offered, and what a known defect keeps away altogether."""
    counts = {"tanh": (5, 0, 0.25), "float32": (2, 1, 0.0), "h_0": (5, 0, 0.0)}
    path = tmp_path / "T.md"
    table(path, results(Result("onnx-reference", "agreement", "agrees", cases=8, features=counts)), ONNX)
    rows = re.findall(r"^\| onnx-reference.*? \| (.*) \|$", path.read_text(encoding="utf-8"), re.MULTILINE)
    shown = dict(zip(FEATURES, rows[0].split(" | "), strict=True))
    assert shown["tanh"] == "5 (0.25)"
    assert shown["h_0"] == "5"
    assert shown["float32"] == "**disagrees** (1 of 3)"
    assert shown["relu"] == shown["gradients"] == "-"
    assert shown["float64"] == "known"


def test_findings_are_told(tmp_path: Path) -> None:
    """Each known defect with its minimal case, its link and its script."""
    path = tmp_path / "T.md"
    table(path, results(Result("onnx-reference", "agreement", "agrees", cases=1)), ONNX)
    text = path.read_text(encoding="utf-8")
    for defect in ONNX.known_defects:
        assert defect.reason in text
        assert defect.link in text
        assert f"(../tests/regressions/{defect.case})" in text
        assert f"(../tests/regressions/onnx-{defect.name}.py)" in text


def test_declared_accuracies_are_told(tmp_path: Path) -> None:
    """Who is judged by a wider bound than the default, and by what right."""
    declared = Rounding(tanh_ulps=4, tanh_absolute=True, accumulate=torch.float32, reason="It is documented.")
    path = tmp_path / "T.md"
    loose = replace(LINEAR, rounding=declared)
    table(path, results(Result("linear", "agreement", "agrees", cases=1)), loose)
    said = "tanh within 4 units in the last place, relative to 1 near 0, sums in float32"
    assert f"| linear | {said} | It is documented. |" in path.read_text(encoding="utf-8")


def test_sections(tmp_path: Path) -> None:
    """A run replaces the section of its own group, and leaves the others and what stands before them."""
    path = tmp_path / "T.md"
    other = replace(LINEAR, group="other")
    table(path, results(Result("linear", "agreement", "agrees", cases=1)), LINEAR)
    table(path, results(Result("linear", "agreement", "agrees", cases=2)), other)
    found = table(path, results(Result("linear", "agreement", "agrees", cases=3)), LINEAR)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Conformance")
    assert re.findall(r"^## Group `(\w+)`$", text, re.MULTILINE) == ["main", "other"]
    assert found["property"] == ["agreement"]
    assert re.findall(r"^\| linear .* \| (\d)$|^\| linear .* \| (\d) \|$", text, re.MULTILINE)[-1][1] == "2"


# The order of items


def test_a_framework_stays_together() -> None:
    """Items of one foreign library stand beside each other, its archive first, those of torch and NumPy last."""

    class Item:
        def __init__(self, name: str, **archived: object) -> None:
            self.callspec = type("Spec", (), {"params": {"trial": Trial(implementation(name))} | archived})

    items = [Item(name) for name in ("nn.rnn", "mlx", "onnxruntime", "numpy", "mlx", "onnxruntime", "nn.rnn")]
    items.append(Item("mlx", archived="a case"))
    ordered = sorted(items, key=_place)
    names = [item.callspec.params["trial"].implementation.name for item in ordered]
    assert names == ["mlx", "mlx", "mlx", "onnxruntime", "onnxruntime", "nn.rnn", "numpy", "nn.rnn"]
    assert ordered[0].callspec.params["archived"]
