"""A bug model: a bug's name in plain words, and what a network that has it returns."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from rnn_parity import Rounding
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.wiring import Prediction, Step, Wiring, cells_of, predict

#: Cases on which one network is called, one after the other.
Calls: TypeAlias = tuple[Case, ...]


#: What models come to that do what they should on a case, by their order.
IDLE = "right going forward", "right going forward and back", "right going forward, back, and twice"


@dataclass(frozen=True)
class Model:
    """What a network with one bug returns in the last of some calls.

    `predict` raises ValueError where such a network cannot compute at all: there it would raise, too.
    """

    #: What it does wrong, as a clause that ends a sentence.
    name: str
    predict: Callable[[Calls, Rounding], Prediction]
    #: What models have in common that differ in where they apply or in a number: of those that cannot be told apart the
    #: first is meant.
    family: str = ""
    #: What it comes to on a case, among models of its family: those that come to the same predict the same, and one
    #: that comes to None does what it should. Empty: to something of its own.
    effect: Callable[[Case], Hashable] = lambda case: ()
    #: Among which other models, where families have effects in common.
    among: str = ""
    #: How often one has to differentiate until it is wrong: 0 where it is wrong going forward.
    order: int = 0
    #: Whether it predicts what goes back, too, of a bug that shows going forward or back.
    both: bool = False
    #: The parts of what is returned that it may change, by name.
    touches: Callable[[str], bool] = lambda part: True
    #: Whether models of its family differ in a number: those that say the same are then not told apart.
    numbered: bool = False
    #: The binary digits that it rounds to, where it should round to more; 0 elsewhere.
    digits: int = 0
    #: How much more it says than the plain edit everywhere: a scope, a number, a second thing.
    special: int = 0

    def comes_to(self, case: Case) -> Hashable:
        """Return a key that models share which predict the same on a case, as far as `effect` tells."""
        effect = self.effect(case)
        if effect is None:
            return IDLE[max(self.order, int(self.both))]
        return self if effect == () else (self.among or self.family, effect)

    @classmethod
    def wired(cls, name: str, wiring: Wiring, family: str = "", **facts: Any) -> Model:
        """Return a model of a network that is wired so and keeps no state between calls; `facts` are other fields."""
        return cls(name, lambda calls, rounding: predict(calls[-1], wiring, rounding), family or name, **facts)


#: Where in a network an edit applies, from the plainest on.
SCOPES: dict[str, Callable[[Cell], bool]] = {
    "": lambda cell: True,
    " in the reverse direction": lambda cell: cell.reverse,
    " in the forward direction": lambda cell: not cell.reverse,
    " in the first layer": lambda cell: cell.layer == 0,
    " in layers above the first": lambda cell: cell.layer > 0,
    " in the last layer": lambda cell: cell.layer == cell.top,
    " below the last layer": lambda cell: cell.layer < cell.top,
    " in layers above the second": lambda cell: cell.layer > 1,
    " in the reverse direction of layers above the first": lambda cell: cell.reverse and cell.layer > 0,
}

_PLAIN: dict[str, Any] = {field.name: field.default for field in fields(Wiring)}


def scoped(name: str, also: str = "", **edits: Any) -> Iterator[Model]:
    """Yield the same edits of `Wiring` in every scope; cells outside of the scope are right.

    `also` is a second thing that goes wrong: a model without it is the plainer one.
    """
    for where, applies in SCOPES.items():
        yield Model.wired(
            f"{name}{where}{also}",
            Wiring(**limited(applies, edits)),
            family=name + also,
            effect=cells_where(applies),
            special=bool(where) + bool(also),
        )


def limited(applies: Callable[[Cell], bool], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Edits of a `Wiring` in a scope alone."""
    return {place: _only(applies, edit, _PLAIN[place]) for place, edit in edits.items()}


def cells_where(applies: Callable[[Cell], bool]) -> Callable[[Case], Hashable]:
    """Return the cells of a case's network to which a scope applies; None where there are none."""
    return lambda case: tuple(key for key, cell in cells_of(case).items() if applies(cell)) or None


def _only(applies: Callable[[Cell], bool], edit: Any, plain: Any) -> Callable[..., Any]:
    return lambda *arguments: (edit if applies(_cell_in(arguments)) else plain)(*arguments)


def _cell_in(arguments: Iterable[Any]) -> Cell:
    return next(
        found.cell if isinstance(found, Step) else found for found in arguments if isinstance(found, Cell | Step)
    )


def numbered(
    name: str, numbers: Iterable[int], wiring: Callable[[int], Wiring], effect: Callable[[Case, int], Hashable]
) -> Iterator[Model]:
    """Yield the same bug with every number that it may have; `{k}` in `name` stands for the number."""
    for number in numbers:
        came_to = lambda case, number=number: effect(case, number)  # noqa: E731
        yield Model.wired(name.format(k=number), wiring(number), name, effect=came_to, numbered=True, special=1)
