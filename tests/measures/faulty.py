"""A file for `--impl`: nn.RNN, but on one input in 300 it does one of `suite.planted.deeds`, and says so before.

Where it says so: a line "IMPLEMENTATION PROPERTY" in the file that RNN_PARITY_DEEDS names.
"""

from __future__ import annotations

import multiprocessing
import os
import zlib
from typing import Any

import torch

from rnn_parity import Capabilities, register
from rnn_parity.registry import module_build
from rnn_parity.tests.suite.planted.deeds import DEEDS

ONE_IN = 300
#: What is seen by every property.
SEEN = (
    *("segfaults", "aborts", "leaves", "hangs", "devours", "raises-own", "raises-exit", "raises-interrupt"),
    *("sets-dtype", "sets-threads", "sets-errstate", "flushes", "rounds-up", "moves"),
)


def faulty(deed: str) -> Any:
    """A build that does a deed now and then."""

    def build(config: Any, weights: Any) -> Any:
        run = module_build(torch.nn.RNN)(config, weights)

        def call(x: torch.Tensor, h_0: torch.Tensor | None = None) -> Any:
            result = run(x, h_0)
            if zlib.crc32(x.detach().contiguous().view(torch.uint8).numpy().tobytes()) % ONE_IN == 0:
                _say(deed)
                DEEDS[deed](x)
            return result

        return call

    return build


def _say(deed: str) -> None:
    if multiprocessing.parent_process() is not None:
        return  # In a process of its own nobody knows which property asks.
    judged = os.environ.get("PYTEST_CURRENT_TEST", "").partition("::test_")[2].partition("[")[0]
    with open(os.environ["RNN_PARITY_DEEDS"], "a", encoding="utf-8") as file:  # noqa: PTH123, in one write
        file.write(f"sometimes-{deed} {judged}\n")


for name in SEEN:
    register(f"sometimes-{name}", faulty(name), capabilities=Capabilities(gradients=False))
