"""What is said of the parts of a minimal case: needed, or without difference; never more than was tried."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config
from rnn_parity.contract import Build
from rnn_parity.contract.changes import Sizes, sized, sizes_of
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.base.choices import OPTIONS, options_of
from rnn_parity.tests.judge.base.fills import FILLS, Fill, special
from rnn_parity.tests.judge.finding import several_axes
from rnn_parity.tests.judge.finding.claims import QUANTITIES, sizes_in_words
from rnn_parity.tests.judge.finding.matters import Variations
from rnn_parity.tests.judge.reduction.counterexample import Counterexample, find_minimal, verdict_on
from rnn_parity.tests.suite.planted import BUGS, Honest, Loop
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation, minimal
from rnn_parity.tests.suite.reported import reported

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.full]


_BUGS = {bug.name: bug for bug in BUGS}

#: By bug: what must be said to be needed, and what must be said to make no difference.
SAID: dict[str, tuple[list[str], list[str]]] = {
    "initial-state-ignored": (["h_0 is not zero", "weight_hh_l0 is not zero"], ["T", "nonlinearity", "dtype"]),
    "reverse-runs-forward": (["T >= 2", "it is bidirectional", "for every input tried (12 of 12)"], ["B", "bias"]),
    "state-reset-every-seven": (["T >= 8"], ["hidden_size", "directions", "layout"]),
    "hidden-tail-8": (["hidden_size >= 9 but no multiple of 8"], ["B", "input_size", "nonlinearity"]),
    "hidden-tail-32": (["hidden_size >= 33 but no multiple of 32"], ["B", "dtype"]),
    "unrolled-tail": (["T >= 5 but no multiple of 4"], ["B", "h_0"]),
    "chunk-16": (["T >= 17"], ["directions"]),
    "batch-first-ignored-when-square": (["T = B >= 2"], ["input_size", "hidden_size"]),
    # A second layer is square whatever input_size is, and its h_0 has two rows without a second direction.
    "input-transposed-when-square": (["fails where input_size = 1 and num_layers = 2"], ["T", "B"]),
    "matrices-swapped": (["x is not zero", "fails where input_size = 2 and num_layers = 2"], ["T", "B"]),
    "initial-state-batch-first": (["fails where it is unidirectional and num_layers = 2"], ["T", "dtype"]),
    "upper-input-weights-reused": (["num_layers >= 3"], ["directions", "B"]),
    "always-relu": (["the nonlinearity is tanh", "for every input tried (12 of 12)"], ["T", "h_0", "dtype"]),
    "nan-swallowed": (
        ["only for numbers like its own (0 of 12 others tried)", "x is not finite"],
        ["T", "nonlinearity"],
    ),
    "infinity-clipped": (["x is not finite", "the nonlinearity is relu"], ["B"]),
    "recurrent-bias-missing": (["it has biases", "bias_hh_l0 is not zero", "3 of 3 positive"], ["T", "nonlinearity"]),
    "bias-although-none": (["it has no biases"], ["T", "h_0"]),
    "empty-batch-raises": (["B = 0 (not 1, 2, 3)"], ["T", "hidden_size"]),
    "single-feature-is-ones": (["fails where input_size = 2 and num_layers = 2"], ["T"]),
    "tanh-saturates-at-five": (["0 of 3 positive, 0 of 3 signed", "3 large"], ["T", "bias"]),
    "double-in-single": (["0 of 3 positive", "many-digit", "the dtype is float64"], ["T", "nonlinearity"]),
    "longest-for-all": (["lengths are below T", "B >= 2"], ["hidden_size", "h_0"]),
    "packed-indices-lost": (["T >= 2", "lengths are below T"], ["hidden_size"]),
    "gradient-of-last-step-only": (["T >= 2", "weight_hh_l0"], ["B"]),
    "final-state-detached": (["what is differentiated is not output alone"], ["T"]),
    "halves-summed": (["it is bidirectional"], ["T", "B", "input_size", "hidden_size", "num_layers"]),
}


@cache
def found(name: str) -> Counterexample:
    counterexample = minimal(_BUGS[name], 1)
    assert counterexample is not None
    return counterexample


@pytest.mark.parametrize("name", SAID)
def test_what_a_bug_needs_is_said(name: str) -> None:
    """The conditions of each, and some of what makes no difference to it."""
    needed, indifferent = SAID[name]
    told, _, same = Variations(found(name)).told.partition(" Tried without effect: ")
    assert [words for words in needed if words not in told] == []
    assert [words for words in indifferent if words not in same.replace("(", " ").replace(",", " ").split()] == []
    assert told.startswith("Fails ")


@pytest.mark.parametrize("name", ["initial-state-ignored", "hidden-tail-32", "gradient-of-last-step-only"])
def test_says_the_same_again(name: str) -> None:
    """What is tried is the same each time, and so are the words."""
    assert Variations(found(name)).told == Variations(found(name)).told


# What is not known is not said


def test_what_was_tried_alone_only_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no time to change several things at once, no sentence claims to hold for several."""
    monkeypatch.setattr(several_axes.SeveralAxes, "_together", lambda self: False)
    told = Variations(found("initial-state-ignored")).told
    assert told.startswith("With one thing changed at a time, it fails ")
    assert told.endswith("There was no time to change several at once.")


def counterexample(build: Build, case: Case, judged: str = "agreement", **claims: object) -> Counterexample:
    """A case on which a network fails, as if it had been found and reduced."""
    tried = implementation(Honest("planted", build, capabilities=Capabilities(**claims)))  # type: ignore[arg-type]
    disagreement = verdict_on(PROPERTIES[judged], tried, case)
    assert disagreement is not None
    return Counterexample(PROPERTIES[judged], tried, case, disagreement, case, 0, reduced_fully=True)


ONE = Case(Config(1, 1, nonlinearity="relu", dtype=torch.float64), np.ones((1, 1, 1)))


class Twice(Loop):
    def network(self, x: torch.Tensor, h_0: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        output, h_n = super().network(x, h_0)
        return output + 1, h_n


def test_what_is_not_claimed_is_not_mentioned() -> None:
    """It was not tried."""
    claims = {"bidirectional": False, "nonlinearities": ("relu",), "unbatched": False, "max_layers": 1, "h_0": False}
    told = Variations(counterexample(Twice, ONE, **claims)).told
    assert told.startswith("Fails for every input tried (12 of 12).")
    assert [
        name
        for name in ("bidirectional", "directions", "dropout", "nonlinearity", "num_layers", "unbatched")
        if name in told
    ] == []
    assert "bias" in told


def test_another_kind_of_failure_is_told() -> None:
    """It fails there as well, but by an error."""

    class Raises(Twice):
        def network(self, x: torch.Tensor, h_0: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if x.shape[1] > 1:
                raise ZeroDivisionError
            return super().network(x, h_0)

    told = Variations(counterexample(Raises, ONE)).told
    assert "(it raises ZeroDivisionError where B = 2, B = 3 and 1 more)" in told


def test_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there was no time for is not mentioned."""
    monkeypatch.setattr("rnn_parity.tests.judge.finding.varied.SECONDS", -1.0)
    assert Variations(counterexample(Twice, ONE)).told == ""


@pytest.mark.parametrize(
    ("fails", "passes", "words"),
    [
        ([2, 3, 4], [1], "T >= 2"),
        ([1, 2], [3, 4], "T <= 2"),
        ([4, 8, 12], [1, 5, 6, 7], "T is a multiple of 4"),
        ([5, 6, 7], [4, 8, 12], "T >= 5 but no multiple of 4"),
        ([3, 5], [2, 4, 6], "T >= 3 but no multiple of 2"),
        ([3, 4, 6], [2, 5, 7], "T = 3, 4, 6 (not 2, 5, 7)"),
        ([2], [1, 3], "T = 2 (not 1, 3)"),
        ([4], [1, 2, 3], "T = 4 (not 1, 2, 3)"),
        ([2, 4], [1, 3], "T = 2, 4 (not 1, 3)"),
    ],
)
def test_sizes_in_words(fails: list[int], passes: list[int], words: str) -> None:
    """A threshold or a multiple is said where several sizes show it, else the sizes themselves."""
    assert sizes_in_words("T", dict.fromkeys(fails, True) | dict.fromkeys(passes, False)) == words


# The varied cases


@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_fills_differ_and_keep_what_is_special(fill: Fill) -> None:
    """No zeros, no two equal numbers, and NaN where it stood."""
    case = sized(T=3, B=2, input_size=2)(ONE)
    x = case.x.copy()
    x[0, 0, 0] = np.nan
    filled = fill.of(replace(case, x=x))
    assert np.isnan(filled.x[0, 0, 0])
    others = filled.x[~special(filled.x)]
    assert len(set(np.abs(others))) == x.size - 1
    assert others.all()
    assert fill.sort in ("signed", "large") or all(
        (array[~np.isnan(array)] > 0).all() for array in filled.arrays.values()
    )


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_choice_made_twice_is_the_same(option: object) -> None:
    """A case is changed, filled, and changed again."""
    case = sized(T=2, B=2, hidden_size=2, num_layers=2)(ONE)
    for change in option.choices.values():  # type: ignore[attr-defined]
        assert repr(change(change(case))) == repr(change(case))


def test_sizes_change_alone() -> None:
    """Whatever else there is: lengths, both cotangents, directions."""
    case = sized(num_layers=2)(found("longest-for-all").case)
    for option in options_of(replace(case, grad_h_n=np.ones((2, 2, 1)))):
        for change in option.choices.values():
            changed = change(replace(case, lengths=None) if option.name == "layout" else case)
            for name, size in sizes_of(changed)._asdict().items():
                if not (name == "B" and changed.unbatched):
                    assert sizes_of(sized(**{name: size + 2})(changed)) == sizes_of(changed)._replace(
                        **{name: size + 2}
                    )


# Several axes at once


def matters_of(name: str, judged: str, seed: int) -> str:
    """What matters of the minimal case of a reported implementation."""
    disagreement = hunt(PROPERTIES[judged], reported(name), seed, shrink=False)
    assert isinstance(disagreement, Disagreement)
    return Variations(find_minimal(PROPERTIES[judged], reported(name), disagreement)).told


def test_a_product_of_sizes() -> None:
    """B and H each seem to matter, or not, by themselves: what counts is how many numbers there are."""
    told = matters_of("aidotnet594_tanh_in_lanes", "special", 5)
    assert "as long as B * hidden_size >= 4" in told
    assert "unbatched" not in told.partition("Tried without")[0]


def test_the_order_of_lengths() -> None:
    """Lengths as such do no harm."""
    told = matters_of("mlverse1156_packed_in_order", "lengths", 0)
    assert "lengths are not absent, and lengths are not out of order" in told


def test_sizes_of_which_either_is_one() -> None:
    """Neither T nor B is said to be needed where the other may take its place."""
    told = matters_of("rl3754_canonical_strides", "agreement", 0)
    assert "B >= 2" not in told
    assert "T = 1 (" not in told
    assert "fails where B = 1 and T = 2" in told


@pytest.mark.parametrize("words", ["T * B >= 6", "B + hidden_size >= 5", "num_layers * hidden_size >= 4"])
def test_a_planted_quantity(words: str) -> None:
    """A network that is wrong from a product or a sum of sizes on."""
    (quantity,) = (found for found in QUANTITIES if found.words == words.partition(" >=")[0])
    least = int(words.rpartition(" ")[2])

    class Large(Loop):
        def network(self, x: torch.Tensor, h_0: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            output, h_n = super().network(x, h_0)
            config = self.config
            sizes = Sizes(x.shape[0], x.shape[1], config.input_size, config.hidden_size, config.num_layers)
            return output + (quantity.of(sizes._asdict()) >= least), h_n

    case = sized(T=3, B=2, hidden_size=3, num_layers=2)(ONE)
    assert f"as long as {words}" in Variations(counterexample(Large, case)).told
