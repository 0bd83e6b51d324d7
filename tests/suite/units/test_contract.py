"""The contract: configurations, capabilities and rounding models say what they mean, and refuse what they cannot."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields as fields_of
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import DTYPES, NONLINEARITIES, Capabilities, Config, Rounding
from rnn_parity.contract import DEFAULT_TANH_ULPS
from rnn_parity.strategies import Case
from rnn_parity.tests.suite import fields

CONFIGS = [
    Config(input_size, hidden_size, layers, nonlinearity, bias, batch_first, 0.0, bidirectional, dtype)
    for (input_size, hidden_size), layers, (nonlinearity, dtype), bias, batch_first, bidirectional in product(
        [(1, 1), (2, 3), (3, 2), (9, 9)],
        [1, 2, 3],
        zip(NONLINEARITIES, DTYPES, strict=False),
        [True, False],
        [False, True],
        [False, True],
    )
]

#: Arguments of Capabilities, and words that the refusal must hold: the field, what was expected, what was found.
REFUSED_CAPABILITIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"nonlinearities": ()}, ["nonlinearities", "non-empty tuple", "'tanh', 'relu'", "found ()"]),
    ({"nonlinearities": ("sigmoid",)}, ["nonlinearities", "'tanh', 'relu'", "found ('sigmoid',)"]),
    ({"nonlinearities": "tanh"}, ["nonlinearities", "tuple", "found 'tanh'"]),
    ({"nonlinearities": (["tanh"],)}, ["nonlinearities", "tuple", "found (['tanh'],)"]),
    ({"biases": ("yes",)}, ["biases", "(True, False)", "found ('yes',)"]),
    ({"biases": True}, ["biases", "tuple", "found True"]),
    ({"batch_first": None}, ["batch_first", "(False, True)", "found None"]),
    ({"dtypes": (torch.int32,)}, ["dtypes", "torch.bfloat16", "found (torch.int32,)"]),
    ({"dtypes": torch.float32}, ["dtypes", "tuple", "found torch.float32"]),
    ({"dtypes": [torch.float32]}, ["dtypes", "tuple", "found [torch.float32]"]),
    *(
        ({name: "no"}, [name, "True or False", "found 'no'"])
        for name in (
            "bidirectional",
            "unbatched",
            "h_0",
            "nonfinite",
            "threads",
            "gradients",
            "second_derivatives",
            "dropout",
            "autocast",
            "module",
        )
    ),
    ({"lengths": "packed"}, ["lengths", "tuple out of", "found 'packed'"]),
    ({"lengths": ("masked",)}, ["lengths", "'packed', 'padded'", "found ('masked',)"]),
    ({"accepts": ("anything",)}, ["accepts", "'x-list'", "found ('anything',)"]),
    ({"devices": ("tpu",)}, ["devices", "non-empty tuple", "'cpu', 'cuda'", "found ('tpu',)"]),
    ({"padding": "ones"}, ["padding", "'anything', 'zeros'", "found 'ones'"]),
    *(
        ({name: found}, [name, "None or an integer from 1", f"found {found!r}"])
        for name in ("max_batch", "max_steps", "max_input_size", "max_hidden_size", "max_layers")
        for found in (0, -1, 2.0, "3", True)
    ),
    ({"min_batch": -1}, ["min_batch", "integer from 0", "found -1"]),
    ({"min_batch": None}, ["min_batch", "integer from 0", "found None"]),
    ({"min_batch": 3, "max_batch": 2}, ["min_batch", "from 0 to max_batch=2", "found 3"]),
]

#: Arguments of Rounding, and words that the refusal must hold.
REFUSED_ROUNDING: list[tuple[dict[str, Any], list[str]]] = [
    ({"accumulate": torch.int8}, ["accumulate", "torch.float64", "or None", "found torch.int8"]),
    ({"accumulate": "float64"}, ["accumulate", "found 'float64'"]),
    ({"rounded": "once", "accumulate": torch.float32}, ["rounded", "'sum'", "found 'once'"]),
    ({"rounded": None}, ["rounded", "'operations'", "found None"]),
    ({"rounded": "sum"}, ["rounded='sum'", "means nothing without accumulate"]),
    ({"rounded": "state"}, ["rounded='state'", "means nothing without accumulate"]),
    ({"tanh_ulps": -1.0}, ["tanh_ulps", "number from 0", "found -1.0"]),
    ({"tanh_ulps": math.nan}, ["tanh_ulps", "number from 0", "found nan"]),
    ({"tanh_ulps": math.inf, "reason": "none"}, ["tanh_ulps", "number from 0", "found inf"]),
    ({"tanh_ulps": "4"}, ["tanh_ulps", "number from 0", "found '4'"]),
    ({"tanh_ulps": 4.0}, ["tanh_ulps=4.0", "looser than the default", "reason"]),
    ({"tanh_absolute": True}, ["tanh_absolute=True", "looser than the default", "reason"]),
]

TAKEN_ROUNDING: list[dict[str, Any]] = [
    {},
    {"accumulate": torch.float64},
    {"accumulate": torch.float32, "rounded": "sum"},
    {"accumulate": torch.float64, "rounded": "state"},
    {"rounded": "operations"},
    {"tanh_ulps": 0},
    {"tanh_ulps": DEFAULT_TANH_ULPS},
    {"tanh_ulps": 4.0, "reason": "measured: https://example.org"},
    {"tanh_absolute": True, "reason": "2 sigmoid(2x) - 1"},
]


def asked(
    steps: int = 2,
    batch_size: int = 2,
    has_h_0: bool = False,
    unbatched: bool = False,
    finite: bool = True,
    **config: Any,
) -> Case:
    """A plain case, these things of it changed."""
    network = replace(Config(2, 3, nonlinearity="relu"), **config)
    x = np.full((steps, batch_size, network.input_size), 1.0 if finite else np.inf)
    h_0 = np.zeros(network.state_shape(batch_size))
    return Case(network, x, h_0 if has_h_0 else None, unbatched=unbatched)


#: Capabilities, a case that they do not claim, and the fields that object.
OBJECTIONS: list[tuple[Capabilities, Case, list[str]]] = [
    (Capabilities(gradients=False), replace(asked(), grad_h_n=np.ones((1, 2, 3))), ["gradients"]),
    (Capabilities(gradients=False), asked(), []),
    (Capabilities(second_derivatives=False), replace(asked(), twice=True), ["second_derivatives"]),
    (Capabilities(second_derivatives=False), replace(asked(), grad_h_n=np.ones((1, 2, 3))), []),
    (Capabilities(), asked(num_layers=2, dropout=0.5), ["dropout"]),
    (Capabilities(), asked(cell="gru"), ["cells"]),
    (Capabilities(cells=("gru",)), asked(cell="gru"), []),
    (Capabilities(dropout=True), asked(num_layers=2, dropout=0.5), []),
    (Capabilities(), replace(asked(), lengths=(1, 2)), ["lengths"]),
    (Capabilities(lengths=("padded",)), replace(asked(), lengths=(1, 2), packed=True), ["lengths"]),
    (Capabilities(lengths=("packed", "padded")), replace(asked(), lengths=(1, 2), packed=True), []),
    (Capabilities(nonlinearities=("tanh",)), asked(), ["nonlinearities"]),
    (Capabilities(nonlinearities=("relu",)), asked(), []),
    (Capabilities(biases=(False,)), asked(), ["biases"]),
    (Capabilities(biases=(True,)), asked(bias=False), ["biases"]),
    (Capabilities(biases=(True,)), asked(), []),
    (Capabilities(batch_first=(False,)), asked(batch_first=True), ["batch_first"]),
    (Capabilities(batch_first=(True,)), asked(), ["batch_first"]),
    (Capabilities(batch_first=(True,)), asked(unbatched=True, batch_size=1), []),
    (Capabilities(bidirectional=False), asked(bidirectional=True), ["bidirectional"]),
    (Capabilities(bidirectional=False), asked(), []),
    (Capabilities(unbatched=False), asked(unbatched=True, batch_size=1), ["unbatched"]),
    (Capabilities(unbatched=False), asked(), []),
    (Capabilities(h_0=False), asked(has_h_0=True), ["h_0"]),
    (Capabilities(h_0=False), asked(), []),
    (Capabilities(nonfinite=False), asked(finite=False), ["nonfinite"]),
    (Capabilities(nonfinite=False), asked(), []),
    (Capabilities(threads=False), asked(), []),
    (Capabilities(dtypes=(torch.float64,)), asked(), ["dtypes"]),
    (Capabilities(dtypes=(torch.float64, torch.float32)), asked(), []),
    (Capabilities(min_batch=1), asked(batch_size=0), ["min_batch"]),
    (Capabilities(min_batch=1), asked(batch_size=1), []),
    (Capabilities(max_batch=1), asked(), ["max_batch"]),
    (Capabilities(max_batch=2), asked(), []),
    (Capabilities(max_steps=1), asked(), ["max_steps"]),
    (Capabilities(max_steps=2), asked(), []),
    (Capabilities(max_input_size=1), asked(), ["max_input_size"]),
    (Capabilities(max_input_size=2), asked(), []),
    (Capabilities(max_hidden_size=2), asked(), ["max_hidden_size"]),
    (Capabilities(max_hidden_size=3), asked(), []),
    (Capabilities(max_layers=1), asked(num_layers=2), ["max_layers"]),
    (Capabilities(max_layers=2), asked(num_layers=2), []),
    (
        Capabilities(bidirectional=False, h_0=False, max_layers=1),
        asked(bidirectional=True, has_h_0=True, num_layers=3),
        ["bidirectional", "h_0", "max_layers"],
    ),
]


def network(config: Config) -> torch.nn.RNN:
    """The same network from torch.nn.RNN, all its arguments spelled out."""
    arguments = {each.name: getattr(config, each.name) for each in fields_of(Config) if each.name != "cell"}
    return torch.nn.RNN(**arguments)


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_parameter_shapes(config: Config) -> None:
    """Parameters have nn.RNN's names and shapes, in nn.RNN's order."""
    expected = [(name, tuple(value.shape)) for name, value in network(config).named_parameters()]
    assert list(config.parameter_shapes().items()) == expected


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_module_arguments(config: Config) -> None:
    """The arguments for the constructor make the same network, though those at nn.RNN's defaults are left out."""
    made, expected = torch.nn.RNN(**config.module_arguments()), network(config)
    assert "dtype" not in config.module_arguments()
    for each in fields_of(Config):
        if each.name not in ("dtype", "cell"):
            assert getattr(made, each.name) == getattr(expected, each.name) == getattr(config, each.name)


def test_config_defaults() -> None:
    """What is not said of a Config is as in nn.RNN, and is not passed on."""
    default = torch.nn.RNN(2, 3)
    assert Config(2, 3).module_arguments() == {"input_size": 2, "hidden_size": 3}
    assert all(getattr(default, each.name) == each.default for each in fields_of(Config)[2:-2])
    assert Config(2, 3).dtype == default.weight_ih_l0.dtype


@pytest.mark.parametrize("config", CONFIGS[::7], ids=repr)
def test_layers(config: Config) -> None:
    """Suffixes, directions and the widths that layers read fit the parameters."""
    shapes = config.parameter_shapes()
    assert len(config.suffixes()) == config.num_layers * config.num_directions
    for index, suffix in enumerate(config.suffixes()):
        width = config.layer_input_size(index // config.num_directions)
        assert shapes[f"weight_ih_{suffix}"] == (config.hidden_size, width)


def test_config_is_a_value() -> None:
    """Equal configs are one key, so that networks can be cached by them."""
    assert {Config(2, 3): "found"}[Config(2, 3)] == "found"
    assert Config(2, 3) != Config(2, 3, bias=False)


def test_default_capabilities() -> None:
    """Nothing said claims everything: no case is objected to."""
    everything = Capabilities()
    assert everything.dtypes == DTYPES
    assert everything.nonlinearities == NONLINEARITIES
    assert not everything.objections(asked(batch_size=0, finite=False, has_h_0=True, bidirectional=True, num_layers=9))


@pytest.mark.parametrize(("arguments", "words"), REFUSED_CAPABILITIES, ids=repr)
def test_refused_capabilities(arguments: dict[str, Any], words: list[str]) -> None:
    """A claim that means nothing is refused: the text names the field, what was expected and what was found."""
    with pytest.raises(ValueError, match=r"^Capabilities\(") as refusal:
        Capabilities(**arguments)
    assert [word for word in words if word not in str(refusal.value)] == []


@pytest.mark.parametrize(("capabilities", "case", "expected"), OBJECTIONS, ids=repr)
def test_objections(capabilities: Capabilities, case: Case, expected: list[str]) -> None:
    """A case outside the claims is objected to by the names of the fields that do not claim it, and by no other."""
    assert capabilities.objections(case) == expected


def test_every_field_objects() -> None:
    """The table above has every field that a case can be outside of: not how a network is called or what comes back."""
    covered = {name for _, _, expected in OBJECTIONS for name in expected}
    apart = {
        "threads",
        "padding",
        "accepts",
        "autocast",
        "module",
        "devices",
        "per_shape",
        "several_shapes",
        "pool",
        "shapes",
        "sizes",
        "own_process",
    }
    assert covered == {each.name for each in fields_of(Capabilities)} - apart


@pytest.mark.parametrize(("arguments", "words"), REFUSED_ROUNDING, ids=repr)
def test_refused_rounding(arguments: dict[str, Any], words: list[str]) -> None:
    """A rounding model that means nothing, or that is looser without a reason, is refused."""
    with pytest.raises(ValueError, match=r"^Rounding\(") as refusal:
        Rounding(**arguments)
    assert [word for word in words if word not in str(refusal.value)] == []


@pytest.mark.parametrize("arguments", TAKEN_ROUNDING, ids=repr)
def test_taken_rounding(arguments: dict[str, Any]) -> None:
    """Tighter needs no words; looser is taken with a reason."""
    assert all(getattr(Rounding(**arguments), name) == value for name, value in arguments.items())


@pytest.mark.parametrize("kind", [Capabilities, Rounding])
def test_by_keyword_only(kind: type) -> None:
    """Claims are spelled out: no field can be given by its place."""
    parameters = inspect.signature(kind).parameters.values()
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_every_field_is_explained() -> None:
    """In the guide, by its own comment; `python -m rnn_parity.tests.suite.fields` writes it anew."""
    page = fields.PAGE.read_text(encoding="utf-8")
    assert fields.with_list(page) == page
    assert not [name for of in (Capabilities, Rounding) for name, said in fields.meanings(of).items() if not said]
    assert fields.meanings(Rounding)["tanh_absolute"].startswith("Whether tanh's error near 0 is relative to 1")
