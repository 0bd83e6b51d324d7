"""Modes: torch's global settings under which networks are built and called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from rnn_parity.contract import Capabilities
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result

Mode = Callable[[], AbstractContextManager[object]]


@contextmanager
def _default_dtype() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


#: Settings that change nothing, in words.
MODES: dict[str, Mode] = {
    "torch.no_grad": torch.no_grad,
    "torch.inference_mode": torch.inference_mode,
    "torch.enable_grad": torch.enable_grad,
    "float64 as the default dtype": _default_dtype,
}


def unmoved_by_modes(trial: Trial, case: Case) -> None:
    """Call first inside of each mode and then outside of it, and build and call inside."""
    for name, mode in MODES.items():
        network = trial.build(case)
        with mode():
            _agrees(f"called under {name}", network, case)
            _agrees(f"built and called under {name}", trial.build(case), case)
        with torch.no_grad():
            _agrees(f"called first under {name}, then without it", network, case)


def _agrees(when: str, network: Network, case: Case) -> None:
    result = network.call_on(case, *case.tensors()[1:])
    try:
        network.trial.judge(case, result, network.trial.expected(case))
    except Disagreement as found:
        raise Disagreement(f"{when}: {found.kind}", f"{when}, {found.text}", **found.details) from found


def claims_autocast(capabilities: Capabilities) -> str:
    """Return why `autocast` does not ask an implementation; empty where it does."""
    if capabilities.own_process:
        return "runs in a separate process, which torch.autocast does not reach"
    return "" if capabilities.autocast else "claims no autocast"


def agrees_under_autocast(trial: Trial, case: Case) -> None:
    """Run a bfloat16 case in float32 under torch.autocast: within the bounds of bfloat16, in either dtype."""
    network = trial.build(case.with_config(dtype=torch.float32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = network.call(case.with_config(dtype=torch.float32))
    wide = [part.dtype for part in result if part.dtype not in (torch.float32, torch.bfloat16)]
    if wide:
        raise Disagreement("dtype", f"under autocast a result is {wide[0]}, expected bfloat16 or float32")
    trial.judge(case, Result(*(part.to(torch.bfloat16) for part in result)), trial.expected(case))
