"""Ways back that are connected to too little: what second derivatives are then, and what that is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from torch import Tensor

from rnn_parity import Config
from rnn_parity.contract import Weights
from rnn_parity.reference.second import Part
from rnn_parity.tests.judge import Disagreement
from rnn_parity.tests.judge.diagnosis import solve
from rnn_parity.tests.judge.diagnosis.evidence import Evidence
from rnn_parity.tests.judge.reduction.counterexample import Counterexample
from rnn_parity.tests.suite.planted.bugs import Bug
from rnn_parity.tests.suite.planted.by_hand import ByHand
from rnn_parity.tests.suite.planted.loop import Cell
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation

_OF_BACK: tuple[Part, ...] = "x", "h_0", "weight_ih", "weight_hh", "bias_ih", "bias_hh"


class Cut(ByHand):
    """A way back whose parts are constants in some cells."""

    def __init__(
        self, config: Config, weights: Weights, parts: tuple[Part, ...], applies: Callable[[Cell], bool]
    ) -> None:
        super().__init__(config, weights)
        self.parts, self.applies = parts, applies

    def cut(self, part: Part, cell: Cell, value: Tensor) -> Tensor:
        return value.detach() if part in self.parts and self.applies(cell) else value

    def back(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor, asked: Tensor) -> tuple[Tensor, ...]:
        read = self.cut("by x", cell, x), self.cut("by h_0", cell, h_0)
        found = super().back(cell, *read, states, asked)
        return tuple(self.cut(part, cell, value) for part, value in zip(_OF_BACK, found, strict=True))

    def back_through(self, cell: Cell, slopes: Sequence[Tensor], asked: Tensor) -> tuple[Tensor, Tensor]:
        return super().back_through(cell, slopes, self.cut("asked", cell, asked))

    def slopes(self, cell: Cell, x: Tensor, h_0: Tensor, states: Tensor) -> Sequence[Tensor]:
        return super().slopes(cell, x, h_0, self.cut("by slope", cell, states))

    def carry(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().carry(cell._replace(w_hh=self.cut("by W_hh", cell, cell.w_hh)), grad_a)

    def grad_input(self, cell: Cell, grad_a: Tensor) -> Tensor:
        return super().grad_input(cell._replace(w_ih=self.cut("by W_ih", cell, cell.w_ih)), grad_a)


#: The cells in which it is cut off.
_WHERE: dict[str, Callable[[Cell], bool]] = {
    "": lambda cell: True,
    " in the reverse direction": lambda cell: cell.reverse,
    " in layers above the first": lambda cell: cell.layer > 0,
}
#: What is cut off, by the name of the bug.
CUT: dict[tuple[str, str], tuple[Part, ...]] = {
    ("the way back takes W_hh and W_ih for constants", ""): ("by W_hh", "by W_ih"),
    ("the way back takes what W_ih was applied to for a constant", " in the reverse direction"): ("by x",),
    ("the way back takes the activation's derivative for a constant", " in layers above the first"): ("by slope",),
    ("the way back takes what is asked of the states for a constant", " in the reverse direction"): ("asked",),
    ("nothing leads back from the gradient of what a layer reads", ""): ("x",),
    ("nothing leads back from the gradient of h_0", ""): ("h_0",),
    ("nothing leads back from the gradients of b_ih and b_hh", ""): ("bias_ih", "bias_hh"),
}


@pytest.mark.full
@pytest.mark.parametrize(("name", "where"), CUT, ids=str)
def test_what_is_cut_off_is_named(name: str, where: str) -> None:
    """By its parts and its cells; nothing else explains the second derivatives."""

    def build(config: Config, weights: Weights) -> Cut:
        return Cut(config, weights, CUT[name, where], _WHERE[where])

    judged = PROPERTIES["second_derivatives"]
    found = implementation(Bug("cut", "gradients", build, "second_derivatives"))
    disagreement = hunt(judged, found, 0, shrink=False)
    assert isinstance(disagreement, Disagreement)
    assert disagreement.case is not None
    diagnosis = solve(Evidence(Counterexample.as_found(judged, found, disagreement.case, disagreement)))
    assert (diagnosis.names, diagnosis.certain) == ((name + where,), True)
