"""Wrong calls: nn.RNN refuses every one in the table, each is drawn often, and our own doors say what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import MISUSES, Capabilities, Config, Implementation, Rounding, implementation
from rnn_parity.strategies import Case, InvalidCase, misused_cases
from rnn_parity.strategies.drawing.misuse import misuse_of
from rnn_parity.strategies.plain import from_plain, to_plain
from rnn_parity.tests.judge import Disagreement, Trial, admits_misuse, refuses
from rnn_parity.tests.measures.drawing import for_each
from rnn_parity.tests.suite.planted import Loop
from rnn_parity.tests.suite.quick import examples
from rnn_parity.toolkit.arguments import check_arguments

#: All look at the same cases.
pytestmark = pytest.mark.xdist_group("misuse")

#: Wrong lengths are refused by nn.RNN in `pack_padded_sequence`, and only where rows are sorted by whom calls it.
OF_LENGTHS = {name for name in MISUSES if name.startswith("lengths")}


def drawn(within: Capabilities, count: int) -> list[Case]:
    found: list[Case] = []
    for_each(misused_cases(within), count, found.append)
    return found


#: Of an LSTM alone.
OF_C_0 = {name for name in MISUSES if name.startswith("c_0")}


@cache
def of_lstms() -> list[Case]:
    return drawn(Capabilities(cells=("lstm",), lengths=("padded",)), examples(1500))


@pytest.fixture(scope="module")
def everywhere() -> list[Case]:
    return drawn(Capabilities(lengths=("padded",)), examples(1500))


@pytest.mark.full
def test_every_misuse_is_drawn(everywhere: list[Case]) -> None:
    """Each makes up half a percent of the cases at least, of the cells that it is for."""
    for found, missing in ((everywhere, OF_C_0), (of_lstms(), {"h_0-twice"})):
        counts = Counter(case.misuse for case in found)
        assert set(counts) == set(MISUSES) - missing
        assert min(counts.values()) >= len(found) / 200


@pytest.mark.full
def test_torch_refuses_all(everywhere: list[Case]) -> None:
    """The table holds nothing that nn.RNN or nn.LSTM takes."""
    for name, found in (("nn.rnn", everywhere), ("nn.lstm", of_lstms())):
        trial = Trial(implementation(name))
        for case in found:
            if case.misuse not in OF_LENGTHS and case.lengths is None:
                refuses(trial, case)


def test_every_misuse_is_of_what_fits(everywhere: list[Case]) -> None:
    """Drawn cases are admitted by the property, and one whose call is right is not."""
    trial = Trial(_implementation(Loop, lengths=("padded",)))
    assert all(admits_misuse(trial, case) for case in everywhere)
    assert not any(admits_misuse(trial, replace(case, misuse="")) for case in everywhere[:20])


@pytest.mark.full
def test_misuse_is_kept_in_the_archive(everywhere: list[Case]) -> None:
    """A case with a wrong call is written and read with it, said in its descriptor and its repr."""
    for case in everywhere[:50]:
        again = from_plain(to_plain(case))
        assert again.misuse == case.misuse
        assert case.misuse in case.descriptor
        assert f"misuse={case.misuse!r}" in repr(case)


def test_unknown_misuse() -> None:
    """A case names a wrong call that is known, or none."""
    with pytest.raises(InvalidCase, match=r"misuse: expected one of x-feature-more, .* or none, found 'x-upside-down'"):
        Case(Config(1, 1), np.zeros((1, 1, 1)), misuse="x-upside-down")


# Who documents that it takes a wrong call


class Converts(Loop):
    """It takes lists and other floating point dtypes for what they hold, and an h_0 of one row for all."""

    def __call__(self, x: Any, h_0: Any = None) -> Any:
        x = torch.as_tensor(x, dtype=self.config.dtype)
        if h_0 is not None:
            h_0 = torch.as_tensor(h_0, dtype=self.config.dtype)
            if x.dim() == h_0.dim() == 3:
                h_0 = h_0.expand(-1, x.shape[0 if self.config.batch_first else 1], -1)
        return super().__call__(x, h_0)


TAKEN = ("x-list", "x-other-float", "x-integers", "h_0-list", "h_0-other-float", "h_0-one-row")


class ConvertsWrongly(Converts):
    """It adds one to lists."""

    def __call__(self, x: Any, h_0: Any = None) -> Any:
        return super().__call__(torch.tensor(x) + 1 if isinstance(x, list) else x, h_0)


def _implementation(build: Any, **claims: Any) -> Implementation:
    return Implementation(
        name="planted",
        build=build,
        capabilities=Capabilities(**claims),
        rounding=Rounding(),
        library="torch",
        extra=None,
        known_defects=(),
    )


@pytest.fixture(scope="module")
def plain() -> list[Case]:
    return drawn(Capabilities(), 600)


@pytest.mark.full
def test_what_is_documented_may_be_taken(plain: list[Case]) -> None:
    """Claimed in `accepts`, a wrong call may give what it means."""
    trial = Trial(_implementation(Converts, accepts=TAKEN))
    for case in plain:
        refuses(trial, case)


@pytest.mark.parametrize("misuse", TAKEN)
def test_what_is_not_documented_may_not(misuse: str, plain: list[Case]) -> None:
    """Not claimed, it is a disagreement that says what was handed over, whatever came of it."""
    trial = Trial(_implementation(Converts))
    case = next(case for case in plain if case.misuse == misuse)
    with pytest.raises(Disagreement, match=f"takes {misuse_of(case).says}, which nn.RNN refuses") as found:
        refuses(trial, case)
    assert found.value.kind == f"accepts {misuse}"


def test_what_is_documented_has_to_be_right(plain: list[Case]) -> None:
    """Claimed and wrong, it is a wrong value like any other."""
    trial = Trial(_implementation(ConvertsWrongly, accepts=TAKEN))
    case = next(case for case in plain if case.misuse == "x-list" and case.config.nonlinearity == "tanh")
    ones = case.with_arrays(**{name: np.ones(array.shape) / 8 for name, array in case.arrays.items()})
    with pytest.raises(Disagreement, match=r"output\["):
        refuses(trial, ones)


def test_what_is_no_result_is_said() -> None:
    """Whatever a wrong call returns is named."""

    def build(_config: Config, _weights: Any) -> Any:
        return lambda _x, _h_0=None: 7

    case = Case(Config(1, 1), np.zeros((1, 1, 1)), misuse="x-list")
    with pytest.raises(Disagreement, match=r"takes an x that is a list, which nn.RNN refuses, and returns int"):
        refuses(Trial(_implementation(build)), case)
    with pytest.raises(Disagreement, match=r"takes an x that is a list, which nn.RNN refuses, and returns NoneType"):
        refuses(Trial(_implementation(lambda _config, _weights: lambda _x, _h_0=None: None)), case)


# The door

CONFIG = Config(2, 3, num_layers=2)
X, H_0, LENGTHS = torch.zeros(4, 5, 2), torch.zeros(2, 5, 3), torch.ones(5, dtype=torch.int64)
REFUSED: list[tuple[tuple[Any, ...], str]] = [
    ((X.tolist(),), "x: expected a torch.Tensor, found list"),
    ((X.double(),), "x: expected torch.float32, found torch.float64"),
    ((X[..., :1],), "x: expected shape (T, B, 2) or (T, 2), found (4, 5, 1)"),
    ((X[None],), "x: expected shape (T, B, 2) or (T, 2), found (1, 4, 5, 2)"),
    ((X, H_0[:1]), "h_0: expected shape (2, 5, 3), found (1, 5, 3)"),
    ((X[:, 0], H_0), "h_0: expected shape (2, 3), found (2, 5, 3)"),
    ((X, H_0.half()), "h_0: expected torch.float32, found torch.float16"),
    ((X, None, LENGTHS[1:]), "lengths: expected shape (5,), found (4,)"),
    ((X[:, 0], None, LENGTHS), "lengths: expected shape (B,) and a batch, found (5,)"),
    ((X, None, LENGTHS.int()), "lengths: expected torch.int64, found torch.int32"),
    ((X, None, 0 * LENGTHS), "lengths: expected numbers from 1 to 4, found [0, 0, 0, 0, 0]"),
    ((X, None, 5 * LENGTHS), "lengths: expected numbers from 1 to 4, found [5, 5, 5, 5, 5]"),
]


@pytest.mark.parametrize(("arguments", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_the_door(arguments: tuple[Any, ...], text: str) -> None:
    """What does not fit is refused in words: the argument, what was expected, what was found."""
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(text)}$"):
        check_arguments(CONFIG, *arguments)


@pytest.mark.parametrize("batch_first", [False, True])
def test_the_door_lets_in_what_fits(batch_first: bool) -> None:
    """Batched and unbatched, with and without a state and lengths."""
    config = replace(CONFIG, batch_first=batch_first)
    x = X.transpose(0, 1) if batch_first else X
    for arguments in ((x,), (x, H_0), (x, H_0, 4 * LENGTHS), (x[0],), (X[:, 0], H_0[:, 0])):
        check_arguments(config, *arguments)
