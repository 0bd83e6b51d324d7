"""The laws: changed cases put together again are the case, each law is applied often, and each can be broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation, Rounding, implementation
from rnn_parity.contract import NONLINEARITIES, Array
from rnn_parity.reference.balls import Ball
from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge import Disagreement, Property, Trial, obeys_laws
from rnn_parity.tests.judge.demands import laws
from rnn_parity.tests.judge.demands.laws import LAWS, Law
from rnn_parity.tests.measures.drawing import for_each
from rnn_parity.tests.suite.alike import everything
from rnn_parity.tests.suite.planted import BUGS, Loop
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt
from rnn_parity.tests.suite.planted.trying import implementation as planted

#: The least share of the default cases to which each law applies.
LEAST_SHARE = 0.05
#: A bug that each law finds when it stands alone.
FINDS = {
    "time split": "chunk-hands-over-early-state",
    "state fed back": "fast-path-for-one-step",
    "steps appended": "first-step-reads-mean",
    "blank step first": "zero-frame-ends-sequence",
    "batch reversed": "rows-in-one-stream",
    "batch split": "input-in-eight-bits",
    "batch merged": "batch-tail-4",
    "features shifted": "input-past-eight",
    "units shifted": "units-updated-in-place",
    "widened": "padded-units-repeat-last",
    "directions exchanged": "reverse-reads-output",
    "directions apart": "reverse-starts-from-forward-end",
    "layers apart": "residual-connection",
    "scaled": "states-saturate",
    "input rescaled": "input-in-eight-bits",
    "negated": "tanh-one-sided",
}


def trial_of(build: type = Loop, **claims: object) -> Trial:
    """A network that claims so much, on trial."""
    return Trial(
        Implementation(
            name="loop",
            build=build,
            capabilities=Capabilities(**claims),  # type: ignore[arg-type]
            rounding=Rounding(),
            library="torch",
            extra=None,
            known_defects=(),
        )
    )


def whole_numbers(config: Config, *, state: bool, unbatched: bool) -> Case:
    """A case of small whole numbers, no two axes alike, on which float64 ReLU networks are exact."""
    random = np.random.default_rng(1)

    def numbers(*shape: int) -> Array:
        return random.integers(-2, 3, shape).astype(np.float64)

    batch = 1 if unbatched else 3
    h_0 = numbers(len(config.suffixes()), batch, config.hidden_size) if state else None
    weights = {name: numbers(*shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, numbers(5, batch, 2), h_0, weights, unbatched)


CASES = [
    whole_numbers(
        Config(2, 4, layers, nonlinearity, bias, batch_first, 0.0, bidirectional, torch.float64),
        state=state,
        unbatched=unbatched,
    )
    for layers, nonlinearity, bias, batch_first, bidirectional, state, unbatched in product(
        (1, 3), NONLINEARITIES, *[(False, True)] * 5
    )
]


def by_torch(case: Case) -> tuple[Array, Array]:
    """What nn.RNN makes of a case, time-major."""
    weights, *_ = case.tensors()
    module = torch.nn.RNN(**case.config.module_arguments() | {"batch_first": False}, dtype=torch.float64)
    module.load_state_dict(weights)
    with torch.no_grad():
        output, h_n = module(*(torch.tensor(part.copy()) for part in (case.x, case.h_0) if part is not None))
    return output.numpy(), h_n.numpy()


@pytest.mark.parametrize("name", LAWS)
def test_put_together_it_is_the_case(name: str) -> None:
    """On nn.RNN in float64: bit for bit with ReLU on whole numbers, and to the last few bits with tanh."""
    law = LAWS[name]
    concerned = [case for case in CASES if law.applies(case)]
    assert len(concerned) >= len(CASES) / 16
    for case in concerned:
        got, expected = law.another_way(case, by_torch), by_torch(case)
        tolerance = 0.0 if case.config.nonlinearity == "relu" else 1e-12
        np.testing.assert_allclose(got[0], expected[0], rtol=0, atol=tolerance, strict=True, err_msg=case.descriptor)
        if got[1] is not None:
            np.testing.assert_allclose(got[1], expected[1], rtol=0, atol=tolerance, strict=True)


@pytest.mark.parametrize("name", LAWS)
def test_the_case_is_changed(name: str) -> None:
    """No law runs the case itself again."""
    for case in filter(LAWS[name].applies, CASES):
        asked: list[Case] = []

        def run(changed: Case, asked: list[Case] = asked) -> tuple[Array, Array]:
            asked.append(changed)
            return by_torch(changed)

        LAWS[name].another_way(case, run)
        assert asked
        assert all(everything(changed) != everything(case) for changed in asked), case.descriptor


@pytest.mark.full
def test_each_law_applies_often() -> None:
    """Each is held against a fair share of the default cases, and most cases against several."""
    held: Counter[str] = Counter()
    trial, number = Trial(implementation("nn.rnn")), 400

    def visit(case: Case) -> None:
        if trial.takes(case):
            held.update(obeys_laws(trial, case))

    for_each(cases(), number, visit)
    rare = {name: held[name] / number for name in LAWS if held[name] < LEAST_SHARE * number}
    assert not rare
    assert held.total() >= 5 * number


@pytest.mark.parametrize("name", LAWS)
def test_each_law_finds_a_bug_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the other laws, each still finds a planted bug."""
    monkeypatch.setattr(laws, "LAWS", {name: LAWS[name]})
    (bug,) = (bug for bug in BUGS if bug.name == FINDS[name])
    judged: Property = PROPERTIES["laws"]
    found = hunt(judged, planted(bug), 0, shrink=False)
    assert isinstance(found, Disagreement)
    assert found.kind == f"law: {name}"


@pytest.mark.full
def test_midpoints_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference whose midpoints are all wrong changes no verdict."""
    right = Trial.expected

    def wrong(trial: Trial, case: Case) -> tuple[Ball, Ball]:
        output, h_n = right(trial, case)
        return Ball(output.mid + 1e6, output.rad), Ball(h_n.mid + 1e6, h_n.rad)

    monkeypatch.setattr(Trial, "expected", wrong)
    assert all(obeys_laws(trial_of(), case) for case in CASES)


def test_what_is_not_claimed_is_left_out() -> None:
    """Laws that need a state, a batch or a size beyond the claims are passed over."""
    case = next(case for case in CASES if not (case.has_h_0 or case.unbatched or case.config.bidirectional))
    assert {"time split", "batch merged", "widened"} <= set(obeys_laws(trial_of(), case))
    narrow = trial_of(h_0=False, max_batch=3, max_hidden_size=4)
    assert not {"time split", "batch merged", "widened"} & set(obeys_laws(narrow, case))


class Saturating(Loop):
    """States end at 4."""

    def activate(self, a: torch.Tensor) -> torch.Tensor:
        return super().activate(a).clamp(max=4)


class OnlyOneRow(Loop):
    """A batch of two rows is refused, and one of three loses its last."""

    def arrange_out(self, output: torch.Tensor, unbatched: bool) -> torch.Tensor:
        if output.shape[1] == 2:
            raise ValueError("two rows")
        return super().arrange_out(output[:, :2], unbatched)


def ones(batch: int) -> Case:
    """The running sum of ones."""
    one = np.ones((1, 1))
    return Case(
        Config(1, 1, nonlinearity="relu"), np.ones((2, batch, 1)), None, {"weight_ih_l0": one, "weight_hh_l0": one}
    )


def test_the_law_is_named_in_words() -> None:
    """A disagreement says which law, where, what, and how much was allowed."""
    with pytest.raises(Disagreement) as caught:
        obeys_laws(trial_of(Saturating), ones(1))
    assert caught.value.kind == "law: scaled"
    assert caught.value.text == (
        "x, h_0 and the biases times 8, and the results of ReLU divided by it, changes output[t=0, b=0, j=0] (layer 0)"
    )
    assert {key: caught.value.details[key] for key in ("expected", "got", "allowed")} == {
        "expected": 1.0,
        "got": 0.5,
        "allowed": 0.0,
    }


def test_a_changed_case_that_fails_breaks_the_law() -> None:
    """An error or a wrong shape in a changed case is the law's; in the case itself it is what it is."""
    with pytest.raises(Disagreement) as caught:
        obeys_laws(trial_of(OnlyOneRow), ones(1))
    assert caught.value.kind == "law: batch merged"
    assert (
        caught.value.text == "merging the batch with another one fails: calling the network raised ValueError: two rows"
    )
    with pytest.raises(Disagreement) as caught:
        obeys_laws(trial_of(OnlyOneRow), ones(3))
    assert caught.value.kind == "output shape"


@pytest.mark.parametrize("radius", [0.0, 0.25, np.inf])
@pytest.mark.parametrize("change", [0.0, 0.5, 0.75, np.inf, np.nan])
def test_how_much_is_allowed(radius: float, change: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the radius, whatever that is; and anything where nothing is known."""
    case = ones(1)

    def changed(case: Case, run: laws.Run) -> laws.Pair:
        output, h_n = run(case)
        return output, h_n + change

    expected = [Ball(np.full(shape, np.nan), np.full(shape, radius)) for shape in ((2, 1, 1), (1, 1, 1))]
    monkeypatch.setattr(laws, "LAWS", {"changed": Law("a change", lambda case: True, changed)})
    monkeypatch.setattr(Trial, "expected", lambda *asked: expected)
    if change <= 2 * radius or radius == np.inf:
        assert obeys_laws(trial_of(), case) == ["changed"]
    else:
        with pytest.raises(Disagreement, match="a change changes h_n"):
            obeys_laws(trial_of(), case)


@pytest.mark.full
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(special: float) -> None:
    """NaN is the same as NaN, and an infinity as that infinity."""
    for case in CASES:
        x = case.x.copy()
        x[1, 0, 0] = special
        assert obeys_laws(trial_of(), replace(case, x=x))
