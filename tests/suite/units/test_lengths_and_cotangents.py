"""Cases with lengths and cotangents: how they are drawn, checked, reduced, written down and described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from rnn_parity import Capabilities, Config
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import INCOMING, Case, InvalidCase, cases_with_cotangents, cases_with_lengths
from rnn_parity.strategies.drawing.cotangents import unsaturated
from rnn_parity.strategies.drawing.lengths import GARBAGE, KINDS, with_garbage
from rnn_parity.strategies.plain import from_plain, to_plain
from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.steps import keep, plainer_options
from rnn_parity.tests.judge.reduction.archive import Record, read, write
from rnn_parity.tests.suite.alike import everything

BOTH = Capabilities(lengths=("packed", "padded"))
Predicate = Callable[[Case], bool]


def drawn(strategy: SearchStrategy[Case], count: int = 600) -> list[Case]:
    """The cases of a run with a fixed seed."""
    found: list[Case] = []

    @seed(0)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def draw(case: Case) -> None:
        found.append(case)

    draw()
    return found


def case(**changes: Any) -> Case:
    """A case of two units, three rows and four steps, in which no two numbers are alike."""
    config = Config(1, 2, dtype=torch.float64, **changes.pop("options", {}))
    width = 2 * config.num_directions
    arrays = {
        "x": np.arange(12.0).reshape(4, 3, 1),
        "grad_output": 100 + np.arange(12.0 * width).reshape(4, 3, width),
    }
    return Case(config, **arrays | {"lengths": (4, 2, 1)} | changes)


# Drawing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("steps", "rows"), [(1, 1), (1, 5), (2, 3), (7, 1), (9, 33)])
def test_every_kind_of_lengths_fits(kind: str, steps: int, rows: int) -> None:
    for number in range(20):
        lengths = np.asarray(KINDS[kind](np.random.default_rng(number), steps, rows))
        assert lengths.shape == (rows,)
        assert ((lengths >= 1) & (lengths <= steps)).all()


#: What lengths are, and whether they are that on four steps and three rows with some seed.
SHAPES: dict[str, Callable[[tuple[int, ...]], bool]] = {
    "the longest first": lambda lengths: list(lengths) == sorted(lengths, reverse=True),
    "the longest last": lambda lengths: list(lengths) == sorted(lengths),
    "all different": lambda lengths: len(set(lengths)) == len(lengths),
    "all equal": lambda lengths: len(set(lengths)) == 1,
    "all ones but one": lambda lengths: sorted(lengths) == [1, 1, 4],
    "all steps but one's": lambda lengths: sorted(lengths) == [1, 4, 4],
    "all steps": lambda lengths: set(lengths) == {4},
}


@pytest.mark.parametrize("kind", SHAPES)
def test_kinds_of_lengths_are_what_their_names_say(kind: str) -> None:
    found = [tuple(np.asarray(KINDS[kind](np.random.default_rng(number), 4, 3)).tolist()) for number in range(20)]
    assert all(SHAPES[kind](lengths) for lengths in found)


FEATURES: dict[str, Predicate] = {
    "packed": lambda case: case.packed,
    "padded": lambda case: not case.packed,
    "sorted": lambda case: list(case.lengths) == sorted(case.lengths, reverse=True),
    "not sorted": lambda case: list(case.lengths) != sorted(case.lengths, reverse=True),
    "ties": lambda case: len(set(case.lengths)) < len(case.lengths),
    "no row has all steps": lambda case: max(case.lengths) < case.steps,
    "every row has all steps": lambda case: min(case.lengths) == case.steps,
    "one step": lambda case: 1 in case.lengths,
    "batch_first": lambda case: case.config.batch_first,
    "bidirectional and layers": lambda case: case.config.bidirectional and case.config.num_layers > 1,
}


def garbage_of(case: Case) -> str:
    """What stands beyond the ends of a case."""
    beyond = case.x[np.broadcast_to(~case.counts, case.x.shape)]
    if not beyond.size:
        return "nothing"
    same = len(np.unique(beyond)) == 1 and (np.isnan(beyond[0]) or beyond[0] in (0, np.inf))
    return str(float(beyond[0])) if same else "numbers"


def test_every_way_of_lengths_and_garbage_is_drawn() -> None:
    found = drawn(cases_with_lengths(BOTH))
    for name, shows in FEATURES.items():
        assert sum(map(shows, found)) > 20, name
    garbage = Counter(map(garbage_of, found))
    assert set(garbage) == {"nothing", "numbers", "nan", "0.0", "inf"}
    assert len(garbage) == len(GARBAGE) + 1
    assert min(garbage.values()) > 20


@pytest.mark.parametrize("form", BOTH.lengths)
def test_lengths_are_drawn_inside_the_claims(form: str) -> None:
    within = Capabilities(lengths=(form,), nonfinite=False, max_batch=3, unbatched=False)
    for case in drawn(cases_with_lengths(within), 200):
        assert not within.objections(case)
        assert case.batch_size


def test_garbage_stands_beyond_the_ends_only() -> None:
    spoilt = with_garbage(case(), np.nan)
    assert np.isnan(spoilt.x[..., 0]).tolist() == [
        [False] * 3,
        [False, False, True],
        [False, True, True],
        [False, True, True],
    ]
    assert spoilt.finite


@pytest.mark.parametrize("lengths", [False, True])
def test_every_way_to_ask_for_gradients_is_drawn(lengths: bool) -> None:
    found = drawn(cases_with_cotangents(BOTH, lengths=lengths), 300)
    asked = Counter((case.grad_output is not None, case.grad_h_n is not None) for case in found)
    assert set(asked) == {(True, False), (True, True), (False, True)}
    assert min(asked.values()) > 30
    assert {case.config.dtype for case in found} == {torch.float64, torch.float32}
    assert all(case.finite and not BOTH.objections(case) for case in found)
    assert all((case.lengths is not None) == lengths for case in found)


def test_gradients_in_half_precision_are_drawn_where_nothing_wider_is_claimed() -> None:
    narrow = Capabilities(dtypes=(torch.float16, torch.bfloat16))
    found = drawn(cases_with_cotangents(narrow), 200)
    assert {case.config.dtype for case in found} == set(narrow.dtypes)
    assert max(case.steps for case in found) == max(case.batch_size for case in found) == 5
    many = replace(narrow, min_batch=7)
    assert {case.batch_size for case in drawn(cases_with_cotangents(many), 20)} == {7}


@pytest.mark.parametrize("lengths", [False, True])
def test_tanh_is_mostly_kept_from_saturation(lengths: bool) -> None:
    """Where it is not, going back is tested too, but little can be said."""
    tanh = Capabilities(nonlinearities=("tanh",), lengths=("padded",))
    found = [case for case in drawn(cases_with_cotangents(tanh, lengths=lengths), 300) if case.batch_size]
    outputs = [forward(c)[0].mid for c in found]
    beyond = [bool((np.abs(output) > np.tanh(2.01)).any()) for output in outputs]
    assert 0 < sum(beyond) < 0.15 * len(beyond)


@pytest.mark.parametrize("bias", [False, True])
def test_scaling_keeps_preactivations_within_two_and_significands_as_they_are(bias: bool) -> None:
    config = Config(2, 3, 2, bias=bias, bidirectional=True, dtype=torch.float32)
    random = np.random.default_rng(0)
    weights = {name: 9 * random.normal(size=shape) for name, shape in config.parameter_shapes().items()}
    given = Case(config, random.normal(size=(4, 1, 2)).tolist(), 3 * np.ones((4, 1, 3)), weights=weights).in_dtype(
        torch.float32
    )
    scaled = unsaturated(given)
    output, h_n = forward(scaled)
    assert np.abs(output.mid).max() <= np.tanh(2.0)
    assert np.abs(h_n.mid).max() <= np.tanh(2.0)
    for name, array in scaled.weights.items():
        assert np.array_equal(np.frexp(array)[0], np.frexp(given.weights[name])[0])


# What a case is


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"lengths": (4, 2)}, "lengths: expected 3 numbers from 1 to 4, found (4, 2)"),
        ({"lengths": (4, 2, 0)}, "lengths: expected 3 numbers from 1 to 4, found (4, 2, 0)"),
        ({"lengths": (5, 2, 1)}, "lengths: expected 3 numbers from 1 to 4, found (5, 2, 1)"),
        ({"lengths": None, "packed": True}, "packed: expected lengths beside it, found none"),
        ({"grad_output": np.zeros((4, 3, 1))}, "grad_output: expected shape (4, 3, 2), found (4, 3, 1)"),
        ({"grad_h_n": np.zeros((2, 3, 2))}, "grad_h_n: expected shape (1, 3, 2), found (2, 3, 2)"),
        ({"grad_h_n": "ones"}, "grad_h_n: expected numbers in shape (1, 3, 2), but "),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidCase) as caught:
        case(**wrong)
    assert str(caught.value).startswith(says)


def test_lengths_need_a_batch() -> None:
    with pytest.raises(InvalidCase, match="lengths: expected a batch, found an unbatched case"):
        Case(Config(1, 1), np.zeros((2, 1, 1)), unbatched=True, lengths=(2,))


def test_descriptor_and_repr_tell_lengths_and_cotangents() -> None:
    told = case(packed=True, grad_h_n=np.ones((1, 3, 2)))
    assert told.descriptor == "tanh T4 B3 I1 H2 float64 lengths=4,2,1 packed grad_output grad_h_n"
    assert everything(eval(repr(told), {"Case": Case, "Config": Config, "torch": torch})) == everything(told)  # noqa: S307


def test_garbage_does_not_make_a_case_infinite_but_cotangents_do() -> None:
    assert with_garbage(case(), np.inf).finite
    assert not case(grad_h_n=np.full((1, 3, 2), np.nan)).finite


# Reducing


def test_steps_that_are_dropped_shorten_the_rows_that_have_them() -> None:
    fewer = keep(case(), "steps", [0, 1, 3])
    assert fewer.lengths == (3, 2, 1)
    assert np.array_equal(fewer.grad_output, case().grad_output[[0, 1, 3]])
    assert keep(case(), "steps", [1, 2, 3]).lengths == (3, 1, 1)


def test_rows_keep_their_lengths_and_cotangents() -> None:
    fewer = keep(case(), "batch", [2, 0])
    assert fewer.lengths == (1, 4)
    assert np.array_equal(fewer.grad_output, case().grad_output[:, [2, 0]])


def test_units_keep_their_cotangents_in_both_directions() -> None:
    fewer = keep(case(options={"bidirectional": True}), "hidden", [1])
    assert np.array_equal(fewer.grad_output, case(options={"bidirectional": True}).grad_output[..., [1, 3]])


def test_plainer_cases_have_fewer_cotangents_and_longer_rows() -> None:
    given = case(packed=True, grad_h_n=np.ones((1, 3, 2)))
    found = list(plainer_options(given))
    assert {option.lengths for option in found} == {None, (4, 2, 1), (4, 4, 1), (4, 3, 1), (4, 2, 4), (4, 2, 2)}
    asked = {(option.grad_output is None, option.grad_h_n is None) for option in found}
    assert asked == {(False, False), (True, False), (False, True)}
    assert any(option.lengths and not option.packed for option in found)


def test_what_is_asked_of_last_outputs_may_be_asked_of_final_states() -> None:
    given = case(lengths=None, options={"bidirectional": True, "num_layers": 2})
    asked = [option for option in plainer_options(given) if option.grad_h_n is not None]
    assert [option.grad_output for option in asked] == [None]
    below, (forward, reverse) = asked[0].grad_h_n[:2], asked[0].grad_h_n[2:]
    assert not below.any()
    assert np.array_equal(forward, given.grad_output[-1, :, :2])
    assert np.array_equal(reverse, given.grad_output[0, :, 2:])


def test_simpler_cases_have_no_lengths_and_no_cotangents() -> None:
    packed, padded = case(packed=True), case()
    longer, plain = case(lengths=(4, 3, 1)), case(lengths=None)
    assert complexity(packed) > complexity(padded) > complexity(longer) > complexity(plain)
    assert complexity(plain) > complexity(replace(plain, grad_output=None))


# How gradients come in


@cache
def differentiated() -> list[Case]:
    return drawn(cases_with_cotangents(), 600)


@pytest.mark.parametrize("incoming", INCOMING)
def test_gradients_come_in_as_the_case_says(incoming: str) -> None:
    """They hold the numbers of the case, in its layout, and are its own; each way is drawn often enough."""
    found = [case for case in differentiated() if case.incoming == incoming and case.batch_size]
    assert len(found) > 15
    moved = 0
    for case in found:
        plain, again = replace(case, incoming="contiguous").cotangents(), case.cotangents()
        for name, tensor in case.cotangents().items():
            assert torch.equal(tensor, plain[name])
            assert tensor.data_ptr() != again[name].data_ptr()
            moved += (tensor.stride(), tensor.storage_offset()) != (plain[name].stride(), 0)
    assert bool(moved) == (incoming != "contiguous")


def test_a_sum_sends_one_number_back_to_all_results() -> None:
    """Stride 0 all over, out of one storage of one number, as torch.sum does; where shapes are the same, one tensor."""
    ones = case(lengths=None, grad_output=np.ones((4, 3, 2)), grad_h_n=np.ones((1, 3, 2)), incoming="shared")
    output, h_n = ones.cotangents().values()
    assert output.stride() == h_n.stride() == (0, 0, 0)
    assert output.untyped_storage().data_ptr() == h_n.untyped_storage().data_ptr()
    assert output.untyped_storage().nbytes() == output.element_size()
    alike = keep(ones, "steps", [0]).cotangents()
    assert alike["grad_output"] is alike["grad_h_n"]


def test_gradients_that_do_not_fit_one_number_lie_one_behind_the_other() -> None:
    two = case(lengths=None, grad_h_n=2 * np.ones((1, 3, 2)), incoming="shared")
    output, h_n = two.cotangents().values()
    assert (output.storage_offset(), h_n.storage_offset()) == (0, output.numel())
    assert output.untyped_storage().data_ptr() == h_n.untyped_storage().data_ptr()


@pytest.mark.parametrize("incoming", list(INCOMING)[1:])
def test_how_gradients_come_in_is_shrunk_printed_and_kept(incoming: str, tmp_path: Any) -> None:
    """Side by side is plainest, and left out of the archive; what is not is told, pasted and archived."""
    given = case(incoming=incoming)
    plainer = {step.incoming for step in plainer_options(given)} - {incoming}
    assert plainer == set(list(INCOMING)[: list(INCOMING).index(incoming)])
    assert complexity(given) > complexity(case())
    assert f"incoming={incoming}" in given.descriptor
    assert f"incoming='{incoming}'" in repr(given)
    again = read(write(Record("length_gradients", given), tmp_path)).case
    assert everything(again) == everything(given)
    assert "incoming" not in to_plain(case())


def test_an_unknown_way_to_come_in_is_named() -> None:
    with pytest.raises(InvalidCase, match=r"incoming: expected one of contiguous, .*, shared, found 'scattered'"):
        case(incoming="scattered")


# Writing down


@pytest.mark.parametrize("packed", [False, True])
def test_archive_keeps_lengths_and_cotangents(packed: bool, tmp_path: Any) -> None:
    kept = with_garbage(case(packed=packed, grad_h_n=np.ones((1, 3, 2))), np.nan)
    again = read(write(Record("length_gradients", kept), tmp_path)).case
    assert everything(again) == everything(kept)


def test_archive_keeps_what_is_differentiated_twice(tmp_path: Any) -> None:
    kept = replace(case(grad_h_n=np.ones((1, 3, 2))), twice=True)
    again = read(write(Record("second_derivatives", kept), tmp_path)).case
    assert again.twice
    assert repr(again) == repr(kept)
    assert again.descriptor.endswith("grad_h_n twice")


def test_cases_without_lengths_and_cotangents_are_written_as_ever() -> None:
    """What came later is left out of them, so that the names of old files stay."""
    plain = to_plain(case(lengths=None, grad_output=None))
    assert list(plain) == ["config", "unbatched", "memory", "arrays"]
    assert list(plain["arrays"]) == ["x", "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lengths": "4"}, "lengths: expected list, found '4'"),
        ({"lengths": [4, 2, 1.0]}, "lengths: expected a list of up to 1000000 integers, found [4, 2, 1.0]"),
        ({"lengths": [4, 2, True]}, "lengths: expected a list of up to 1000000 integers, found [4, 2, True]"),
        ({"lengths": [4, 2]}, "lengths: expected 3 numbers from 1 to 4, found (4, 2)"),
        ({"lengths": [4, 2, 1], "packed": 1}, "packed: expected bool, found 1"),
        ({"twice": 1}, "twice: expected bool, found 1"),
    ],
    ids=str,
)
def test_damaged_lengths_are_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidCase) as caught:
        from_plain(to_plain(case()) | change)
    assert str(caught.value) == says


def test_a_missing_packed_and_a_misshapen_cotangent_are_named() -> None:
    plain = to_plain(case())
    del plain["packed"]
    with pytest.raises(InvalidCase, match="expected an object with the key 'packed'"):
        from_plain(plain)
    plain = to_plain(case())
    plain["arrays"]["grad_output"] = {"shape": [1, 1, 1], "values": [1]}
    with pytest.raises(InvalidCase, match=r"grad_output: expected shape \(4, 3, 2\), found \(1, 1, 1\)"):
        from_plain(plain)


def test_steps_of_padded_lengths() -> None:
    """What is padded stays padded, until its lengths are dropped; each row gets longer by one, or as long as can be."""
    found = [option for option in plainer_options(case()) if option.lengths != case().lengths]
    assert not any(option.packed for option in found)
    assert {option.lengths for option in found} == {None, (4, 4, 1), (4, 3, 1), (4, 2, 4), (4, 2, 2)}
