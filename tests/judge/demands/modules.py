"""Modules of torch: what survives copying, saving and loading, and what dropout does."""

from __future__ import annotations

import copy
import io
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch.nn import Module

from rnn_parity import Capabilities, Config
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result, as_result


def claims_module(capabilities: Capabilities) -> str:
    """Return why properties of modules do not ask an implementation; empty where they do."""
    if capabilities.own_process:
        return "runs in a separate process, where its module is out of reach"
    return "" if capabilities.module else "is no torch.nn.Module"


def claims_dropout(capabilities: Capabilities) -> str:
    """Return why `dropout` does not ask an implementation; empty where it does."""
    if "rnn" not in capabilities.cells:
        return "is judged for nn.RNN's cell alone"
    return claims_module(capabilities) or ("" if capabilities.dropout else "claims no dropout")


# Copies


def _made_anew(module: Module, config: Config) -> Module:
    return type(module)(**config.module_arguments()).to(config.dtype).eval()


def _state_dict(module: Module, config: Config) -> Module:
    copied = _made_anew(module, config)
    copied.load_state_dict(module.state_dict())
    return copied


def _file(module: Module, config: Config) -> Module:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    copied = _made_anew(module, config)
    copied.load_state_dict(torch.load(file, weights_only=True))
    return copied


def _pickled(module: Module, _config: Config) -> Module:
    copied: Module = pickle.loads(pickle.dumps(module))
    return copied


def _through_float64(module: Module, config: Config) -> Module:
    return copy.deepcopy(module).to(torch.float64).to(config.dtype)


#: Ways to get another module that computes the same, in words.
COPIES: dict[str, Callable[[Module, Config], Module]] = {
    "its state_dict loaded into a new one": _state_dict,
    "its state_dict saved to a file and loaded from it": _file,
    "copy.deepcopy": lambda module, config: copy.deepcopy(module),
    "pickling": _pickled,
    "train() and eval()": lambda module, config: copy.deepcopy(module).train().eval(),
    "conversion to float64 and back": _through_float64,
}


def survives_copying(trial: Trial, case: Case) -> None:
    """Every copy agrees, and what happens to a copy does not happen to the module.

    A class that cannot be imported under its name, as one in a file of --impl, cannot be pickled, and is not.
    """
    network = trial.build(case)
    module: Module = network.run.module  # type: ignore[attr-defined]
    for how, make in COPIES.items():
        if make is _pickled and not _importable(type(module)):
            continue
        with named(f"after {how}, "):
            copied = trial._timed(how, make, module, case.config)
            Network(trial, copied, case.config).agrees(case)
            with torch.no_grad():
                for parameter in copied.parameters():
                    parameter.fill_(7.0)
        with named(f"after a copy by {how} was changed, the original: "):
            network.agrees(case)


def _importable(kind: type) -> bool:
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


@contextmanager
def named(words: str) -> Iterator[None]:
    """Add to a disagreement what led to it."""
    try:
        yield
    except Disagreement as found:
        raise Disagreement(f"{words}{found.kind}", f"{words}{found.text}", **found.details) from found


# Dropout

#: A probe: identity weights, so that what the upper layer puts out is what dropout left of ones.
_PROBE = {"steps": 4, "rows": 3, "hidden": 5, "calls": 10}
#: Probability that a correct dropout is accused by one probe.
FALSE_ALARM = 1e-9


def drops_out(trial: Trial, case: Case) -> None:
    """Demand that dropout in training changes nothing at 0, leaves upper layers nothing at 1, and else their share."""
    config = case.config
    with named("in training with dropout 0, "):
        _training(trial, case, 0.0).agrees(case)
    nothing = {name: 0 * array for name, array in case.weights.items() if "weight_ih_l" in name and "_l0" not in name}
    with named("in training with dropout 1, "):
        result = _training(trial, case, 1.0).call(case)
        trial.judge(case, result, trial.expected(case.with_arrays(**nothing)))
    if config.num_layers > 1:
        probability = config.dropout or 0.75
        with named(f"in training with dropout {probability:g}, "):
            _probe(trial, config, probability)


def _training(trial: Trial, case: Case, dropout: float) -> Network:
    layered = dropout if case.config.num_layers > 1 else 0.0
    network = trial.build(case.with_config(dropout=layered))
    module: Module = network.run.module  # type: ignore[attr-defined]
    return Network(trial, module.train(), case.config)


def _probe(trial: Trial, config: Config, probability: float) -> None:
    """Watch what dropout does to ones between two layers, over some calls from a seed of their own."""
    size = _PROBE["hidden"]
    probed = replace(
        config, input_size=1, hidden_size=size, num_layers=2, nonlinearity="relu", bias=False, dropout=probability
    )
    weights = {name: torch.zeros(shape, dtype=config.dtype) for name, shape in probed.parameter_shapes().items()}
    for name, weight in weights.items():
        if name.startswith("weight_ih"):
            weight.copy_(torch.ones_like(weight) if "_l0" in name else torch.eye(*weight.shape))
    module: Module = trial.implementation.build(probed, weights).module.train()  # type: ignore[attr-defined]
    sizes = (_PROBE["rows"], _PROBE["steps"]) if config.batch_first else (_PROBE["steps"], _PROBE["rows"])
    x = torch.ones(*sizes, 1, dtype=config.dtype)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        results = [as_result(trial._timed("calling the network", module, x)) for _ in range(_PROBE["calls"])]
    for result in results:
        _look_at(result, probed)
    outputs = torch.stack([_time_major(result, probed)[..., :size] for result in results])
    kept = outputs[outputs != 0]
    wrong = (kept - 1 / (1 - probability)).abs() > 8 * torch.finfo(config.dtype).eps
    if wrong.any():
        raise Disagreement("scale", f"what is kept is {kept[wrong][0].item():g} times what it was, not 1 / (1 - p)")
    share, count = (outputs == 0).double().mean().item(), outputs.numel()
    # Hoeffding: P(|share - p| >= t) <= 2 exp(-2 n t^2).
    allowed = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * count))
    if abs(share - probability) > allowed:
        raise Disagreement(
            "share", f"{share:.3f} of {count} elements are dropped, expected {probability:g} +- {allowed:.3f}"
        )
    _must_differ("time steps", outputs.unbind(1))
    _must_differ("rows", outputs.unbind(2))
    _must_differ("hidden units", outputs.unbind(3))
    _must_differ("calls", outputs.unbind(0))


def _look_at(result: Result, config: Config) -> None:
    """Demand that neither the input nor the outputs of the last layer are dropped."""
    rows = config.num_directions
    if not bool((result.h_n[:rows] == 1).all()):
        raise Disagreement("first layer", "the first layer's final state is not what it is in evaluation")
    last = _time_major(result, config)[-1, :, : config.hidden_size]
    if not torch.equal(last, result.h_n[rows]):
        raise Disagreement("last layer", "the last layer's final state and its output at the last step differ")


def _must_differ(axis: str, parts: tuple[torch.Tensor, ...]) -> None:
    if all(torch.equal(part, parts[0]) for part in parts[1:]):
        raise Disagreement("mask", f"the same elements are dropped at all {axis}")


def _time_major(result: Result, config: Config) -> torch.Tensor:
    return result.output.transpose(0, 1) if config.batch_first else result.output
