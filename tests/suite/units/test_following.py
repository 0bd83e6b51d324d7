"""Whether a failure follows from a plainer one: the plainer forms of a case, and which of them are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation
from rnn_parity.contract import Weights
from rnn_parity.strategies import Case
from rnn_parity.strategies.plain import to_plain
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.demands import following
from rnn_parity.tests.judge.demands.following import ROOTS, root_of
from rnn_parity.tests.judge.trial.faults import COSTLY
from rnn_parity.tests.suite.planted import Honest, Loop
from rnn_parity.tests.suite.planted.loop import Cell
from rnn_parity.tests.suite.planted.trying import PROPERTIES, implementation

CONFIG = Config(1, 1, nonlinearity="relu", dtype=torch.float64)
CASE = Case(CONFIG, np.ones((2, 1, 1)), weights={name: np.ones(s) for name, s in CONFIG.parameter_shapes().items()})
ASKING = replace(CASE, grad_output=np.ones((2, 1, 1)))


class Biased(Loop):
    """Forgets b_hh."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_hh=torch.zeros_like(cell.b_hh))


class Detached(Loop):
    """Loses the gradient of the bias; its results are right."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_hh=cell.b_hh.detach())


def planted(build: Any, **claims: Any) -> Implementation:
    return implementation(Honest("planted", build, capabilities=Capabilities(**claims)))


def failed(case: Case | None, kind: str = "value", *made: Case) -> Disagreement:
    """A failure of a case, in which networks were called on others."""
    found = Disagreement(kind, "as seen")
    found.case, found.made = case, tuple((1, other) for other in made)
    return found


def root(judged: str, build: Any, found: Disagreement, properties: tuple[str, ...] = tuple(PROPERTIES)) -> str:
    """The property from whose failure this one follows; empty where it stands by itself."""
    asked = {name: PROPERTIES[name] for name in properties}
    seen = root_of(PROPERTIES[judged], planted(build), found, asked)
    assert seen is None or seen.follows is found
    return seen.property if seen else ""


@pytest.mark.parametrize(
    ("judged", "build", "case", "follows"),
    [
        ("h_n", Biased, CASE, "agreement"),
        ("h_n", Loop, CASE, ""),
        ("agreement", Biased, CASE, ""),
        ("gradients", Biased, ASKING, "agreement"),
        ("gradients", Detached, ASKING, ""),
        ("backward", Detached, ASKING, "gradients"),
        ("backward", Loop, ASKING, ""),
    ],
)
def test_the_plainest_failure(judged: str, build: Any, case: Case, follows: str) -> None:
    """Of the properties that are plainer than the one that failed."""
    assert root(judged, build, failed(case)) == follows


def test_only_what_the_run_judges_is_a_root() -> None:
    assert root("backward", Biased, failed(ASKING), ("backward", "gradients")) == "gradients"
    assert root("backward", Biased, failed(ASKING), ("backward",)) == ""


@pytest.mark.parametrize(
    "found", [failed(None), *(failed(CASE, kind) for kind in COSTLY)], ids=lambda found: found.kind
)
def test_what_is_not_tried_again(found: Disagreement, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no case, takes its process down, or takes hundreds of calls."""
    monkeypatch.setattr(following, "_failure", lambda *_: pytest.fail("it was tried again"))
    assert root("h_n", Biased, found) == ""


def test_the_calls_that_were_made_are_tried_too() -> None:
    """Where the case itself is right, by chance of its numbers; the last one first, and no more than so many."""
    right = CASE.with_arrays(bias_hh_l0=np.zeros(1))
    assert root("calls", Biased, failed(right)) == ""
    assert root("calls", Biased, failed(right, "value", CASE, right)) == "agreement"
    others = [right.with_arrays(x=np.full((2, 1, 1), float(number))) for number in range(2, following._LOOKED_AT + 2)]
    assert root("calls", Biased, failed(right, "value", CASE, *others[1:])) == ""
    assert root("calls", Biased, failed(right, "value", CASE, *others[2:])) == "agreement"


def test_a_wrong_call_may_have_no_plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its next form is tried."""

    def none(case: Case) -> Case | None:
        return replace(case, misuse="no such misuse")

    forms: tuple[Callable[[Case], Case | None], ...] = (none, *ROOTS["agreement"])
    monkeypatch.setitem(ROOTS, "agreement", forms)
    assert root("h_n", Biased, failed(CASE)) == "agreement"


def test_who_takes_no_part_in_a_property_has_no_root_there() -> None:
    """Nor is a case asked for that is not claimed."""
    found = failed(replace(ASKING, lengths=(2,)))
    judged, asked = PROPERTIES["length_gradients"], {"lengths": PROPERTIES["lengths"]}
    assert root_of(judged, planted(Biased), found, asked) is None
    asked = {"agreement": PROPERTIES["agreement"]}
    assert root_of(judged, planted(Biased), found, asked) is not None
    assert root_of(judged, planted(Biased, nonlinearities=("tanh",)), found, asked) is None


# Forms


def same(case: Case | None, other: Case) -> bool:
    return case is not None and to_plain(case) == to_plain(other)


def test_plain_forms() -> None:
    """They are finite, lie side by side, and ask for nothing."""
    x = np.array([[[np.nan], [1.0]], [[2.0], [np.inf]]])
    case = Case(
        Config(1, 1, dropout=0.5, num_layers=2), x, memory="strided", lengths=(1, 2), grad_output=np.ones((2, 2, 1))
    )
    for form in ROOTS["agreement"]:
        plain = form(case)
        assert plain is not None
        assert plain.finite
        assert (plain.memory, plain.lengths, plain.has_cotangents, plain.config.dropout) == (
            "contiguous",
            None,
            False,
            0,
        )
    assert ROOTS["lengths"][0](case).lengths == (1, 2)  # type: ignore[union-attr]
    assert ROOTS["gradients"][0](case) is None


def test_forms_that_a_case_has_not() -> None:
    """Other numbers are looked at where gradients are asked for: there, results are right where gradients are wrong."""
    own, *nearby = ROOTS["agreement"]
    assert same(own(CASE), CASE)
    assert [form(CASE) for form in nearby] == [None, None]
    assert ROOTS["lengths"][0](CASE) is None
    assert ROOTS["gradients"][0](CASE) is None
    assert same(ROOTS["gradients"][0](replace(ASKING, memory="strided", twice=True)), ASKING)
