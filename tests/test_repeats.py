"""Repeats: the same call gives the same bits."""

from strategies import Case, cases_with_or_without_lengths
from tests.judge import Trial, judged, same_bits


@judged(cases_with_or_without_lengths, group="state")
def test_repeats(trial: Trial, case: Case) -> None:
    """Two networks of the same parameters, each called twice: the results are the same, bit for bit.

    Not judged here: gradients, whose sums each call may take in another order; threads, which `threads` compares
    bit for bit.
    """
    networks = [trial.build(case) for _ in range(2)]
    first, *others = [network.call(case) for network in networks for _ in range(2)]
    for other in others:
        for name, one, two in zip(("output", "h_n"), first, other, strict=True):
            same_bits(f"{name} of one call and of the same call again", one, two)
