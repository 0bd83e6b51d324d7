"""Memory: results are the caller's own."""

from rnn_parity.strategies import Case, cases
from rnn_parity.tests.judge import Trial, companion, judged, own_process, same_bits, share_nothing


@judged(cases, group="process", exempts=own_process)
def test_memory(trial: Trial, case: Case) -> None:
    """Results share no memory with the arguments, with each other or with the next call's, and survive that call.

    Not judged here: tracking, where what is kept for the way back is shared on purpose; lengths, whose results
    are padded copies.
    """
    weights, x, h_0 = case.tensors()
    network = trial.build_from(case, weights)
    first = network.tensors_on(x, h_0)
    kept = {name: part.clone() for name, part in first.items()}
    same, other = network.tensors_on(x, h_0), network.tensors_on(*companion(case).tensors()[1:])
    results = {
        f"{which}{name}": part
        for which, found in (("", first), ("the same call's second ", same), ("the next call's ", other))
        for name, part in found.items()
    }
    share_nothing(results, {**weights, "x": x} | ({} if h_0 is None else {"h_0": h_0}))
    for name, before in kept.items():
        same_bits(f"{name} before and after the next call", before, first[name])
