"""A first look says what never works and what is returned, and says nothing of what is right or fails at times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rnn_parity import Capabilities, Config, Implementation
from rnn_parity.contract import DTYPES, Build, KnownDefect, Rounding, Run
from rnn_parity.registry.limits import TimedOut
from rnn_parity.tests.judge.look import FirstLook, first_look
from rnn_parity.tests.judge.look.claims import CLAIMS, in_source
from rnn_parity.tests.judge.look.wording import lines
from rnn_parity.tests.suite.reported import reported

Weights = Mapping[str, torch.Tensor]


def torchs(config: Config, weights: Weights) -> Run:
    """nn.RNN, tracked as its weights are."""
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)

    def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
        return torch.func.functional_call(network, dict(weights), (x, h_0))

    return run


def refusing(refuses: Callable[[Config], object]) -> Build:
    """nn.RNN, of which some networks cannot be built."""

    def build(config: Config, weights: Weights) -> Run:
        if refuses(config):
            raise NotImplementedError("no such network")
        return torchs(config, weights)

    return build


def calling(deed: Callable[[Config, torch.Tensor, torch.Tensor | None], object]) -> Build:
    """nn.RNN, with something done before each call."""

    def build(config: Config, weights: Weights) -> Run:
        run = torchs(config, weights)

        def other(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
            deed(config, x, h_0)
            return run(x, h_0)

        return other

    return build


def returning(made: Callable[[torch.Tensor, torch.Tensor], object]) -> Build:
    """nn.RNN, of whose results something is made."""

    def build(config: Config, weights: Weights) -> Run:
        run = torchs(config, weights)
        return lambda x, h_0=None: made(*run(x, h_0))  # type: ignore[return-value]

    return build


def only_if(allowed: Callable[..., object]) -> Callable[..., None]:
    def deed(*arguments: Any) -> None:
        if not allowed(*arguments):
            raise ValueError("cannot be")

    return deed


def implementation(build: Build, **claims: Any) -> Implementation:
    return Implementation(
        name="mine",
        build=build,
        capabilities=Capabilities(**claims),
        rounding=Rounding(),
        library="torch",
        extra=None,
        known_defects=(),
    )


#: What it cannot do, and the claims that take that back.
NEVER: dict[str, tuple[Build, str]] = {
    "two directions": (refusing(lambda config: config.bidirectional), "bidirectional=False"),
    "several layers": (refusing(lambda config: config.num_layers > 1), "max_layers=1"),
    "bias=False": (refusing(lambda config: not config.bias), "biases=(True,)"),
    "bias=True": (refusing(lambda config: config.bias), "biases=(False,)"),
    "relu": (refusing(lambda config: config.nonlinearity == "relu"), "nonlinearities=('tanh',)"),
    "tanh": (refusing(lambda config: config.nonlinearity == "tanh"), "nonlinearities=('relu',)"),
    "batch_first=True": (refusing(lambda config: config.batch_first), "batch_first=(False,)"),
    "batch_first=False": (
        calling(only_if(lambda config, x, h_0: config.batch_first or x.dim() < 3)),
        "batch_first=(True,)",
    ),
    "float64": (
        refusing(lambda config: config.dtype == torch.float64),
        "dtypes=(torch.float32, torch.float16, torch.bfloat16)",
    ),
    "float16 and bfloat16": (
        refusing(lambda config: config.dtype in DTYPES[2:]),
        "dtypes=(torch.float64, torch.float32)",
    ),
    "h_0": (calling(only_if(lambda config, x, h_0: h_0 is None)), "h_0=False"),
    "an unbatched x": (calling(only_if(lambda config, x, h_0: x.dim() == 3)), "unbatched=False"),
    "an empty batch": (calling(only_if(lambda config, x, h_0: x.numel())), "min_batch=1"),
    "gradients and second derivatives": (
        returning(lambda output, h_n: (output.detach(), h_n.detach())),
        "gradients=False, second_derivatives=False",
    ),
    "several layers and two directions": (
        refusing(lambda config: config.bidirectional or config.num_layers > 1),
        "bidirectional=False, max_layers=1",
    ),
}


@pytest.mark.parametrize("words", NEVER)
def test_a_claim_that_never_works(words: str) -> None:
    """It is named, with the claims that take it back; within these nothing is left to say."""
    build, claims = NEVER[words]
    look = first_look(implementation(build))
    assert not look.hopeless
    assert " and ".join(never.claim.words for never in look.never) == words
    assert in_source(look.capabilities) == f"Capabilities({claims})"
    assert lines(look)[0].startswith(f"claims {words}, which never work")
    assert lines(look)[-1].endswith(f": Capabilities({claims})")
    assert not lines(first_look(implementation(build, **eval(f"dict({claims})", {"torch": torch}))))  # noqa: S307


def module(config: Config, weights: Weights) -> Run:
    """A module with nn.RNN's parameter names."""
    network = torch.nn.RNN(**config.module_arguments(), dtype=config.dtype)
    network.load_state_dict(dict(weights))
    return network


def test_a_module_is_taken() -> None:
    """It names its parameters."""
    assert not first_look(implementation(module, dtypes=(torch.float64,))).never


def test_parameters_that_are_not_named() -> None:
    """What gradients go to is asked of them; only that is left out."""

    def build(config: Config, weights: Weights) -> Run:
        network: Any = module(config, weights)

        def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
            return network(x, h_0)

        run.parameters = network.parameters  # type: ignore[attr-defined]
        return run

    look = first_look(implementation(build, dtypes=(torch.float64,)))
    assert in_source(look.capabilities).startswith("Capabilities(gradients=False, second_derivatives=False")
    assert lines(look)[1].startswith("  with gradients and second derivatives: run.parameters should map")


def multiplying_elements(_: Config, weights: Weights) -> Run:
    """README's first example: right for one input and one hidden unit, and raises where sizes do not broadcast."""
    w_ih, w_hh = (weights[f"weight_{kind}_l0"].T for kind in ("ih", "hh"))

    def run(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
        h = x.new_zeros(1, 1) if h_0 is None else h_0[0]
        states = [h := torch.tanh(w_ih * x_t + h * w_hh) for x_t in x]
        return torch.stack(states), states[-1][None].clone()

    return run


#: Some of these calls raise, and no claim is to blame.
AT_TIMES = {
    "nn.RNN": torchs,
    "products element by element": multiplying_elements,
    "layers in two directions": refusing(lambda config: config.bidirectional and config.num_layers > 1),
    "two directions of several units": refusing(lambda config: config.bidirectional and config.hidden_size > 1),
    "relu of a long sequence": calling(
        only_if(lambda config, x, h_0: config.nonlinearity == "tanh" or x.shape[config.batch_first] < 5)
    ),
    "an h_0 that is not zero": calling(only_if(lambda config, x, h_0: h_0 is None or not h_0.any())),
    "a batch of one in the halves": calling(
        only_if(lambda config, x, h_0: config.dtype not in DTYPES[2:] or x.dim() == 2 or 1 not in x.shape)
    ),
    "wrong numbers": returning(lambda output, h_n: (output + 1, h_n)),
    "a network that prints": calling(lambda config, x, h_0: torch.set_default_dtype(torch.float64)),
}


@pytest.mark.parametrize("name", AT_TIMES)
def test_what_raises_at_times_is_left_to_the_properties(name: str) -> None:
    look = first_look(implementation(AT_TIMES[name]))
    assert not lines(look)
    assert look.capabilities == Capabilities()
    assert torch.get_default_dtype() == torch.float32


RETURNED: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "arrays": (lambda output, h_n: (np.ones(1), np.ones(1)), "returned (numpy.ndarray, numpy.ndarray)"),
    "three": (lambda output, h_n: (output, h_n, None), "returned (torch.Tensor, torch.Tensor, NoneType)"),
    "a list": (lambda output, h_n: [output, h_n], "returned [torch.Tensor, torch.Tensor]"),
    "one": (lambda output, h_n: (output,), "returned (torch.Tensor,)"),
    "output alone": (lambda output, h_n: output, "returned torch.Tensor"),
    "nothing": (lambda output, h_n: None, "returned NoneType"),
    "another device": (lambda output, h_n: (output.to("meta"), h_n), "output is a torch.strided tensor on meta"),
}


@pytest.mark.parametrize("name", RETURNED)
def test_no_call_returns_two_tensors(name: str) -> None:
    """There is nothing to judge; what is returned is told, and nothing about numbers."""
    made, says = RETURNED[name]
    look = first_look(implementation(returning(made)))
    assert look.hopeless
    assert says in lines(look)[0]
    assert len(lines(look)) == 2


MISSHAPEN: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "h_n without layers": (lambda output, h_n: (output, h_n[0]), "h_n has shape (2, 5), expected (1, 2, 5)"),
    "output of other axes": (lambda output, h_n: (output[None], h_n), "output has shape (1, 3, 2, 5)"),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_every_shape_is_wrong(name: str) -> None:
    """It is said on sizes that differ, and the properties go on: some shape may be named there."""
    made, says = MISSHAPEN[name]
    look = first_look(implementation(returning(made)))
    assert not look.hopeless
    assert says in lines(look)[0]


def test_no_network_can_be_called() -> None:
    look = first_look(implementation(lambda config, weights: None))  # type: ignore[arg-type, return-value]
    assert look.hopeless
    assert lines(look)[0] == "build(config, weights) returned None, expected a function run(x, h_0=None)"


def told(look: FirstLook) -> tuple[bool, list[str]]:
    return look.hopeless, lines(look)


def test_every_call_raises() -> None:
    """That is all there is to say, in a few lines: the error, its line, and how often."""
    hopeless, (first, place, source, often) = told(first_look(reported("misspelt")))
    assert hopeless
    assert first == "every call raises KeyError: 'weights_ih_l0'"
    assert place.endswith("misspelt.py:13: in run")
    assert source.strip() == 'h = torch.tanh(x_t @ weights["weights_ih_l0"].T + h)'
    assert re.fullmatch(r"  all \d\d small cases raise it, whatever the options: nothing else is judged", often)


def test_no_network_can_be_built() -> None:
    hopeless, (first, *_) = told(first_look(implementation(refusing(lambda config: True))))
    assert hopeless
    assert first == "building a network always raises NotImplementedError: no such network"


def test_calls_raise_in_several_ways() -> None:
    """The most frequent error comes first."""

    def deed(config: Config, *_: object) -> None:
        raise (KeyError("missing") if config.dtype == torch.float64 else ValueError("odd"))

    hopeless, (first, most, *others) = told(first_look(implementation(calling(deed))))
    assert hopeless
    assert first == "no call returns"
    assert most.endswith("ValueError: odd")
    assert any(line.endswith("KeyError: 'missing'") for line in others)


def test_a_first_try_in_numpy() -> None:
    """What is returned comes first, then what raises with its line, and what to claim instead."""
    hopeless, (first, _, claims, *rest) = told(first_look(reported("arrays")))
    assert hopeless
    assert first.startswith("run(x, h_0) returned (numpy.ndarray, numpy.ndarray), expected")
    assert claims == "  it also claims bias=False and bfloat16, which never work"
    assert rest[0] == "  with bias=False: KeyError: 'bias_ih_l0'"
    dtypes = "torch.float64, torch.float32, torch.float16"
    assert rest[-1] == f"  to claim the rest alone: Capabilities(biases=(True,), dtypes=({dtypes}))"


def test_many_errors_are_counted() -> None:
    """Four are told with their lines."""

    def deed(config: Config, _: torch.Tensor, h_0: torch.Tensor | None) -> None:
        asked = {
            "relu": config.nonlinearity == "relu",
            "layers": config.num_layers > 1,
            "directions": config.bidirectional,
            "bias": not config.bias,
            "state": h_0 is not None,
        }
        for number, (name, is_so) in enumerate(asked.items()):
            if is_so:
                raise (KeyError, ValueError, TypeError, IndexError, OSError)[number](name)

    said = lines(first_look(implementation(calling(deed))))
    assert "  and 1 more error with h_0" in said


def test_nothing_is_said_of_what_ends_its_process() -> None:
    """The first call that ends it is the last one."""

    def deed(*arguments: object) -> None:
        calls.append(arguments)
        raise TimedOut("calling the network took more than 1 s")

    calls: list[object] = []
    look = first_look(implementation(calling(deed)))
    assert not lines(look)
    assert not look.hopeless
    assert len(calls) == 1


def test_a_dear_one_is_called_twice() -> None:
    """Once plainly, and once with all that it claims."""
    look = first_look(implementation(torchs, per_shape=True))
    assert [seen.case.descriptor for seen in look.seen] == [
        "tanh T3 B2 I4 H5",
        "relu T3 B2 I4 H5 L2 bidirectional no-bias batch_first h_0",
    ]


def test_a_dear_one_with_a_known_defect_is_called_once() -> None:
    """What the defect hides is not looked at case by case: each costs a network."""
    defect = KnownDefect(
        name="layers", predicate=lambda case: case.config.num_layers > 1, reason="-", link="-", case=""
    )
    look = first_look(replace(implementation(torchs, per_shape=True), known_defects=(defect,)))
    assert [seen.case.descriptor for seen in look.seen] == ["tanh T3 B2 I4 H5"]
    assert not lines(look)


def test_a_dear_one_that_never_takes_something() -> None:
    look = first_look(implementation(refusing(lambda config: config.bidirectional), per_shape=True))
    assert in_source(look.capabilities) == "Capabilities(bidirectional=False, per_shape=True)"


def test_few_claims() -> None:
    """Only what is claimed is asked for, within the sizes that are."""
    claims = {"max_layers": 1, "max_steps": 1, "min_batch": 3, "max_hidden_size": 2, "batch_first": (True,)}
    look = first_look(implementation(torchs, bidirectional=False, unbatched=False, **claims))
    assert not lines(look)
    assert all(not Capabilities(**claims).objections(seen.case) for seen in look.seen)


def test_axes_that_a_class_does_not_look_at() -> None:
    """An unbatched x, of which results have another shape, is not asked for where nobody has claimed it."""

    def build(config: Config, weights: Weights) -> Run:
        run = torchs(config, weights)

        def other(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
            output, h_n = run(x, h_0)
            return (output[:, None], h_n[:, None]) if x.dim() == 2 else (output, h_n)

        return other

    claimed = implementation(build)
    assert not first_look(claimed).never
    (never,) = first_look(replace(claimed, unclaimed=True)).never
    assert never.claim.words == "an unbatched x"
    assert not first_look(replace(claimed, unclaimed=True)).capabilities.unbatched


def test_claims_of_lengths_are_looked_at() -> None:
    """Both ways of handing them over."""
    look = first_look(implementation(torchs, lengths=("packed", "padded")))
    assert [never.claim.words for never in look.never] == ["padded lengths"]
    assert look.capabilities == Capabilities(lengths=("packed",))


def test_every_claim_has_words_of_its_own() -> None:
    assert len({claim.words for claim in CLAIMS}) == len(CLAIMS)
