"""Laws: what must stay the same, up to rounding, where a case is changed in a way that the recurrence allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch

from rnn_parity.contract import Array
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.fills import companion

#: output (T, B, num_directions * hidden_size) and h_n (num_layers * num_directions, B, state_size); None says nothing.
Pair: TypeAlias = tuple[Array, Array | None]
#: Runs a case, inside of the claims only.
Run: TypeAlias = Callable[[Case], tuple[Array, Array]]

#: A power of two by which numbers are multiplied.
FACTOR = 8.0


@dataclass(frozen=True)
class Law:
    """The results of a case, got another way."""

    #: What is done to the case, in words; `{last}` is the last step of the first half.
    says: str
    applies: Callable[[Case], bool]
    another_way: Callable[[Case, Run], Pair]


# Time


def _time_split(case: Case, run: Run) -> Pair:
    half = case.steps // 2
    first, state = run(replace(case, x=case.x[:half]))
    second, h_n = run(replace(case, x=case.x[half:], h_0=state))
    return np.concatenate([first, second]), h_n


def _state_fed_back(case: Case, run: Run) -> Pair:
    outputs, state = [], case.h_0
    for t in range(case.steps):
        output, state = run(replace(case, x=case.x[t : t + 1], h_0=state))
        outputs.append(output)
    return np.concatenate(outputs), state


def _steps_appended(case: Case, run: Run) -> Pair:
    output, _ = run(replace(case, x=np.concatenate([case.x, companion(case).x])))
    return output[: case.steps], None


def _blank_step_first(case: Case, run: Run) -> Pair:
    output, h_n = run(replace(case, x=np.concatenate([0 * case.x[:1], case.x])))
    return output[1:], h_n


# Batch


def _rows(case: Case, which: slice) -> Case:
    return replace(case, x=case.x[:, which], h_0=None if case.h_0 is None else case.h_0[:, which])


def _batch_reversed(case: Case, run: Run) -> Pair:
    backwards = slice(None, None, -1)
    output, h_n = run(_rows(case, backwards))
    return output[:, backwards], h_n[:, backwards]


def _batch_split(case: Case, run: Run) -> Pair:
    half = case.batch_size // 2
    halves = run(_rows(case, slice(half))), run(_rows(case, slice(half, None)))
    output, h_n = (np.concatenate(parts, axis=1) for parts in zip(*halves, strict=True))
    return output, h_n


def _batch_merged(case: Case, run: Run) -> Pair:
    other = companion(case)
    states = {} if case.h_0 is None else {"h_0": np.concatenate([case.h_0, other.h_0], axis=1)}
    output, h_n = run(case.with_arrays(x=np.concatenate([case.x, other.x], axis=1), **states))
    return output[:, : case.batch_size], h_n[:, : case.batch_size]


# Features and units


def _reads_x(name: str) -> bool:
    """Return whether a parameter is W_ih of the bottom layer, in either direction."""
    return name.startswith("weight_ih_l0")


def _in_halves(array: Array, hidden: int) -> Array:
    """(..., directions * hidden) -> (..., directions, hidden)."""
    return array.reshape(*array.shape[:-1], array.shape[-1] // hidden, hidden)


def _joined(array: Array) -> Array:
    """(..., directions, hidden) -> (..., directions * hidden)."""
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def _shift_units(array: Array, hidden: int, by: int) -> Array:
    return _joined(np.roll(_in_halves(array, hidden), by, axis=-1))


def _one_more(array: Array, hidden: int, value: float) -> Array:
    return _joined(np.insert(_in_halves(array, hidden), hidden, value, axis=-1))


def _features_shifted(case: Case, run: Run) -> Pair:
    turned = {name: np.roll(array, 1, -1) for name, array in case.arrays.items() if name == "x" or _reads_x(name)}
    return run(case.with_arrays(**turned))


def _units_shifted(case: Case, run: Run) -> Pair:
    hidden, turned = case.config.hidden_size, {}
    for name, array in case.arrays.items():
        columns = array if name == "x" or _reads_x(name) else _shift_units(array, hidden, 1)
        turned[name] = _shift_units(columns.T, hidden, 1).T if name.startswith("weight") else columns
    output, h_n = run(case.with_arrays(**turned))
    return _shift_units(output, hidden, -1), _shift_units(h_n, hidden, -1)


def _widened(case: Case, run: Run) -> Pair:
    hidden, arrays = case.config.hidden_size, {}
    for name, array in case.arrays.items():
        if name == "x" or _reads_x(name):
            columns = np.insert(array, array.shape[-1], float(name == "x"), axis=-1)
        else:
            columns = _one_more(array, hidden, float(name == "h_0"))
        arrays[name] = _one_more(columns.T, hidden, 0.0).T if name.startswith("weight") else columns
    config = replace(case.config, input_size=case.config.input_size + 1, hidden_size=hidden + 1)
    x, h_0 = arrays.pop("x"), arrays.pop("h_0", None)
    output, h_n = run(replace(case, config=config, x=x, h_0=h_0, weights=arrays))
    kept = [_joined(_in_halves(array, hidden + 1)[..., :hidden]) for array in (output, h_n)]
    return kept[0], kept[1]


# Directions and layers


def _swap_rows(state: Array) -> Array:
    """Exchange the two directions' rows of h_0 or h_n in every layer."""
    return state.reshape(len(state) // 2, 2, *state.shape[1:])[:, ::-1].reshape(state.shape)


def _directions_exchanged(case: Case, run: Run) -> Pair:
    hidden, weights = case.config.hidden_size, {}
    for name, array in case.weights.items():
        other = name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"
        reads_halves = name.startswith("weight_ih") and not _reads_x(name)
        weights[other] = np.roll(array, hidden, axis=-1) if reads_halves else array
    h_0 = None if case.h_0 is None else _swap_rows(case.h_0)
    output, h_n = run(replace(case, x=case.x[::-1], h_0=h_0, weights=weights))
    return np.roll(output[::-1], hidden, axis=-1), _swap_rows(h_n)


def _part(case: Case, x: Array, rows: range, bidirectional: bool) -> Case:
    """Return the cells of some rows of h_0, of one layer, as a network of their own on a sequence."""
    suffixes = [case.config.suffixes()[row] for row in rows]
    weights = {
        f"{kind}_l0{end}": case.weights[f"{kind}_{suffix}"]
        for suffix, end in zip(suffixes, ("", "_reverse"), strict=False)
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if case.config.bias else 2]
    }
    config = replace(case.config, input_size=x.shape[-1], num_layers=1, bidirectional=bidirectional)
    h_0 = None if case.h_0 is None else case.h_0[rows.start : rows.stop]
    return replace(case, config=config, x=x, h_0=h_0, weights=weights)


def _layers_apart(case: Case, run: Run) -> Pair:
    width, sequence, states = case.config.num_directions, case.x, []
    for row in range(0, case.config.num_layers * width, width):
        sequence, state = run(_part(case, sequence, range(row, row + width), case.config.bidirectional))
        states.append(state)
    return sequence, np.concatenate(states)


def _directions_apart(case: Case, run: Run) -> Pair:
    sequence, states = case.x, []
    for row in range(0, 2 * case.config.num_layers, 2):
        forward, one = run(_part(case, sequence, range(row, row + 1), False))
        reverse, two = run(_part(case, sequence[::-1], range(row + 1, row + 2), False))
        sequence = np.concatenate([forward, reverse[::-1]], axis=-1)
        states += [one, two]
    return sequence, np.concatenate(states)


# Scale and sign


def _times(case: Case, factor: float, *starts: str) -> Case:
    """Multiply the arrays whose names start with these prefixes by a number."""
    return case.with_arrays(**{name: factor * array for name, array in case.arrays.items() if name.startswith(starts)})


_ADDENDS = ("x", "h_0", "bias")


def _scaled(case: Case, run: Run) -> Pair:
    output, h_n = run(_times(case, FACTOR, *_ADDENDS))
    return output / FACTOR, h_n / FACTOR


def _negated(case: Case, run: Run) -> Pair:
    output, h_n = run(_times(case, -1.0, *_ADDENDS))
    return -output, -h_n


def _input_rescaled(case: Case, run: Run) -> Pair:
    return run(_times(_times(case, FACTOR, "x"), 1 / FACTOR, "weight_ih_l0"))


def _within_range(case: Case, *starts: str) -> bool:
    """Return whether the arrays whose names start with these prefixes stay in the dtype's range when multiplied."""
    largest = torch.finfo(case.config.dtype).max / FACTOR
    return all(
        np.abs(array).max(initial=0.0) <= largest for name, array in case.arrays.items() if name.startswith(starts)
    )


def _scales(case: Case) -> bool:
    homogeneous = case.config.activation.piecewise_linear and case.finite and _within_range(case, *_ADDENDS)
    return homogeneous and _times(case, FACTOR, *_ADDENDS).finite


def _rescales(case: Case) -> bool:
    normal = FACTOR * torch.finfo(case.config.dtype).smallest_normal
    weights = [np.abs(array) for name, array in case.weights.items() if _reads_x(name)]
    return case.finite and _within_range(case, "x") and all(((w == 0) | (w >= normal)).all() for w in weights)


def _forward_only(case: Case) -> bool:
    return not case.config.bidirectional


def _starts_from_zero(case: Case) -> bool:
    return not case.config.bias and (case.h_0 is None or not case.h_0.any())


LAWS: dict[str, Law] = {
    "time split": Law(
        "splitting the sequence after t={last} and handing the state over",
        lambda case: _forward_only(case) and case.steps > 1,
        _time_split,
    ),
    "state fed back": Law(
        "running step by step and feeding the state back",
        lambda case: _forward_only(case) and case.steps > 2,
        _state_fed_back,
    ),
    "steps appended": Law("appending steps to the sequence", _forward_only, _steps_appended),
    "blank step first": Law(
        "an input of zeros before a sequence that starts from zero, without bias,",
        lambda case: _forward_only(case) and _starts_from_zero(case) and case.finite,
        _blank_step_first,
    ),
    "batch reversed": Law("reversing the order of the batch", lambda case: case.batch_size > 1, _batch_reversed),
    "batch split": Law("splitting the batch", lambda case: case.batch_size > 1, _batch_split),
    "batch merged": Law(
        "merging the batch with another one", lambda case: not case.unbatched and case.batch_size > 0, _batch_merged
    ),
    "features shifted": Law(
        "permuting the input's features, and W_ih with them",
        lambda case: case.config.input_size > 1,
        _features_shifted,
    ),
    "units shifted": Law(
        "permuting the hidden units of every layer", lambda case: case.config.hidden_size > 1, _units_shifted
    ),
    "widened": Law(
        "one more feature and one more hidden unit in every layer, all of weight zero,",
        lambda case: case.finite,
        _widened,
    ),
    "directions exchanged": Law(
        "reversing the sequence and exchanging the directions' parameters",
        lambda case: case.config.bidirectional,
        _directions_exchanged,
    ),
    "directions apart": Law(
        "running each direction of each layer as a network of its own",
        lambda case: case.config.bidirectional,
        _directions_apart,
    ),
    "layers apart": Law(
        "running each layer as a network of its own", lambda case: case.config.num_layers > 1, _layers_apart
    ),
    "scaled": Law(
        f"x, h_0 and the biases times {FACTOR:.0f}, and the results of ReLU divided by it,", _scales, _scaled
    ),
    "input rescaled": Law(f"x times {FACTOR:.0f} and W_ih divided by it", _rescales, _input_rescaled),
    "negated": Law("negating x, h_0 and the biases, and the results of tanh,", lambda case: case.config.odd, _negated),
}
