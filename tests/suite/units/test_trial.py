"""A trial: what is counted, what ends it, what is set aside, and what a disagreement carries with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis.vendor.pretty import pretty

from rnn_parity import Capabilities, Config, Implementation
from rnn_parity.contract import KnownDefect
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.trial import trial as module
from rnn_parity.tests.judge.trial.faults import COSTLY
from rnn_parity.tests.judge.trial.trial import trial_of
from rnn_parity.tests.judge.trial.verdict import Root
from rnn_parity.tests.suite.planted import Honest, Loop
from rnn_parity.tests.suite.planted.trying import implementation

CONFIG = Config(1, 1, nonlinearity="relu", dtype=torch.float64)
CASE = Case(CONFIG, np.ones((2, 1, 1)), weights={name: np.ones(s) for name, s in CONFIG.parameter_shapes().items()})
#: Beyond what is claimed, and a wrong call.
BEYOND = replace(CASE, unbatched=True)
MISUSED = replace(CASE, misuse="x-integers")


def planted(build: Any = Loop, **changes: Any) -> Implementation:
    found = implementation(Honest("planted", build, capabilities=Capabilities(unbatched=False)))
    return replace(found, **changes)


def fails(trial: Trial, case: Case, disagreement: Disagreement) -> None:
    """Judge a case that fails."""
    with trial.judging(case):
        raise disagreement


def follows(_: Implementation, disagreement: Disagreement) -> Root:
    return Root("agreement", Disagreement("value", "the plainer one"), disagreement)


# Counting


def test_each_case_is_counted() -> None:
    """As drawn, by its features, and with its margin, which is added to the trial's."""
    trial = Trial(planted())
    for _ in range(2):
        with trial.judging(CASE) as in_time:
            assert in_time
            trial.agrees(CASE)
    assert trial.tally.cases == 2
    assert set(trial.tally.drawn.values()) == {2}
    assert {counts[:2] for counts in trial.tally.features.values()} == {(2, 0)}
    assert sum(trial.tally.margins.values()) == 2
    assert trial.tally.margin.elements == 2 * (2 + 1)


@pytest.mark.parametrize("case", [BEYOND, MISUSED], ids=["beyond the claims", "a wrong call"])
def test_what_is_not_claimed_says_nothing_of_features(case: Case) -> None:
    trial = Trial(planted())
    with trial.judging(case):
        pass
    assert (trial.tally.cases, trial.tally.features) == (1, {})


def test_cases_of_shrinking_are_not_told_as_drawn() -> None:
    """What comes after the first failure is Hypothesis's shrinking."""
    trial = Trial(planted())
    for _ in range(2):
        with pytest.raises(Disagreement, match="wrong"):
            fails(trial, CASE, Disagreement("value", "wrong"))
    assert trial.tally.cases == 2
    assert set(trial.tally.drawn.values()) == {1}
    assert {counts[:2] for counts in trial.tally.features.values()} == {(0, 2)}


@pytest.mark.parametrize("kind", [*COSTLY, "threads: value"])
def test_what_is_costly_is_seen_once(kind: str) -> None:
    """Every case is said to show it, so that Hypothesis shrinks nothing."""
    trial, seen = Trial(planted()), Disagreement(kind, "as planted")
    with pytest.raises(Disagreement):
        fails(trial, CASE, seen)
    with pytest.raises(Disagreement) as caught, trial.judging(CASE):
        pytest.fail("it is judged again")
    assert caught.value is seen
    assert trial.tally.cases == 1


# What follows from a plainer failure


def test_what_follows_is_set_aside() -> None:
    """The case counts, and the first root is kept; the trial goes on as if nothing had failed."""
    trial = Trial(planted(), root_of=follows)
    first, second = Disagreement("value", "first"), Disagreement("value", "second")
    for disagreement in (first, second):
        with trial.judging(CASE):
            raise disagreement
    assert (trial.tally.cases, trial.tally.followed) == (2, 2)
    assert trial.followed is not None
    assert trial.followed.follows is first
    assert set(trial.tally.drawn.values()) == {2}


@pytest.mark.parametrize("root_of", [None, lambda *_: None], ids=["not asked", "no root"])
def test_what_stands_by_itself_is_raised(root_of: Callable[..., Root | None] | None) -> None:
    trial = Trial(planted(), root_of=root_of)
    with pytest.raises(Disagreement, match="wrong"):
        fails(trial, CASE, Disagreement("value", "wrong"))
    assert (trial.followed, trial.tally.followed) == (None, 0)


# What a disagreement carries


class Wrong(Loop):
    """Adds 1 to the output of its second call, and of those that come after."""

    def __init__(self, config: Config, weights: Any) -> None:
        super().__init__(config, weights)
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        output, h_n = super().__call__(*arguments)
        return output + (self.calls > 1), h_n


def test_a_disagreement_knows_its_case_and_its_calls() -> None:
    """All calls of all networks, and those of the network that failed."""
    trial, other = Trial(planted(Wrong)), CASE.with_arrays(x=np.zeros((2, 1, 1)))

    def check() -> None:
        trial.agrees(other)
        network = trial.build(CASE)
        network.agrees(CASE)
        network.agrees(other)

    with pytest.raises(Disagreement) as caught, trial.watched(CASE):
        check()
    assert caught.value.case is CASE
    assert caught.value.calls == (CASE, other)
    assert caught.value.made == ((1, other), (2, CASE), (2, other))


def test_networks_are_numbered_anew_for_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more than so many calls are noted."""
    monkeypatch.setattr(module, "_MADE", 2)
    trial = Trial(planted())
    for _ in range(2):
        with trial.watched(CASE):
            network = trial.build(CASE)
            for _ in range(3):
                network.call(CASE)
    assert trial.made == [(1, CASE), (1, CASE)]
    assert network.history == [CASE] * 3


def test_surroundings_that_change_are_a_disagreement() -> None:
    """And are put back."""

    class Changes(Loop):
        def __call__(self, *arguments: Any) -> Any:
            torch.set_default_dtype(torch.float64)
            return super().__call__(*arguments)

    trial, before = Trial(planted(Changes)), torch.get_default_dtype()
    with pytest.raises(Disagreement, match=r"the network changed torch's default dtype"), trial.watched(CASE):
        trial.agrees(CASE)
    assert torch.get_default_dtype() == before


def test_an_error_of_the_suite_is_no_disagreement() -> None:
    """It passes through, and what was changed is put back all the same."""
    trial, before = Trial(planted()), torch.get_default_dtype()

    def check() -> None:
        torch.set_default_dtype(torch.float64)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), trial.watched(CASE):
        check()
    assert torch.get_default_dtype() == before


# Defects


@pytest.mark.parametrize(
    ("asked_for", "properties", "known"),
    [("", (), True), ("", ("laws",), True), ("laws", (), True), ("laws", ("laws",), True), ("h_n", ("laws",), False)],
)
@pytest.mark.parametrize(("present", "shows"), [(True, True), (True, False), (False, True)])
def test_known_defects(asked_for: str, properties: tuple[str, ...], known: bool, present: bool, shows: bool) -> None:
    """One counts on the properties that it names, or on all; where it is present; on the cases that show it."""
    defect = KnownDefect(
        name="name",
        predicate=lambda case: shows,
        reason="it is wrong",
        link="https://example.org",
        case="",
        present=lambda: present,
        properties=properties,
    )
    trial = Trial(planted(known_defects=(defect,)), asked_for=asked_for)
    here = known and present and shows
    assert trial.defects(CASE) == ["name"] * here
    assert trial.takes(CASE) == (not here)
    assert not trial.takes(BEYOND)


# Building, calling, differentiating


def test_what_is_built_is_a_function() -> None:
    with pytest.raises(Disagreement, match=r"build\(config, weights\) returned None, expected a function") as caught:
        Trial(planted(lambda config, weights: None)).build(CASE)
    assert caught.value.kind == "type"


def test_results_that_hang_on_nothing() -> None:
    """Where all gradients are asked for, results that track nothing are told as such."""

    class Detached(Loop):
        def __call__(self, *arguments: Any) -> Any:
            return tuple(part.detach() for part in super().__call__(*arguments))

    asking = replace(CASE, grad_output=np.ones((2, 1, 1)))
    with pytest.raises(Disagreement, match="connects the results to no argument") as caught:
        Trial(planted(Detached)).agrees(asking)
    assert caught.value.calls == (asking,)


@pytest.mark.parametrize("twice", [False, True], ids=["gradients", "second derivatives"])
def test_a_case_that_asks_for_gradients_has_them_judged(twice: bool) -> None:
    trial = Trial(planted())
    trial.agrees(replace(CASE, grad_output=np.ones((2, 1, 1)), twice=twice))
    results, gradients = 2 + 1, 2 + 4
    once = results + gradients
    # The second derivatives of one call, that by the cotangent too; then those of two calls.
    again = (gradients + 2) + results + gradients
    assert trial.tally.margin.elements == results + once + (again if twice else 0)


def test_a_gradient_that_came_in_and_was_changed() -> None:
    class Spoils(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, output: torch.Tensor) -> torch.Tensor:
            return output.clone()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            given = gradient.clone()
            gradient.zero_()
            return given

    class Spoiled(Loop):
        def __call__(self, *arguments: Any) -> Any:
            output, h_n = super().__call__(*arguments)
            return Spoils.apply(output), h_n

    with pytest.raises(Disagreement, match="differentiating changed the gradient that came in, grad_output") as caught:
        Trial(planted(Spoiled)).agrees(replace(CASE, grad_output=np.ones((2, 1, 1))))
    assert caught.value.kind == "changed"


def test_a_call_with_tensors_of_ones_own() -> None:
    """With a state or without; nothing is tracked."""
    network = Trial(planted()).build(CASE)
    x, state = torch.ones(2, 1, 1, dtype=torch.float64), torch.ones(1, 1, 1, dtype=torch.float64)
    assert network.tensors_on(x, None)["output"].ravel().tolist() == [3.0, 6.0]
    found = network.tensors_on(x, state.requires_grad_())
    assert found["output"].ravel().tolist() == [4.0, 7.0]
    assert not found["output"].requires_grad


def test_calls_apart_are_limited_where_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here only what runs here is written down as under way."""
    begun: list[str] = []
    monkeypatch.setattr(module.RECORDER, "begin", begun.append)
    monkeypatch.setattr(Implementation, "build_in_place", property(lambda self: self.build))
    Trial(planted()).agrees(CASE)
    assert begun == ["building a network", "calling the network"]
    Trial(planted(environment={})).agrees(CASE)
    assert len(begun) == 2


def test_in_a_message_a_trial_is_its_implementation() -> None:
    """Hypothesis prints the arguments of what fails."""
    assert pretty(Trial(planted())) == "<Trial of planted>"


class Item:
    """A pytest item, of which the parameters matter."""

    def __init__(self, **params: Any) -> None:
        self.callspec = type("", (), {"params": params})()


def test_the_trial_of_an_item() -> None:
    trial = Trial(planted())
    assert trial_of(Item(trial=trial)) is trial
    assert trial_of(Item(trial="another's")) is None
    assert trial_of(Item()) is None
    assert trial_of(object()) is None
