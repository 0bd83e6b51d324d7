"""What a case costs the suite itself, CPU time, beside the bare Hypothesis loop, in one run.

python -m rnn_parity.tests.measures.cost [CASES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from rnn_parity import implementation
from rnn_parity.reference.backward import gradients
from rnn_parity.reference.forward import forward
from rnn_parity.strategies import Case, cases, cases_with_cotangents
from rnn_parity.tests.judge import Trial
from rnn_parity.tests.judge.trial.verdict import judge
from rnn_parity.tests.measures.drawing import for_each

_ROUNDS = 3


def cpu(strategy: st.SearchStrategy[Any], count: int, visit: Callable[[Any], None]) -> float:
    """Milliseconds of CPU a case: the best of some rounds, as noise only adds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for_each(strategy, count, visit)
        best = min(best, time.process_time() - start)
    return best / count * 1e3


def main() -> None:
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    trial = Trial(implementation("nn.rnn"))
    inside = 0.0

    def reference(case: Case) -> None:
        forward(case)

    def tensors_too(case: Case) -> None:
        forward(case)
        case.tensors()

    def all_of_it(case: Case) -> None:
        nonlocal inside
        start = time.process_time()
        result = trial.build(case).call(case)
        inside += time.process_time() - start
        judge(case, result, trial.expected(case))

    def nothing(value: object) -> None:
        pass

    bare = cpu(st.integers(), count, nothing)
    drawing = cpu(cases(), count, nothing)
    with_reference = cpu(cases(), count, reference)
    with_tensors = cpu(cases(), count, tensors_too)
    whole = cpu(cases(), count, all_of_it)
    implementation_part = inside / count / _ROUNDS * 1e3 - (with_tensors - with_reference)
    own = whole - implementation_part
    print(f"CPU a case, {count} cases of the default distribution, best of {_ROUNDS}")
    print(f"  bare Hypothesis loop, one integer     {bare:.3f} ms")
    print(f"  drawing a case                        {drawing:.3f} ms, {drawing / bare:.1f} times the bare loop")
    print(f"  + reference with its bounds           {with_reference - drawing:.3f} ms")
    print(f"  + tensors for the implementation      {with_tensors - with_reference:.3f} ms")
    print(f"  + comparing                           {own - with_tensors:.3f} ms")
    print(f"  the suite's own work                  {own:.3f} ms, {own / bare:.1f} times the bare loop")
    print(f"  nn.RNN: building and calling          {implementation_part:.3f} ms")
    gradients_beside_forward(count)


def gradients_beside_forward(count: int) -> None:
    """What the reference costs with gradients, the way forward included, and without, on the same cases."""

    def nothing(case: Case) -> None:
        pass

    def forwards(case: Case) -> None:
        forward(case)

    def back(case: Case) -> None:
        gradients(case)

    drawing, one, both = (cpu(cases_with_cotangents(), count, visit) for visit in (nothing, forwards, back))
    print("with cotangents")
    print(f"  drawing a case                        {drawing:.3f} ms")
    print(f"  reference with its bounds             {one - drawing:.3f} ms")
    ratio = (both - drawing) / (one - drawing)
    print(f"  reference with gradients              {both - drawing:.3f} ms, {ratio:.1f} times the one without")


if __name__ == "__main__":
    main()
