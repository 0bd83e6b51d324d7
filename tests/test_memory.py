"""Memory: results are the caller's own."""

from strategies import Case, cases
from tests.judge import Trial, companion, judged, own_process, same_bits, share_nothing


@judged(cases, group="process", exempts=own_process)
def test_memory(trial: Trial, case: Case) -> None:
    """Results share no memory with the arguments, with each other or with the next call's, and survive that call.

    Not judged here: tracking, where what is kept for the way back is shared on purpose; lengths, whose results
    are padded copies.
    """
    weights, x, h_0 = case.tensors()
    network = trial.build_from(case, weights)
    first = network.call_with(x, h_0)
    kept = first.output.clone(), first.h_n.clone()
    same, other = network.call_with(x, h_0), network.call_with(*companion(case).tensors()[1:])
    results = {
        f"{which}{name}": getattr(result, name)
        for which, result in (("", first), ("the same call's second ", same), ("the next call's ", other))
        for name in ("output", "h_n")
    }
    share_nothing(results, {**weights, "x": x} | ({} if h_0 is None else {"h_0": h_0}))
    for name, before, after in zip(("output", "h_n"), kept, first, strict=True):
        same_bits(f"{name} before and after the next call", before, after)
