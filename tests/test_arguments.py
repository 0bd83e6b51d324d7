"""Arguments: parameters, input and initial state are as they were after building and calling."""

from strategies import Case, cases
from strategies.case import MEMORY
from tests.judge import Trial, judged, same_mapping, snapshot, unchanged


@judged(lambda capabilities: cases(capabilities, memory=tuple(MEMORY)))
def test_arguments(trial: Trial, case: Case) -> None:
    """Building and calling change nothing in the memory of what was handed over."""
    weights, x, h_0 = case.tensors()
    arguments = {**weights, "x": x} | ({} if h_0 is None else {"h_0": h_0})
    before = snapshot(arguments)
    network = trial.build_from(case, weights)
    unchanged("building a network", before, arguments)
    same_mapping("building a network", weights, arguments)
    for _ in range(2):
        network.call_with(x, h_0)
        unchanged("calling the network", before, arguments)
