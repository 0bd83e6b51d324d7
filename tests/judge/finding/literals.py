"""A case as source text: its sizes and options, its numbers, and how its tensors lie in memory."""

from __future__ import annotations

import inspect
import re
from pprint import pformat
from textwrap import dedent
from typing import Any

import torch

from rnn_parity.contract import Array, dtype_name
from rnn_parity.contract.memory import INCOMING, MEMORY
from rnn_parity.strategies import Case
from rnn_parity.strategies.drawing.misuse import misuse_of
from rnn_parity.tests.judge.trial.lengths import in_parts
from rnn_parity.tests.judge.trial.second_derivatives import towards

#: nn.RNN's, under the names by which templates call them.
_ARGUMENTS = ("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first", "bidirectional")


def literals(case: Case, *, sizes: bool) -> str:
    """Return the lines of the network's sizes and options where they are used, its parameters, and the arguments."""
    config = case.config
    roles = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if config.bias else 2]
    arguments = {name: getattr(config, name) for name in (*_ARGUMENTS, "state_size") if sizes}
    arguments |= {"dtype": dtype_name(config.dtype), "roles": roles}
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in arguments.items()]
    weights, x, whole = case.tensors()
    h_0 = in_parts(config, whole)
    lengths = None if case.lengths is None else torch.tensor(case.lengths)
    if case.misuse:
        x, h_0, lengths = misuse_of(case).spoil(case, (x, h_0, lengths))
    lines += ["weights = {", *(f'    "{name}": {literal(weight)},' for name, weight in weights.items()), "}"]
    lines += [f"x = {literal(x)}", f"h_0 = {literal(h_0)}"]
    lines.append(f"lengths = {None if lengths is None else lengths.tolist()}")
    if case.has_cotangents:
        cotangents: dict[str, Any] = {**case.cotangents()}
        cotangents["grad_h_n"] = in_parts(config, cotangents.get("grad_h_n"))
        lines += [f"{name} = {literal(cotangents.get(name))}" for name in ("grad_output", "grad_h_n")]
    if case.twice:
        lines += ["# The weights of the sum of all gradients that is differentiated.", "towards = {"]
        lines += [f'    "{name}": {literal(tensor)},' for name, tensor in towards(case, like=x).items()] + ["}"]
    lines.append("parameters = {}")
    return "\n".join(lines) + _in_memory(case)


def literal(value: Any) -> str:
    """Return a tensor, or another argument, as source text."""
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))})"
    if not isinstance(value, torch.Tensor):
        return spelled(value)
    dtype = f"dtype={value.dtype}"
    if not value.numel() or not (value != 0).any():
        return f"torch.zeros({tuple(value.shape)}, {dtype})"
    return f"torch.tensor({spelled(value.detach().cpu().tolist())}, {dtype})"


def spelled(numbers: Any) -> str:
    """Nested lists of numbers, those that are not finite in the words of Python."""
    text = repr(numbers) if len(repr(numbers)) < 100 else pformat(numbers, width=100, compact=True)
    return re.sub(r"\b(nan|inf)\b", r'float("\1")', text)


def array(values: Array, *, one: bool = False) -> str:
    """Return an array as nested lists; as `one` number, where that is asked for and all are equal."""
    if one and values.size and (values == values.flat[0]).all():
        return spelled(float(values.flat[0]))
    return spelled(values.tolist()) if values.size else f"torch.zeros({values.shape})"


def _in_memory(case: Case) -> str:
    """Return the tensors laid out as the case says."""
    arguments = ["x", *["h_0"] * case.has_h_0]
    incoming = [name for name in ("grad_output", "grad_h_n") if name in case.arrays]
    in_tuples = {"h_0", "grad_h_n"} if len(case.config.kind.states) > 1 else set()

    def laid(name: str, layout: str) -> str:
        return f"{name} = tuple(map({layout}, {name}))" if name in in_tuples else f"{name} = {layout}({name})"

    laid_out = [laid(name, case.memory) for name in arguments]
    lines = {
        case.memory: [f"weights = {{name: {case.memory}(weight) for name, weight in weights.items()}}", *laid_out],
    }
    if case.incoming == "shared":
        starred = ", ".join(f"*{name}" if name in in_tuples else name for name in incoming)
        lines["shared"] = [f"{starred}, = shared({starred})"] if incoming else []
    else:
        lines.setdefault(case.incoming, []).extend(laid(name, case.incoming) for name in incoming)
    return "".join(
        f"\n\n\n{_source(name)}\n\n" + "\n".join(assigned) + "\n"
        for name, assigned in lines.items()
        if assigned and name != "contiguous"
    )


def _source(layout: str) -> str:
    """Return the function that lays tensors out so."""
    source = inspect.getsource(MEMORY.get(layout) or INCOMING[layout])
    return re.sub(r"\bdef _", "def ", dedent(source))
