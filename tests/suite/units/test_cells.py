"""Kinds of cells as data: the steps of the table, in every algebra, and what a second kind asks of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_parity import Capabilities, Config, RegistrationError, register_module
from rnn_parity.contract import DTYPES, KINDS
from rnn_parity.contract.case import InvalidCase, round_to
from rnn_parity.contract.cells import GRU, LSTM
from rnn_parity.contract.changes import sized
from rnn_parity.reference import gates
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.balls import arithmetic_of, exact
from rnn_parity.reference.forward import forward
from rnn_parity.registry import implementation
from rnn_parity.strategies import Case, cases, cases_with_cotangents
from rnn_parity.strategies.drawing.values import GATES
from rnn_parity.strategies.plain import from_plain, to_plain
from rnn_parity.strategies.shrinking.steps import keep
from rnn_parity.tests.judge.diagnosis.gates_in_text import GatesInText
from rnn_parity.tests.judge.run.options import _of_cells
from rnn_parity.tests.judge.trial.lengths import in_parts
from rnn_parity.tests.judge.trial.verdict import Disagreement, as_result
from rnn_parity.tests.suite.exact import Adversary, allows, number, rounded, strays, without_rounding
from rnn_parity.tests.suite.quick import examples

GATED = Capabilities(cells=("gru",))
KIND = ("gru", "lstm")


def small(kind: str, **claims: Any) -> Capabilities:
    """Networks of a kind that fractions can run."""
    sizes = {"max_steps": 3, "max_batch": 2, "max_input_size": 3, "max_hidden_size": 3, "max_layers": 2}
    return Capabilities(cells=(kind,), **sizes, **claims)  # type: ignore[arg-type]


ROUNDING = implementation("nn.gru").rounding


def numbered(config: Config, steps: int = 2, batch: int = 2) -> Case:
    """A case in which each number is another."""
    weights = {name: np.arange(np.prod(shape)).reshape(shape) for name, shape in config.parameter_shapes().items()}
    return Case(config, np.ones((steps, batch, config.input_size)), weights=weights)


# The step, in every algebra


@pytest.mark.parametrize("kind", KIND)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=examples(12))
@given(st.data())
def test_the_true_result_is_in_the_ball(kind: str, dtype: torch.dtype, data: st.DataObject) -> None:
    """The step over fractions, sigmoid and tanh at fifty digits."""
    case = data.draw(cases(small(kind, dtypes=(dtype,))))
    assert not strays(forward(case), without_rounding(case))


@pytest.mark.parametrize("kind", KIND)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=examples(12))
@given(st.data(), st.integers(0, 2**16))
def test_no_honest_evaluation_leaves_the_ball(kind: str, dtype: torch.dtype, data: st.DataObject, seed: int) -> None:
    """Sums in any order, sigmoid and tanh two units off, and a GRU's last line in each of its three ways."""
    case = data.draw(cases(small(kind, dtypes=(dtype,))))
    for turn in range(2):
        assert not strays(forward(case), Adversary(dtype, ROUNDING, seed + turn).run(case))


#: z, n and h, out of a number from 0 to 1, of which the roundings of one way are larger than those of the others.
TELLING: dict[str, Callable[[float], tuple[float, float, float]]] = {
    "A": lambda part: (0.2 + 0.6 * part, 1 + part, 1 + part),
    "B": lambda part: (1.0, 1 + part, part * 2.0**-24),
    "C": lambda part: (0.0, part * 2.0**-24, 1 + part),
}


@pytest.mark.parametrize("way", TELLING)
def test_each_way_to_write_the_last_line_is_needed(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the roundings of all ways nobody is accused; without its own, somebody who writes it so."""
    assert not any(mixed_astray(way, seed) for seed in range(100))
    monkeypatch.setattr(gates, "WAYS", tuple(kept for name, kept in zip("ABC", gates.WAYS, strict=True) if name != way))
    assert any(mixed_astray(way, seed) for seed in range(100))


def mixed_astray(way: str, seed: int) -> bool:
    """Whether an evaluation that mixes exact numbers in this way leaves its ball."""
    dtype, part = torch.float32, Random(seed).random()
    values = round_to(dtype, TELLING[way](part)).tolist()
    ball = gates.mix(arithmetic_of(dtype, ROUNDING), *(exact(np.array(value)) for value in values))
    adversary = Adversary(dtype, ROUNDING, seed)
    adversary.way = way
    found = rounded(adversary.mix(*map(number, values)), dtype)
    return not allows(float(ball.mid), float(ball.rad), found)


@pytest.mark.parametrize("kind", KIND)
@settings(max_examples=examples(40))
@given(st.data())
def test_gradients_are_those_of_torch(kind: str, data: st.DataObject) -> None:
    """Midpoints are torch's in float64, and torch's in the dtype of the case lie in the balls."""
    case = data.draw(cases_with_cotangents(small(kind, dtypes=(torch.float32, torch.float64))))
    balls = gradients(case)
    for dtype in {torch.float64, case.config.dtype}:
        for name, gradient in of_torch(case.with_config(dtype=dtype)).items():
            ball, found = balls[name], gradient.double().numpy()
            allowed = ball.rad if dtype == case.config.dtype else ball.rad + 1e-12 * (1 + np.abs(found))
            assert (np.isinf(ball.rad) | (np.abs(found - ball.mid) <= allowed)).all(), name


def of_torch(case: Case) -> dict[str, torch.Tensor]:
    """The gradients of torch's module, by name; of a state all parts, one behind the other."""
    config = replace(case.config, batch_first=False)
    plain = replace(case, config=config, unbatched=False, memory="contiguous", incoming="contiguous")
    weights, x, h_0 = plain.tensors()
    sizes = config.input_size, config.hidden_size, config.num_layers, config.bias
    module = getattr(torch.nn, config.kind.module)
    network = module(*sizes, bidirectional=config.bidirectional).to(config.dtype)
    network.load_state_dict(weights)
    leaves = {"x": x, **({} if h_0 is None else {"h_0": h_0})}
    for leaf in leaves.values():
        leaf.requires_grad_()
    output, final = network(x, in_parts(config, h_0))
    results = {"grad_output": output, "grad_h_n": torch.stack(final) if isinstance(final, tuple) else final}
    torch.autograd.backward(*zip(*[(results[name], grad) for name, grad in plain.cotangents().items()], strict=True))
    leaves |= dict(network.named_parameters())
    found = {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}
    return found | {
        name: torch.cat(list(found[name]), -1) for name in ("h_0",) if isinstance(final, tuple) and name in found
    }


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_demanded_of_what_is_not_finite(value: float) -> None:
    """Nor of what may overflow; what does not depend on it is bounded."""
    case = numbered(Config(1, 1, cell="gru", dtype=torch.float16), steps=1)
    case = case.with_arrays(x=np.array([[[value], [1.0]]]))
    output, _ = forward(case)
    assert np.isinf(output.rad[0, 0]).all()
    assert np.isfinite(output.rad[0, 1]).all()
    asked = replace(case, grad_output=np.ones((1, 2, 1)))
    assert np.isinf(gradients(asked)["x"].rad[0, 0]).all()
    assert not replace(case, x=np.array([[[6e4], [1.0]]])).finite


# A kind as data


def test_a_kind_gives_a_network_its_parameters() -> None:
    for name, kind in KINDS.items():
        config = Config(2, 3, num_layers=2, bidirectional=True, cell=name)
        module = getattr(torch.nn, kind.module)(2, 3, num_layers=2, bidirectional=True)
        expected = {key: tuple(value.shape) for key, value in module.named_parameters()}
        assert config.parameter_shapes() == expected
    assert GRU.reach(1.0, 99.0, 3.0) == 3.0


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Config\(cell=...\): expected one of rnn, gru, lstm, found 'mgu'"):
        Config(1, 1, cell="mgu")
    plain = to_plain(numbered(Config(1, 1, cell="gru")))
    plain["config"]["cell"] = "mgu"
    with pytest.raises(InvalidCase, match="cell should be one of rnn, gru, lstm, found 'mgu'"):
        from_plain(plain)
    with pytest.raises(ValueError, match=r"Capabilities\(cells=...\): expected a non-empty tuple"):
        Capabilities(cells=("mgu",))


def test_a_case_of_gates_is_kept() -> None:
    """By JSON, and by what is printed; one of nn.RNN's is written as it always was."""
    case = numbered(Config(2, 2, cell="gru"))
    assert from_plain(to_plain(case)).config == case.config
    assert eval(repr(case), {"Case": Case, "Config": Config, "torch": torch, "np": np}).config == case.config  # noqa: S307
    assert "cell" not in to_plain(numbered(Config(2, 2)))["config"]
    assert case.descriptor.startswith("gru T2")


def test_units_keep_the_rows_of_their_gates() -> None:
    """Where units are dropped, and where sizes change."""
    case = numbered(Config(1, 3, cell="gru"))
    assert keep(case, "hidden", [1]).weights["bias_ih_l0"].tolist() == [1, 4, 7]
    state = replace(numbered(Config(1, 3, cell="lstm")), h_0=np.arange(12).reshape(1, 2, 6))
    assert keep(state, "hidden", [0, 2]).h_0[0, 0].tolist() == [0, 2, 3, 5]  # type: ignore[index]
    assert sized(hidden_size=2)(state).h_0[0, 1].tolist() == [6, 7, 9, 10]  # type: ignore[index]
    assert keep(case, "hidden", [0, 2]).weights["weight_hh_l0"][2].tolist() == [9, 11]
    assert sized(hidden_size=2)(case).weights["bias_ih_l0"].tolist() == [0, 1, 3, 4, 6, 7]


def test_gates_claim_no_more_than_is_proven() -> None:
    """And the activation is not chosen."""
    assert not GATED.nonfinite
    assert not GATED.second_derivatives
    assert Capabilities(cells=("gru",), nonlinearities=("relu",)).nonlinearities == ("tanh", "relu")
    assert Config(1, 1, nonlinearity="relu", cell="gru").nonlinearity == "tanh"
    assert GATED.objections(numbered(Config(1, 1))) == ["cells"]
    assert Capabilities().objections(numbered(Config(1, 1, cell="gru"))) == ["cells"]


def test_a_class_tells_its_kind_by_its_parameters() -> None:
    assert implementation("nn.gru").capabilities.cells == ("gru",)
    assert implementation("nn.rnn").capabilities.cells == ("rnn",)
    assert implementation("nn.lstm").capabilities.cells == ("lstm",)
    with pytest.raises(RegistrationError, match=r"expected nn\.RNN's state_dict"):
        register_module("a-cell", torch.nn.RNNCell)


def test_the_last_line_is_written_out() -> None:
    """The same step, over text."""
    step = GatesInText({"r": "0.5", "z": "0.25", "n": "(-1)"})
    assert GRU.step(step, "2") == "(1 - 0.25)*(-1) + 0.25*2"
    step = GatesInText({"i": "0.5", "f": "1", "g": "(-1)", "o": "0.25", "tanh_c": "tanh(1.5)"})
    assert LSTM.step(step, ("0", "2")) == ("0.25*tanh(1.5)", "1*2 + 0.5*(-1)")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_opens_and_shuts_gates_is_a_number_of_every_dtype(dtype: torch.dtype) -> None:
    assert (round_to(dtype, GATES) == GATES).all()


def test_kinds_that_are_asked_for() -> None:
    """Who claims one of them is judged, on it alone."""
    both = replace(implementation("nn.gru"), name="both", capabilities=Capabilities(cells=("rnn", "gru")))
    found = {
        each.name: each for each in _of_cells([implementation("nn.rnn"), implementation("nn.lstm"), both], ("gru",))
    }
    assert {name: each.capabilities.cells for name, each in found.items()} == {"both": ("gru",)}


# A state of several parts


def test_the_parts_of_a_state_are_named() -> None:
    """In a case, in what is printed of it, and in JSON."""
    config = Config(1, 2, cell="lstm")
    case = Case(config, np.ones((1, 1, 1)), h_0=[[[1, 2]]], c_0=[[[3, 4]]], grad_h_n=[[[0, 1]]], grad_c_n=[[[1, 0]]])
    assert case.h_0.tolist() == [[[1, 2, 3, 4]]]  # type: ignore[union-attr]
    assert "h_0=[[[1, 2]]], c_0=[[[3, 4]]]" in repr(case)
    assert "grad_h_n=[[[0, 1]]], grad_c_n=[[[1, 0]]]" in repr(case)
    known = {"Case": Case, "Config": Config, "torch": torch, "np": np}
    for again in (eval(repr(case), known), from_plain(to_plain(case))):  # noqa: S307
        assert all(np.array_equal(array, again.arrays[name]) for name, array in case.arrays.items())
    assert Case(config, np.ones((1, 1, 1)), c_0=[[[3, 4]]]).h_0.tolist() == [[[0, 0, 3, 4]]]  # type: ignore[union-attr]


def test_parts_lead_in_tensors() -> None:
    """So that each is a tensor of its own, laid out as nn.LSTM has it."""
    state = np.arange(12.0).reshape(1, 3, 4)
    for case in (
        Case(Config(1, 2, cell="lstm"), np.ones((1, 3, 1)), state),
        Case(Config(1, 2, cell="lstm"), np.ones((1, 1, 1)), state[:, :1], unbatched=True),
    ):
        h_0, c_0 = in_parts(case.config, case.tensors()[2])
        assert h_0.is_contiguous()
        assert c_0.is_contiguous()
        whole = case.state_from_layout(torch.stack([h_0, c_0]).double().numpy())
        assert np.array_equal(whole, case.h_0)  # type: ignore[arg-type]


def test_the_parts_of_a_result_are_stacked() -> None:
    found = as_result((torch.zeros(1), (torch.ones(2), torch.zeros(2))), LSTM)
    assert found.h_n.tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ((torch.zeros(1), torch.zeros(1)), r"returned (torch.Tensor, torch.Tensor), expected (output, (h_n, c_n))"),
        ((torch.zeros(1), (torch.zeros(1),)), r"returned (torch.Tensor, (torch.Tensor,)), expected (output, (h_n"),
        ((torch.zeros(1), (torch.zeros(2), torch.zeros(3))), "c_n has the shape (3,), expected (2,), that of h_n"),
        ((torch.zeros(1), (torch.zeros(2), torch.zeros(2).double())), "c_n has the dtype torch.float64, expected"),
    ],
)
def test_what_is_returned_of_an_lstm(returned: object, words: str) -> None:
    """Is a tuple of states, which fit with each other."""
    with pytest.raises(Disagreement, match=re.escape(words)):
        as_result(returned, LSTM)
