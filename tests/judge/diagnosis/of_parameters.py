"""Bug models of parameters: biases and weights that are missing, doubled, turned round, or somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnn_parity import Config
from rnn_parity.contract import Array
from rnn_parity.reference.forward import Cell
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.diagnosis.model import Model, numbered, scoped
from rnn_parity.tests.judge.diagnosis.wiring import Cells, Wiring

#: A bug's name, and the cell as it is used.
EDITS: dict[str, Callable[[Cell], Cell]] = {
    "b_hh is left out": lambda cell: cell._replace(b_hh=np.zeros_like(cell.b_hh)),
    "b_ih is left out": lambda cell: cell._replace(b_ih=np.zeros_like(cell.b_ih)),
    "both biases are left out": lambda cell: cell._replace(
        b_ih=np.zeros_like(cell.b_ih), b_hh=np.zeros_like(cell.b_hh)
    ),
    "b_ih is added twice and b_hh never": lambda cell: cell._replace(b_hh=cell.b_ih),
    "b_hh is added twice and b_ih never": lambda cell: cell._replace(b_ih=cell.b_hh),
    "b_ih is added twice": lambda cell: cell._replace(b_ih=2 * cell.b_ih),
    "b_hh is added twice": lambda cell: cell._replace(b_hh=2 * cell.b_hh),
    "both biases are added twice": lambda cell: cell._replace(b_ih=2 * cell.b_ih, b_hh=2 * cell.b_hh),
    "b_hh is off by one unit": lambda cell: cell._replace(b_hh=np.roll(cell.b_hh, 1)),
    "b_hh is off by one unit the other way": lambda cell: cell._replace(b_hh=np.roll(cell.b_hh, -1)),
    "b_ih is off by one unit": lambda cell: cell._replace(b_ih=np.roll(cell.b_ih, 1)),
    "b_ih is off by one unit the other way": lambda cell: cell._replace(b_ih=np.roll(cell.b_ih, -1)),
    "W_hh is used transposed": lambda cell: cell._replace(w_hh=cell.w_hh.T),
    "W_ih is used transposed where it is square": lambda cell: cell._replace(w_ih=_transposed(cell.w_ih)),
    "W_ih is brought into the shape of its transpose by a reshape": lambda cell: cell._replace(
        w_ih=cell.w_ih.reshape(cell.w_ih.shape[::-1]).T
    ),
    "W_ih and W_hh change places where both are square": lambda cell: (
        cell._replace(w_ih=cell.w_hh, w_hh=cell.w_ih) if _alike(cell) else cell
    ),
    "W_ih is used in the place of W_hh where both are square": lambda cell: (
        cell._replace(w_hh=cell.w_ih) if _alike(cell) else cell
    ),
    "W_hh is used in the place of W_ih where both are square": lambda cell: (
        cell._replace(w_ih=cell.w_hh) if _alike(cell) else cell
    ),
    "the diagonal of W_hh is left out": lambda cell: cell._replace(w_hh=cell.w_hh - np.diag(np.diag(cell.w_hh))),
    "W_hh counts twice": lambda cell: cell._replace(w_hh=2 * cell.w_hh),
    "W_hh counts half": lambda cell: cell._replace(w_hh=cell.w_hh / 2),
    "the sign of W_hh is turned round": lambda cell: cell._replace(w_hh=-cell.w_hh),
    "the forward half of what a layer reads is left out": lambda cell: cell._replace(w_ih=_halves(cell, 0, 1)),
    "the reverse half of what a layer reads is left out": lambda cell: cell._replace(w_ih=_halves(cell, 1, 0)),
    "W_ih's columns for the two halves change places": lambda cell: cell._replace(w_ih=_rolled(cell)),
}

#: Parameters that may be taken from another cell.
TAKEN: dict[str, tuple[str, ...]] = {
    "every parameter is": ("w_ih", "w_hh", "b_ih", "b_hh"),
    "both weights are": ("w_ih", "w_hh"),
    "W_ih is": ("w_ih",),
    "W_hh is": ("w_hh",),
    "both biases are": ("b_ih", "b_hh"),
    "b_ih is": ("b_ih",),
    "b_hh is": ("b_hh",),
    "W_ih and b_ih are": ("w_ih", "b_ih"),
    "W_hh and b_hh are": ("w_hh", "b_hh"),
}
#: The cell that they are taken from: its layer and whether it is the reverse one.
SOURCES: dict[str, Callable[[Cell, Config], tuple[int, bool]]] = {
    "the forward direction": lambda cell, config: (cell.layer, False),
    "the other direction": lambda cell, config: (cell.layer, config.bidirectional and not cell.reverse),
    "the reverse direction": lambda cell, config: (cell.layer, config.bidirectional),
    "the first layer": lambda cell, config: (0, cell.reverse),
    "the layer below": lambda cell, config: (max(0, cell.layer - 1), cell.reverse),
    "the last layer": lambda cell, config: (cell.top, cell.reverse),
    "the layer above": lambda cell, config: (min(cell.top, cell.layer + 1), cell.reverse),
}


def models(case: Case) -> Iterator[Model]:
    """All of them, with the numbers that a failing case leaves open."""
    for name, edit in EDITS.items():
        yield from scoped(name, cell=lambda cell, cells, config, edit=edit: edit(cell))
    for what, roles in TAKEN.items():
        for source, key in SOURCES.items():
            yield from _taken(f"{what} taken from {source}", roles, key)
    yield from _second_layer()
    yield from _tails(case)


def _taken(name: str, roles: tuple[str, ...], key: Callable[[Cell, Config], tuple[int, bool]]) -> Iterator[Model]:
    def edit(cell: Cell, cells: Cells, config: Config) -> Cell:
        return _with(cell, cells[key(cell, config)], roles)

    shapes = " where the shapes allow" if "w_ih" in roles and "direction" not in name else ""
    yield Model.wired(name + shapes, Wiring(cell=edit))


def _second_layer() -> Iterator[Model]:
    for what, roles in TAKEN.items():
        yield from _taken(
            f"above the second layer, {what} taken from the second",
            roles,
            lambda cell, _: (min(cell.layer, 1), cell.reverse),
        )


def _with(cell: Cell, source: Cell, roles: tuple[str, ...]) -> Cell:
    found = {role: getattr(source, role) for role in roles}
    return cell._replace(**{role: value for role, value in found.items() if value.shape == getattr(cell, role).shape})


def _tails(case: Case) -> Iterator[Model]:
    """Yield models that drop what lies beyond a width, or beyond the last whole block of one."""
    config = case.config
    features = max(config.layer_input_size(layer) for layer in range(config.num_layers))
    for places, size, name, edit in (
        ("features of what a layer reads", features, "are dropped", _without_features),
        ("features of the input", config.input_size, "are dropped", _without_features_of_input),
        ("units", config.hidden_size, "are not heard at the next step", _without_units),
        ("units", config.hidden_size, "are never computed and stay zero", _without_rows),
    ):
        yield from numbered(
            f"{places} from number {{k}} on (from 0) {name}",
            range(1, size),
            lambda k, edit=edit: Wiring(cell=lambda cell, cells, config: edit(cell, k)),  # type: ignore[misc]
            lambda case, k, places=places: _kept(case, places, k),  # type: ignore[misc]
        )
        yield from numbered(
            f"{places} beyond the last whole block of {{k}}, where there is one, {name}",
            range(2, 65),
            lambda k, edit=edit: Wiring(cell=lambda cell, cells, config: edit(cell, -k)),  # type: ignore[misc]
            lambda case, k, places=places: _kept(case, places, -k),  # type: ignore[misc]
        )


def _kept(case: Case, places: str, k: int) -> tuple[int, ...] | None:
    """Return how many are kept of the units, or of the features that each layer reads; None where all are."""
    config = case.config
    widths = [config.layer_input_size(layer) for layer in range(config.num_layers)]
    sizes = {"units": [config.hidden_size], "features of the input": widths[:1]}.get(places, widths)
    kept = tuple(_cut(size, k) for size in sizes)
    return None if kept == tuple(sizes) else kept


def _cut(size: int, k: int) -> int:
    """Return the number of kept indices: min(size, k); for -k, the largest multiple of k up to size (size if none)."""
    return min(size, k) if k > 0 else size - size % abs(k) or size


def _without_features(cell: Cell, k: int) -> Cell:
    return cell._replace(w_ih=_columns(cell.w_ih, k))


def _without_features_of_input(cell: Cell, k: int) -> Cell:
    return cell if cell.layer else _without_features(cell, k)


def _without_units(cell: Cell, k: int) -> Cell:
    return cell._replace(w_hh=_columns(cell.w_hh, k))


def _columns(weight: Array, k: int) -> Array:
    return np.where(np.arange(weight.shape[1]) < _cut(weight.shape[1], k), weight, 0.0)


def _without_rows(cell: Cell, k: int) -> Cell:
    kept = np.arange(len(cell.b_ih)) < _cut(len(cell.b_ih), k)
    matrices: dict[str, Any] = {role: np.where(kept[:, None], getattr(cell, role), 0.0) for role in ("w_ih", "w_hh")}
    return cell._replace(**matrices, b_ih=np.where(kept, cell.b_ih, 0.0), b_hh=np.where(kept, cell.b_hh, 0.0))


def _transposed(weight: Array) -> Array:
    return weight.T if weight.shape[0] == weight.shape[1] else weight


def _alike(cell: Cell) -> bool:
    return cell.w_ih.shape == cell.w_hh.shape


def _halves(cell: Cell, forward: float, reverse: float) -> Array:
    """W_ih of an upper layer with one half of its columns zero."""
    hidden = len(cell.b_ih)
    if cell.layer == 0 or cell.w_ih.shape[1] != 2 * hidden:
        return cell.w_ih
    return np.asarray(cell.w_ih * np.repeat([forward, reverse], hidden))


def _rolled(cell: Cell) -> Array:
    hidden = len(cell.b_ih)
    return np.roll(cell.w_ih, hidden, 1) if cell.layer and cell.w_ih.shape[1] == 2 * hidden else cell.w_ih
