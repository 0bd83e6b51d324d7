"""The axes of a case beside its sizes and numbers, as one table.

A row has the values of an option, the plainest first. From the table are made: claims and what objects to a case, the
descriptor, features and counts of what was drawn, conditions under which a bug shows, variations of a failing case,
most options that shrinking takes away, and the words for all of these. Drawing, JSON and the order of simplicity are
written beside it; `tests/suite/units/test_axes.py` asks them, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from rnn_parity.contract import changes
from rnn_parity.contract.cells import KINDS
from rnn_parity.contract.config import DTYPES, dtype_name
from rnn_parity.contract.memory import INCOMING, MEMORY

if TYPE_CHECKING:
    from rnn_parity.contract.capabilities import Capabilities
    from rnn_parity.contract.case import Case


class Claimed(NamedTuple):
    """The field of `Capabilities` that claims something."""

    field: str
    #: Whether a value of the field claims it, and the value without it; None where nothing would be left.
    holds: Callable[[Any], bool]
    without: Callable[[Any], Any]
    #: The field without which it is claimed in vain.
    needs: str = ""

    def by(self, able: Capabilities) -> bool:
        """Return whether capabilities claim it."""
        return self.holds(getattr(able, self.field))

    def in_effect(self, able: Capabilities) -> bool:
        """Return whether capabilities claim it, and what it needs."""
        return self.by(able) and (not self.needs or bool(getattr(able, self.needs)))

    def taken_from(self, able: Capabilities) -> Capabilities | None:
        """Return capabilities without it; None where they do not claim it, or nothing would be left."""
        left = self.without(getattr(able, self.field)) if self.by(able) else None
        changed: dict[str, Any] = {self.field: left}
        return None if left is None else replace(able, **changed)


def _member(field: str, member: Any) -> Claimed:
    """Claim a member of a tuple; lengths alone may be left without any."""
    return Claimed(
        field,
        lambda given: member in given,
        lambda given: tuple(other for other in given if other != member) or (() if field == "lengths" else None),
    )


def _switch(field: str, needs: str = "") -> Claimed:
    return Claimed(field, bool, lambda given: False, needs)


_SEVERAL_LAYERS = Claimed("max_layers", lambda most: most is None or most > 1, lambda most: 1)
_EMPTY = Claimed("min_batch", lambda least: least == 0, lambda least: 1)


class Value(NamedTuple):
    """One value that an axis may have."""

    name: str
    #: As a condition under which a bug shows; empty for what no bug hangs on.
    condition: str = ""
    claimed: Claimed | None = None
    #: As something that is claimed, and as a column of what of nn.RNN's surface was judged.
    claim: str = ""
    feature: str = ""


class Axis(NamedTuple):
    """One thing that can be chosen about a case."""

    name: str
    values: tuple[Value, ...]
    #: Which of them a case has.
    of: Callable[[Case], int]
    #: Gives a case one of them; None where its numbers, or a property, decide.
    make: Callable[[Case, int], Case] | None = None
    #: What stands before the name of a value, in a sentence.
    says: str = ""
    #: What the descriptor says of it, and a sentence; nothing where it is as nn.RNN has it by default.
    word: Callable[[Case], str] = lambda case: ""
    words: Callable[[Case], str] = lambda case: ""
    #: Whether it can be chosen for a case like this one.
    varies: Callable[[Case], bool] = lambda case: True


_ACTIVATIONS = ("relu", "tanh")  # ReLU keeps whole numbers whole.
_MEMORY, _INCOMING = tuple(MEMORY), tuple(INCOMING)
#: In the order in which the descriptor of a case names them.
AXES = (
    Axis(
        "nonlinearity",
        tuple(Value(name, f"for {name}", _member("nonlinearities", name), name, name) for name in _ACTIVATIONS),
        lambda case: _ACTIVATIONS.index(case.config.nonlinearity),
        lambda case, value: case.with_config(nonlinearity=_ACTIVATIONS[value]),
        says="the nonlinearity is ",
        varies=lambda case: case.config.cell == "rnn",
        word=lambda case: case.config.nonlinearity if case.config.cell == "rnn" else case.config.cell,
    ),
    Axis(
        "layers",
        (
            Value("1", "in networks of one layer"),
            Value("2", "", _SEVERAL_LAYERS, "several layers", "layers"),
            Value("3+", "in networks of more than two layers", _SEVERAL_LAYERS, "", "layers"),
        ),
        lambda case: min(case.config.num_layers, 3) - 1,
        lambda case, value: changes.sized(num_layers=value + 1)(case),
        word=lambda case: f"L{case.config.num_layers}" * (case.config.num_layers > 1),
    ),
    Axis(
        "directions",
        (
            Value("unidirectional", "in networks of one direction"),
            Value(
                "bidirectional",
                "in bidirectional networks",
                _switch("bidirectional"),
                "two directions",
                "bidirectional",
            ),
        ),
        lambda case: case.config.bidirectional,
        lambda case, value: changes.configured(bidirectional=bool(value))(case),
        says="it is ",
        word=lambda case: "bidirectional" * case.config.bidirectional,
    ),
    Axis(
        "dropout",
        (Value("none"), Value("given", "where dropout is given", _switch("dropout"), "", "dropout")),
        lambda case: case.config.dropout > 0,
        changes.with_dropout,
        says="dropout is ",
        word=lambda case: f"dropout={case.config.dropout:g}" * (case.config.dropout > 0),
        words=lambda case: f"dropout={case.config.dropout:g}" * (case.config.dropout > 0),
    ),
    Axis(
        "bias",
        (
            Value("no biases", "without biases", _member("biases", False), "bias=False", "no bias"),
            Value("biases", "with biases", _member("biases", True), "bias=True"),
        ),
        lambda case: case.config.bias,
        lambda case, value: changes.configured(bias=bool(value))(case),
        says="it has ",
        word=lambda case: "no-bias" * (not case.config.bias),
        words=lambda case: "no biases" * (not case.config.bias),
    ),
    Axis(
        "layout",
        (
            Value(
                "time-major", "without batch_first", _member("batch_first", False), "batch_first=False", "time-major"
            ),
            Value("batch_first", "with batch_first", _member("batch_first", True), "batch_first=True", "batch_first"),
            Value("unbatched", "with unbatched input", _switch("unbatched"), "an unbatched x", "unbatched"),
        ),
        lambda case: 2 if case.unbatched else case.config.batch_first,
        changes.with_layout,
        says="x is ",
        word=lambda case: " ".join(["batch_first"] * case.config.batch_first + ["unbatched"] * case.unbatched),
        words=lambda case: "without a batch axis" if case.unbatched else "batch_first" * case.config.batch_first,
    ),
    Axis(
        "h_0",
        (
            Value("absent", "without h_0", feature="no h_0"),
            Value("zero", "where h_0 is zero", _switch("h_0"), "", "h_0"),
            Value("not zero", "", _switch("h_0"), "h_0", "h_0"),
        ),
        lambda case: 0 if case.h_0 is None else 1 + bool(case.h_0.any()),
        changes.with_h_0,
        says="h_0 is ",
        word=lambda case: "h_0" * case.has_h_0,
        words=lambda case: "an initial state" * case.has_h_0,
    ),
    Axis(
        "dtype",
        tuple(
            Value(name, f"in {name}", _member("dtypes", dtype), name, name)
            for dtype, name in ((dtype, dtype_name(dtype)) for dtype in DTYPES)
        ),
        lambda case: DTYPES.index(case.config.dtype),
        lambda case, value: case.in_dtype(DTYPES[value]),
        says="the dtype is ",
        word=lambda case: dtype_name(case.config.dtype) * (case.config.dtype != torch.float32),
    ),
    Axis(
        "memory",
        tuple(Value(name, f"where tensors are {name}") for name in MEMORY),
        lambda case: _MEMORY.index(case.memory),
        lambda case, value: replace(case, memory=_MEMORY[value]),
        says="tensors are ",
        word=lambda case: case.memory * (case.memory != "contiguous"),
        words=lambda case: f"tensors that are {case.memory} in memory" * (case.memory != "contiguous"),
    ),
    Axis(
        "lengths",
        (
            Value("none"),
            Value("padded", "where sequences are padded", _member("lengths", "padded"), "padded lengths", "lengths"),
            Value("packed", "where sequences are packed", _member("lengths", "packed"), "packed lengths", "lengths"),
        ),
        lambda case: 0 if case.lengths is None else 1 + case.packed,
        changes.with_lengths,
        word=lambda case: (
            f"lengths={','.join(map(str, case.lengths))}{' packed' * case.packed}" if case.lengths is not None else ""
        ),
        words=lambda case: f"lengths {list(case.lengths)}" if case.lengths is not None else "",
    ),
    Axis(
        "call",
        (Value("right"), Value("to be refused")),
        lambda case: bool(case.misuse),
        word=lambda case: case.misuse,
    ),
    Axis(
        "gradients",
        (
            Value("not asked"),
            Value("asked", "where gradients are asked for", _switch("gradients"), "gradients", "gradients"),
        ),
        lambda case: case.has_cotangents,
        changes.with_gradients,
        word=lambda case: " ".join(name for name in ("grad_output", "grad_h_n") if name in case.arrays),
        words=lambda case: ("differentiated twice" if case.twice else "differentiated") * case.has_cotangents,
    ),
    Axis(
        "how gradients come in",
        tuple(Value(name, f"where gradients come in {name}") for name in INCOMING),
        lambda case: _INCOMING.index(case.incoming),
        lambda case, value: replace(case, incoming=_INCOMING[value]),
        says="gradients come in ",
        word=lambda case: f"incoming={case.incoming}" * (case.incoming != "contiguous"),
        words=lambda case: f"gradients that come in {case.incoming}" * (case.incoming != "contiguous"),
    ),
    Axis(
        "differentiated",
        (
            Value("once"),
            Value(
                "twice",
                "where it is differentiated twice",
                _switch("second_derivatives", needs="gradients"),
                *["second derivatives"] * 2,
            ),
        ),
        lambda case: case.twice,
        lambda case, value: replace(changes.with_gradients(case, 1) if value else case, twice=bool(value)),
        word=lambda case: "twice" * case.twice,
    ),
    Axis(
        "rows",
        (Value("some"), Value("none", "where the batch is empty", _EMPTY, "an empty batch", "batch of 0")),
        lambda case: case.batch_size == 0,
        lambda case, value: changes.sized(B=0 if value else max(1, case.batch_size))(case),
    ),
    Axis(
        "numbers",
        (Value("finite"), Value("NaN, infinity", "", _switch("nonfinite"), "", "NaN, infinity")),
        lambda case: not case.finite,
    ),
    Axis(
        "cell",
        tuple(Value(name, "", _member("cells", name)) for name in KINDS),
        lambda case: list(KINDS).index(case.config.cell),
    ),
)
BY_NAME = {axis.name: axis for axis in AXES}


def descriptor(case: Case) -> str:
    """Say in one line what kind of case this is, nn.RNN's defaults left out."""
    config = case.config
    sizes = f"T{case.steps} B{case.batch_size} I{config.input_size} H{config.hidden_size}"
    first, *rest = (axis.word(case) for axis in AXES)
    return " ".join(word for word in (first, sizes, *rest) if word)
