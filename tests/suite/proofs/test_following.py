"""What fails as a plainer call of the network fails is set aside: that call is told, and another bug is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from rnn_parity import Implementation
from rnn_parity.contract import Weights
from rnn_parity.tests.judge import Disagreement, Property, Trial
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.demands.following import root_of
from rnn_parity.tests.judge.run.explaining import Command, Explainer
from rnn_parity.tests.judge.schedule.shards import shard_test
from rnn_parity.tests.suite.planted import BUGS, Honest, Loop
from rnn_parity.tests.suite.planted.bugs import Bug
from rnn_parity.tests.suite.planted.loop import Cell
from rnn_parity.tests.suite.planted.trying import PROPERTIES, implementation
from rnn_parity.tests.suite.reported import reported

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.full]


class Biased(Loop):
    """Forgets b_hh."""

    def cell(self, weights: Weights, layer: int, reverse: bool) -> Cell:
        cell = super().cell(weights, layer, reverse)
        return cell._replace(b_hh=torch.zeros_like(cell.b_hh))


class BiasedAndStateful(Biased):
    """And goes on, without an h_0, from where the last call ended."""

    kept: torch.Tensor | None = None

    def initial_state(self, x: torch.Tensor, h_0: torch.Tensor | None) -> torch.Tensor:
        kept = self.kept if self.kept is not None and self.kept.shape[1] == x.shape[1] else None
        return super().initial_state(x, kept if h_0 is None else h_0)

    def final_state(self, lasts: Sequence[torch.Tensor]) -> torch.Tensor:
        self.kept = super().final_state(lasts)
        return self.kept.clone()


def tried(judged: str, found: Implementation, cases: int = 100) -> Trial | Disagreement:
    """What a run makes of it that asks what follows: its first disagreement, or the trial."""
    trial = Trial(
        found, budget=cases, asked_for=judged, root_of=partial(root_of, PROPERTIES[judged], properties=PROPERTIES)
    )
    try:
        shard_test(PROPERTIES[judged], trial, 0, database=None)(trial)
    except Disagreement as disagreement:
        return disagreement
    return trial


@pytest.mark.parametrize("judged", ["calls", "h_n", "laws", "layouts", "modes", "special", "strides", "updates"])
def test_results_that_are_wrong_anyhow(judged: str) -> None:
    """Whatever fails is the one bug, and no case of another kind fails."""
    trial = tried(judged, implementation(Honest("biased", Biased)))
    assert isinstance(trial, Trial)
    assert trial.followed is not None
    assert trial.followed.property == "agreement"
    assert 0 < trial.tally.followed < trial.tally.cases


@pytest.mark.parametrize("judged", ["gradients", "backward", "second_derivatives", "threads"])
def test_gradients_and_calls_at_once(judged: str) -> None:
    """Also where a gradient is wrong and the results are right, as of a state of zeros."""
    trial = tried(judged, reported("flipped"))
    assert isinstance(trial, Trial)
    assert trial.followed is not None
    assert trial.followed.property == "agreement"


def test_a_second_bug_is_found_beside_the_first() -> None:
    """On a case that shows it, and not the other."""
    found = tried("calls", implementation(Honest("both", BiasedAndStateful)))
    assert isinstance(found, Disagreement)
    assert found.case is not None
    assert not any(array.any() for name, array in found.case.arrays.items() if name.startswith("bias_hh"))


def test_gradients_are_told_of_once() -> None:
    """Those that are wrong are wrong of two calls, too."""
    (bug,) = (bug for bug in BUGS if bug.name == "gradient-of-last-step-only")
    trial = tried("backward", implementation(bug))
    assert isinstance(trial, Trial)
    assert trial.followed is not None
    assert trial.followed.property == "gradients"


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.property == "calls"][:6], ids=str)
def test_what_a_property_alone_sees_stands_by_itself(bug: Bug) -> None:
    """As a bug of its own."""
    assert isinstance(tried(bug.property, implementation(bug), 200), Disagreement)


@pytest.mark.parametrize(("repeats", "status"), [(True, "follows"), (False, "disagrees")])
def test_a_plainer_failure_that_cannot_be_repeated(repeats: bool, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuses nobody: then what follows from it is told by itself."""
    trial = tried("calls", implementation(Honest("biased", Biased)))
    assert isinstance(trial, Trial)
    assert trial.followed is not None

    def explain(judged: Property, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(property=judged.name, seen_once=judged.name == "agreement" and not repeats)

    explainer = Explainer(None)
    monkeypatch.setattr(explainer, "explain", explain)
    monkeypatch.setattr(explainer, "of_its_own", lambda *_: None)
    failed = PROPERTIES["calls"], trial.implementation, trial.followed.disagreement, trial.followed
    found, said = explainer.told(*failed, Run((), 40, 7, "ci", None, None), Command("", ()), Teller())
    assert (found.property, said) == ("agreement" if repeats else "calls", status)


def test_it_is_told_the_same_whichever_worker_asks() -> None:
    """Of another case that follows, the plainer property's own first case comes out, and is found once."""
    found, run = reported("flipped"), Run((), 40, 7, "ci", None, None)
    roots = [tried(judged, found).followed for judged in ("calls", "gradients", "laws")]  # type: ignore[union-attr]
    agreement = PROPERTIES["agreement"]
    told = [Explainer(None).of_its_own(agreement, found, root, run) for root in roots if root is not None]
    assert len({disagreement.case.descriptor for disagreement in told if disagreement and disagreement.case}) == 1
    assert len(told) == 3
