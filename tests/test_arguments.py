"""Arguments: parameters, input and initial state are as they were after building, calling and differentiating."""

from rnn_parity.strategies import MEMORY, Case, cases_with_or_without_cotangents
from rnn_parity.tests.judge import Disagreement, Trial, judged, same_mapping, snapshot, unchanged
from rnn_parity.tests.judge.trial.gradients import Asked, ask


@judged(lambda capabilities: cases_with_or_without_cotangents(capabilities, memory=tuple(MEMORY)), group="arguments")
def test_arguments(trial: Trial, case: Case) -> None:
    """Building, calling and differentiating change nothing in the memory of what was handed over.

    Not judged here: sequences with lengths, of which the packed data is a copy; threads (`threads`).
    """
    asked = Asked(*case.tensors())
    arguments = asked.arguments()
    before = snapshot(arguments)
    network = trial.build_from(case, asked.weights)
    unchanged("building a network", before, arguments)
    same_mapping("building a network", asked.weights, arguments)
    for _ in range(2):
        network.tensors_on(asked.x, asked.h_0)
        unchanged("calling the network", before, arguments)
    if case.has_cotangents:
        asked = ask(case)
        arguments = asked.arguments()
        before = snapshot(arguments)
        network = trial.build_from(case, asked.weights)
        try:
            trial.run_back(case, [network.call_on(case, asked.x, asked.h_0)])
        except Disagreement as disagreement:
            # As torch does where somebody writes into what asks for gradients: that is for `gradients` to tell.
            if not disagreement.kind.startswith("raises"):
                raise
        unchanged("differentiating", before, arguments)
