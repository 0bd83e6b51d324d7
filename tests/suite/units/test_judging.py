"""The judge of gradients and lengths: what it hands over, what it looks at, and what it adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnn_parity import Capabilities, Config
from rnn_parity.contract import Weights
from rnn_parity.strategies import Case
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.trial import gradients, lengths
from rnn_parity.tests.suite.planted import Honest, Loop
from rnn_parity.tests.suite.planted.ragged import Ragged
from rnn_parity.tests.suite.planted.trying import implementation

nan, inf = np.nan, np.inf
SINGLE = torch.float32


def on_trial(build: Any, **claims: Any) -> Trial:
    return Trial(implementation(Honest("planted", build, capabilities=Capabilities(**claims))))


def case(**changes: Any) -> Case:
    """Two rows of three steps, of which the first row has one, garbage beyond it."""
    config = Config(1, 1, nonlinearity="relu", bias=False, dtype=SINGLE, **changes.pop("options", {}))
    weights = {name: np.ones(shape) for name, shape in config.parameter_shapes().items()}
    x = np.array([[1.0, 1.0], [nan, 2.0], [nan, 3.0]])[..., None]
    return Case(config, **{"x": x, "weights": weights, "lengths": (1, 3)} | changes)


def asking(**changes: Any) -> Case:
    """The same without lengths, with a gradient asked of all outputs."""
    x = np.ones((3, 2, 1))
    return case(**{"x": x, "lengths": None, "grad_output": np.ones((3, 2, 1)), **changes})


# Gradients added up


def test_terms_of_several_times_interleave() -> None:
    """What is exact once need not be so twice: terms of the second time may come between those of the first."""
    config = Config(1, 1, nonlinearity="relu", bias=False, bidirectional=True, dtype=torch.float64)
    weights = {"weight_ih_l0": [[2.0]], "weight_ih_l0_reverse": [[1.0]]}
    told = Case(config, np.ones((1, 1, 1)), weights=weights, grad_output=np.array([[[-1, -1.23]]]))  # type: ignore[arg-type]
    trial = on_trial(Loop)
    once, twice = (trial.expected_gradients(told, times)["x"] for times in (1, 2))
    assert once.rad.item() == 0
    interleaved = ((-2 - 1.23) - 2) - 1.23
    assert 0 < abs(interleaved - twice.mid.item()) <= twice.rad.item()


# Asking and finding


def test_those_that_are_wanted_ask_for_gradients() -> None:
    asked = gradients.ask(asking(h_0=np.ones((1, 2, 1))), ["h_0"])
    assert {name for name, tensor in asked.arguments().items() if tensor.requires_grad} == {"h_0"} == asked.wanted
    assert gradients.ask(asking()).wanted == {"x", "weight_ih_l0", "weight_hh_l0"}


def test_gradients_that_did_not_arrive_are_zero() -> None:
    asked = gradients.ask(asking(), ["x"])
    found = gradients.collect(asked, asked.weights)
    assert list(found) == ["x"]
    assert not found["x"].any()


def test_gradients_that_nobody_asked_for_are_noticed() -> None:
    asked = gradients.ask(asking(), ["x"])
    asked.weights["weight_hh_l0"].requires_grad_().sum().backward()
    with pytest.raises(Disagreement, match="weight_hh_l0 did not ask for a gradient, and got one"):
        gradients.collect(asked, asked.weights)


def test_gradients_of_networks_with_parameters_of_their_own_are_found_there() -> None:
    class Own(Loop):
        def __init__(self, config: Config, weights: Weights) -> None:
            self.parameters = {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}
            super().__init__(config, self.parameters)

    on_trial(Own).agrees_on_gradients(asking())

    class Misnamed(Own):
        def __init__(self, config: Config, weights: Weights) -> None:
            super().__init__(config, weights)
            self.parameters = {}

    with pytest.raises(Disagreement, match=r"run\.parameters should map"):
        on_trial(Misnamed).agrees_on_gradients(asking())


@pytest.mark.parametrize(
    "changes", [{}, {"unbatched": True, "x": np.ones((3, 1, 1)), "grad_output": np.ones((3, 1, 1))}]
)
@pytest.mark.parametrize("batch_first", [False, True])
def test_gradients_are_compared_in_every_layout(changes: dict[str, Any], batch_first: bool) -> None:
    rows = 1 if changes else 2
    both = {"h_0": np.ones((1, rows, 1)), "grad_h_n": np.ones((1, rows, 1)), "options": {"batch_first": batch_first}}
    trial = on_trial(Loop)
    trial.agrees_on_gradients(asking(**changes, **both))
    assert trial.tally.margin.elements == rows * (3 + 1 + 3 + 1) + 2


def test_a_case_that_asks_for_nothing_has_gradients_of_zero() -> None:
    """It may be archived where the bug is in the results, and replayed when that is mended."""
    on_trial(Loop).agrees_on_gradients(asking(grad_output=None))


def test_results_that_hang_on_nothing_that_asked_are_no_error() -> None:
    """One step without h_0 may leave W_hh out, whose gradient is zero; not so where it is not zero."""

    class Skips(Loop):
        def recur(self, cell: Any, h: Tensor) -> Tensor:
            return super().recur(cell, h) if h.any() else torch.zeros_like(h)

    one = np.ones((1, 2, 1))
    on_trial(Skips).agrees_on_gradients(asking(x=one, grad_output=one), ["weight_hh_l0"])

    class Detached(Loop):
        def recur(self, cell: Any, h: Tensor) -> Tensor:
            return super().recur(cell, h).detach()

    with pytest.raises(Disagreement, match=r"gradient of weight_hh_l0\[0, 0\]"):
        on_trial(Detached).agrees_on_gradients(asking(), ["weight_hh_l0"])


@pytest.mark.parametrize("ways", [{"calls": 2}, {"backwards": 2}, {"calls": 2, "backwards": 2}], ids=str)
def test_gradients_add_up(ways: dict[str, int]) -> None:
    on_trial(Loop).agrees_on_gradients(asking(), **ways)


# Handing over lengths


def test_without_lengths_an_absent_state_is_not_handed_over() -> None:
    x, h_0 = torch.zeros(3, 2, 1), torch.zeros(1, 2, 1)
    assert lengths.hand_over(asking(), x, None) == (x,)
    assert lengths.hand_over(asking(), x, h_0) == (x, h_0)


def test_padded_sequences_are_handed_over_with_their_lengths() -> None:
    given, h_0, ends = lengths.hand_over(case(), x := torch.zeros(3, 2, 1), None)
    assert given is x
    assert h_0 is None
    assert ends.tolist() == [1, 3]
    assert ends.dtype == torch.int64


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("ends", [(1, 3), (3, 1), (2, 2)])
def test_packed_sequences_hold_what_counts(ends: tuple[int, ...], batch_first: bool) -> None:
    """Rows that are sorted already are packed without indices."""
    asked = case(lengths=ends, packed=True, x=np.arange(6.0).reshape(3, 2, 1), options={"batch_first": batch_first})
    _, x, _ = asked.tensors()
    (packed,) = lengths.hand_over(asked, x, None)
    assert (packed.sorted_indices is None) == (ends != (1, 3))
    expected = [t * 2 + row for t in range(3) for row in sorted(range(2), key=lambda row: -ends[row]) if t < ends[row]]
    assert packed.data.ravel().tolist() == expected
    packed, h_0 = lengths.hand_over(asked, x, state := torch.zeros(1, 2, 1))
    assert h_0 is state


# Looking at what comes back


@pytest.mark.parametrize("returned", [None, torch.zeros(2), [torch.zeros(3, 2, 1)] * 2, (torch.zeros(2),) * 3])
def test_what_is_no_pair_is_handed_on(returned: Any) -> None:
    assert lengths.receive(case(), returned, None, "anything") is returned


@pytest.mark.parametrize("batch_first", [False, True])
def test_what_stands_beyond_the_ends_is_not_looked_at_unless_zeros_are_promised(batch_first: bool) -> None:
    asked = case(options={"batch_first": batch_first})
    output = torch.full((2, 3, 1) if batch_first else (3, 2, 1), nan)
    output[0, 0] = 1
    seen, _ = lengths.receive(asked, (output, None), None, "anything")
    first = seen[0] if batch_first else seen[:, 0]
    assert first.ravel().tolist() == [1, 0, 0]
    assert lengths.receive(asked, (output, None), None, "zeros")[0] is output


@pytest.mark.parametrize("output", [torch.zeros(2, 2, 1), torch.zeros(3), "nothing"])
def test_outputs_of_another_shape_are_handed_on(output: Any) -> None:
    assert lengths.receive(case(), (output, None), None, "anything")[0] is output


class Wrongly(Ragged):
    """A packed output that is changed before it is returned."""

    changes: dict[str, Any] = {}  # noqa: RUF012

    def pack(self, output: Tensor, lengths: Tensor, like: PackedSequence) -> PackedSequence:
        return super().pack(output, lengths, like)._replace(**self.changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sorted_indices": torch.tensor([0, 1])}, "sorted_indices of the packed output"),
        ({"unsorted_indices": None}, "unsorted_indices of the packed output is None"),
        ({"batch_sizes": torch.tensor([2, 2])}, "batch_sizes of the packed output"),
        ({"data": torch.zeros(6, 1)}, "the packed output has 6 frames, expected 4"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_packed_outputs_are_packed_as_the_input_is(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Disagreement, match=says) as caught:
        on_trial(type("Changed", (Wrongly,), {"changes": changes}), lengths=("packed",)).agrees(case(packed=True))
    assert caught.value.kind == "packing"


def test_a_packed_sequence_is_answered_by_one() -> None:
    class Padded(Ragged):
        def pack(self, output: Tensor, lengths: Tensor, like: PackedSequence) -> Any:
            return output

    with pytest.raises(Disagreement, match="for a PackedSequence the output should be one, found Tensor"):
        on_trial(Padded, lengths=("packed",)).agrees(case(packed=True))


@pytest.mark.parametrize("packed", [False, True])
def test_garbage_beyond_the_ends_is_not_asked_for(packed: bool) -> None:
    """Nor is what a cotangent holds there."""
    given = case(packed=packed, grad_output=np.ones((3, 2, 1)), grad_h_n=np.ones((1, 2, 1)))
    trial = on_trial(Ragged, lengths=("packed", "padded"), padding="zeros")
    trial.agrees(given)
    assert trial.tally.margin.worst == 0
