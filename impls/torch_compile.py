"""torch.compile: nn.RNN, which it takes to pieces, and a loop written out.

What is compiled is a function of the parameters, so that networks of one shape share it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import torch
from torch.func import functional_call
from torch.nn.functional import linear

from rnn_parity.contract import Capabilities, Config, KnownDefect, Run, Weights
from rnn_parity.registry import register
from rnn_parity.scripts import template
from rnn_parity.toolkit.layers import Optional, Scan, run_scans

Network: TypeAlias = Callable[[dict[str, torch.Tensor], torch.Tensor, Optional], Any]
#: Each shape and way to lie in memory is compiled once in a process, which takes seconds.
#: Twice it cannot be differentiated: "torch.compile with aot_autograd does not currently support double backward".
ABLE = Capabilities(per_shape=True, several_shapes=False, second_derivatives=False, threads=False)


def network_of(config: Config) -> Network:
    """Return nn.RNN as a function of its parameters, an input and an initial state."""
    network = torch.nn.RNN(**config.module_arguments(), device="meta")
    return lambda weights, x, h_0: functional_call(network, weights, (x, h_0))


def loop_of(config: Config) -> Network:
    """Return the recurrence written out, as such a function."""
    activation = {"tanh": torch.tanh, "relu": torch.relu}[config.nonlinearity]

    def scan_of(weights: dict[str, torch.Tensor], suffix: str) -> Scan:
        W_ih, W_hh = weights[f"weight_ih_{suffix}"], weights[f"weight_hh_{suffix}"]
        b_ih, b_hh = weights.get(f"bias_ih_{suffix}"), weights.get(f"bias_hh_{suffix}")

        def scan(x: torch.Tensor, h_0: Optional) -> torch.Tensor:
            h = x.new_zeros(x.shape[1], config.hidden_size) if h_0 is None else h_0
            states = []
            for x_t in x:
                h = activation(linear(x_t, W_ih, b_ih) + linear(h, W_hh, b_hh))
                states.append(h)
            return torch.stack(states)

        return scan

    return lambda weights, x, h_0: run_scans(config, [scan_of(weights, suffix) for suffix in config.suffixes()])(x, h_0)


@cache
def _compiled(function_of: Callable[[Config], Network], config: Config) -> Network:
    import torch._dynamo
    import torch._functorch.config

    torch._dynamo.config.allow_rnn = True
    # As many shapes as come; it would fall back, in silence, to what is not compiled.
    torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 2**30
    # Whoever runs back twice through one graph has to ask for this.
    torch._functorch.config.donated_buffer = False
    return torch.compile(function_of(config), dynamic=False, fullgraph=True)


#: What Inductor does with output and h_n where they hold the same numbers.
SHARED_RESULTS = KnownDefect(
    name="results-share-memory",
    predicate=lambda case: len(case.config.suffixes()) == 1,
    reason="compiled, h_n of one layer is a view of output: writing to one changes the other, which eager keeps apart",
    link="https://github.com/pytorch/pytorch/pull/134726 (related; not reported of nn.RNN as of 2.13.0)",
    case="memory-afb6f63c8018.json",
    properties=("memory",),
)


def _register(name: str, function_of: Callable[[Config], Network], script: str = "") -> None:
    def build(config: Config, weights: Weights) -> Run:
        compiled = _compiled(function_of, config)

        def run(x: torch.Tensor, h_0: Optional = None) -> Any:
            return compiled(dict(weights), x, h_0)

        return run

    register(
        name,
        build,
        capabilities=ABLE,
        known_defects=(SHARED_RESULTS,),
        group="compiled",
        cases=20,
        programs=("g++",),
        script=script,
    )


_register("nn.rnn-compile", network_of, template("torch_compile"))
_register("linear-compile", loop_of)
