"""The verdict on one result: every element within its proven bound, or a disagreement that says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from rnn_parity.contract import ELMAN, Array, Kind
from rnn_parity.contract.case import round_to
from rnn_parity.reference.balls import RADIUS_SLACK, Ball
from rnn_parity.registry.frames import Frame
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.by_name import in_parts, outputs

Index: TypeAlias = tuple[int, ...]


class Disagreement(AssertionError):
    """An implementation did not do what was demanded. `kind` tells one bug from another while a case is reduced."""

    def __init__(self, kind: str, text: str, *, name: str = "", **details: Any) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        #: What the bug is called, where seeing it is knowing it.
        self.name = name
        #: expected, got and allowed, where a number is wrong.
        self.details = details
        #: Where an error was raised: calls of the implementation, innermost first.
        self.frames: tuple[Frame, ...] = ()
        #: The case that showed it; set by the property.
        self.case: Case | None = None
        #: What one network was called on, the call that showed it last, where a call did.
        self.calls: tuple[Case, ...] = ()
        #: Every call of every network until then: which network, by number, and on what.
        self.made: tuple[tuple[int, Case], ...] = ()


class Root(NamedTuple):
    """The property from whose failure another follows, how it fails, and what follows."""

    property: str
    disagreement: Disagreement
    follows: Disagreement


@dataclass(slots=True)
class Margin:
    """How close to their bounds results came, and how many elements the bounds say nothing about."""

    worst: float = 0.0
    elements: int = 0
    vacuous: int = 0
    #: How many subnormal results were kept, and how many flushed to zero, which is allowed.
    kept: int = 0
    flushed: int = 0

    def add(self, other: Margin) -> None:
        """Take in another margin."""
        self.worst = max(self.worst, other.worst)
        self.elements += other.elements
        self.vacuous += other.vacuous
        self.kept += other.kept
        self.flushed += other.flushed


class Result(NamedTuple):
    """What an implementation returned, in nn.RNN's layouts."""

    output: torch.Tensor
    #: The parts of a state that has several are stacked: of an LSTM h_n, then c_n.
    h_n: torch.Tensor


def as_result(returned: object, kind: Kind = ELMAN) -> Result:
    """Return the pair (output, h_n) that `run` must return, or (output, (h_n, c_n)), where a state has several parts.

    Raises:
        Disagreement: it is something else.
    """
    output, *finals = tensors_in(returned, kind).items()
    (first, h_n), *others = finals
    for name, part in others:
        for what, expected, found in (
            ("shape", tuple(h_n.shape), tuple(part.shape)),
            ("dtype", h_n.dtype, part.dtype),
        ):
            if found != expected:
                text = f"{name} has the {what} {found}, expected {expected}, that of {first}"
                raise Disagreement(f"{name} {what}", text)
    return Result(output[1], torch.stack([h_n, *(part for _, part in others)]) if others else h_n)


def tensors_in(returned: object, kind: Kind = ELMAN) -> dict[str, torch.Tensor]:
    """Return the tensors that `run` returned, by name: `output`, `h_n`, and of an LSTM `c_n`.

    Raises:
        Disagreement: something else was returned.
    """
    names = [f"{state}_n" for state in kind.states]
    finals = names[0] if len(names) == 1 else f"({', '.join(names)})"
    parts = list(returned) if isinstance(returned, tuple) else []
    if len(names) > 1 and len(parts) == 2 and isinstance(parts[1], tuple):
        parts[1:] = parts[1]
    if len(parts) != 1 + len(names) or not all(isinstance(part, torch.Tensor) for part in parts):
        takes, count = ("h_0", "two") if len(names) == 1 else ("(h_0, c_0)", "three")
        raise Disagreement(
            "type",
            f"run(x, {takes}) returned {_types(returned)}, expected (output, {finals}), {count} torch.Tensors",
        )
    found = dict(zip(("output", *names), parts, strict=True))
    for name, part in found.items():
        expected = torch.get_default_device().type
        if part.device.type != expected or part.layout != torch.strided:
            where = f"{name} is a {part.layout} tensor on {part.device}"
            raise Disagreement(
                f"{name} device", f"{where}, expected a dense one on {expected}, where the arguments are"
            )
    return found


def _types(returned: object) -> str:
    """Return the types of what was returned, as it would be written: `(torch.Tensor, NoneType)`."""
    kinds = [
        _types(part) if isinstance(part, tuple) else f"{type(part).__module__}.{type(part).__qualname__}"
        for part in _parts(returned)
    ]
    kinds = [kind.removeprefix("builtins.") for kind in kinds]
    if isinstance(returned, tuple):
        return f"({', '.join(kinds)}{',' * (len(kinds) == 1)})"
    return f"[{', '.join(kinds)}]" if isinstance(returned, list) else kinds[0]


def _parts(returned: object) -> Sequence[object]:
    return returned if isinstance(returned, (tuple, list)) else [returned]


def judge(case: Case, result: Result, expected: tuple[Ball, Ball]) -> Margin:
    """Compare a result with the balls of the reference: shape, dtype, then every element.

    Raises:
        Disagreement: where they differ.
    """
    margin = Margin()
    found = by_name(case, result)
    # A result in which all are wrong is reported by its outputs, which come first in the order of computation.
    for name, ball in outputs(case, *expected).items():
        margin.add(judge_values(case, name, well_formed(case, name, found[name], ball.mid.shape), ball))
    return margin


def by_name(case: Case, result: Result) -> dict[str, torch.Tensor]:
    """Return a result's tensors by name."""
    return {"output": result.output, **in_parts(case, "h_n", result.h_n)}


def well_formed(case: Case, name: str, got: torch.Tensor, shape: tuple[int, ...]) -> Array:
    """Return what a tensor of the right shape and dtype holds, as float64.

    Raises:
        Disagreement: its shape or dtype is another.
    """
    if tuple(got.shape) != shape:
        raise Disagreement(
            f"{name} shape",
            f"{name} has shape {tuple(got.shape)}, expected {shape}",
            expected=shape,
            got=tuple(got.shape),
        )
    if got.dtype != case.config.dtype:
        raise Disagreement(
            f"{name} dtype",
            f"{name} is {got.dtype}, expected {case.config.dtype}",
            expected=case.config.dtype,
            got=got.dtype,
        )
    found: Array = got.detach().cpu().to(torch.float64).resolve_neg().numpy()
    return found


def judge_values(case: Case, name: str, found: Array, ball: Ball, kind: str = "value") -> Margin:
    """Compare numbers, in the case's layout, with balls of the same shape; `kind` is what a disagreement is called.

    Raises:
        Disagreement: one lies outside of its ball.
    """
    ratio = error_over_bound(found, ball)
    if ratio.size and not (worst := ratio.max()) <= RADIUS_SLACK:
        index = first_in_computation(case, name, ~(ratio <= RADIUS_SLACK))
        raise Disagreement(
            kind,
            f"{name}{place(case, name, index)}",
            expected=float(ball.mid[index]),
            got=float(found[index]),
            allowed=float(ball.rad[index]),
            wrong=int((ratio > RADIUS_SLACK).sum()),
            of=ratio.size,
            worst=float(worst),
        )
    vacuous = (ball.rad > np.abs(ball.mid)) & ~np.isinf(ball.mid)
    return Margin(float(ratio.max(initial=0.0)), ratio.size, int(vacuous.sum()), *subnormals(case, found, ball))


def subnormals(case: Case, found: Array, ball: Ball) -> tuple[int, int]:
    """Return how many elements that should be subnormal are kept, and how many are zero.

    Looked at are midpoints that the dtype holds, no smaller than a quarter of its smallest normal number: a rounding
    alone makes no zero of these. In float16 it may, where larger terms cancel; that dtype is left out.
    """
    info = torch.finfo(case.config.dtype)
    sizes = np.abs(ball.mid)
    tiny = (sizes < info.smallest_normal) & (sizes >= info.smallest_normal / 4)
    if not tiny.any() or info.smallest_normal > info.eps**2:
        return 0, 0
    stored = tiny & (round_to(case.config.dtype, ball.mid) == ball.mid)
    kept = stored & (found != 0) & (np.abs(found) < info.smallest_normal)
    return int(kept.sum()), int((stored & (found == 0)).sum())


def error_over_bound(got: Array, ball: Ball) -> Array:
    """|got - mid| / rad for every element; 0 where nothing is demanded or it is met exactly, infinity for a NaN."""
    with np.errstate(all="ignore"):
        met = (got == ball.mid) | (np.isnan(got) & np.isnan(ball.mid)) | (np.isinf(ball.rad) & np.isfinite(ball.mid))
        ratio = np.abs(got - ball.mid) / ball.rad
    return np.where(met, 0.0, np.where(np.isnan(ratio), np.inf, ratio))


def first_in_computation(case: Case, name: str, wrong: np.typing.NDArray[np.bool_]) -> Index:
    """Return the index of the wrong element that is computed first: by layer, then in its direction's order of time."""
    candidates = [tuple(int(i) for i in index) for index in np.argwhere(wrong)]
    if name != "output" or not case.config.bidirectional:
        return candidates[0]
    time_axis = 0 if case.unbatched or not case.config.batch_first else 1
    hidden, last = case.config.hidden_size, case.steps - 1

    def when(index: tuple[int, ...]) -> int:
        return last - index[time_axis] if index[-1] >= hidden else index[time_axis]

    return min(candidates, key=when)


def place(case: Case, name: str, index: Index) -> str:
    """Return an index in words: `[t=0, b=1, j=2] (layer 1, reverse)`; a gradient's index as it is."""
    config = case.config
    if name not in ("output", *(f"{state}_n" for state in config.kind.states)):
        return str(list(index))
    if name != "output":
        row, *rest = index
        layer, direction = divmod(row, config.num_directions)
        axes = ["row", "b", "j"] if not case.unbatched else ["row", "j"]
        index = (row, *rest)
    else:
        layer, direction = config.num_layers - 1, int(index[-1] >= config.hidden_size)
        axes = ["t", "j"] if case.unbatched else ["b", "t", "j"] if config.batch_first else ["t", "b", "j"]
    said = ", ".join(f"{axis}={value}" for axis, value in zip(axes, index, strict=True))
    way = ", forward" if config.bidirectional and not direction else ", reverse" if direction else ""
    return f"[{said}] (layer {layer}{way})"
