"""Wrong calls: refused with an error, after which the network still works."""

from __future__ import annotations

from dataclasses import replace

import torch

from rnn_parity.strategies import Case
from rnn_parity.strategies.drawing.misuse import misuse_of
from rnn_parity.tests.judge.trial.lengths import in_parts
from rnn_parity.tests.judge.trial.trial import Network, Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement, Result, as_result, judge, tensors_in


def admits_misuse(trial: Trial, case: Case) -> bool:
    """Return whether a case makes a wrong call, and is otherwise inside the claims."""
    return bool(case.misuse) and misuse_of(case).applies(case) and trial.takes(case)


_REFUSED = object()


def refuses(trial: Trial, case: Case) -> None:
    """Make the wrong call, and then the right one.

    Raises:
        Disagreement: it was taken without being claimed, or claimed and not right, or the network works no more.
    """
    network = trial.build(case)
    returned = _call_wrongly(network, case)
    if returned is not _REFUSED:
        if case.misuse not in trial.capabilities.accepts:
            raise Disagreement(
                f"accepts {case.misuse}",
                f"takes {misuse_of(case).says}, which nn.{case.config.kind.module} refuses, "
                f"and returns {_said(returned, case)}",
            )
        means = misuse_of(case).means(case)
        judge(means, _in_dtype(means, as_result(returned, case.config.kind)), trial.expected(means))
    for right in (replace(case, h_0=None), case):
        # A known defect may be met without h_0.
        if right is case or trial.takes(right):
            network.agrees(right)


def refuses_misuse(trial: Trial, case: Case) -> bool:
    """Return whether the wrong call alone is refused."""
    return _call_wrongly(trial.build(case), case) is _REFUSED


def _call_wrongly(network: Network, case: Case) -> object:
    """Return what the wrong call returned, or `_REFUSED`, as None can be returned, too."""
    _, x, h_0 = case.tensors()
    lengths = None if case.lengths is None else torch.tensor(case.lengths)
    arguments = list(misuse_of(case).spoil(case, (x, in_parts(case.config, h_0), lengths)))
    while arguments[-1] is None:
        arguments.pop()
    try:
        with torch.no_grad():
            return network.call_raw(*arguments)
    except Disagreement as disagreement:
        if not disagreement.kind.startswith("raises"):
            raise  # To take the process down is not to refuse.
        return _REFUSED


def _in_dtype(case: Case, result: Result) -> Result:
    """Results of another floating point dtype, which such a call may ask for, in the case's."""
    return Result(*(part.to(case.config.dtype) if part.is_floating_point() else part for part in result))


def _said(returned: object, case: Case) -> str:
    try:
        found = tensors_in(returned, case.config.kind)
    except Disagreement:
        return type(returned).__name__
    return " and ".join(f"{name} of shape {tuple(part.shape)}" for name, part in found.items())
