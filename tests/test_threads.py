"""Threads: one network, called from several threads at once."""

from impls import Capabilities
from strategies import Case, cases
from tests.judge import Trial, at_once, companion, judged, own_process


def claims_threads(capabilities: Capabilities) -> str:
    """Why an implementation is not called from several threads; empty where it is."""
    return own_process(capabilities) or ("" if capabilities.threads else "claims no calls from several threads at once")


@judged(cases, group="state", exempts=claims_threads)
def test_threads(trial: Trial, case: Case) -> None:
    """Calls that overlap in time do not disturb each other.

    Not judged here: gradients and lengths, for the price of every call made again beside others; two networks at
    once (`calls` interleaves two).
    """
    other = companion(case)
    with_other_input = case.with_arrays(x=other.x, **({} if other.h_0 is None else {"h_0": other.h_0}))
    at_once(trial.build(case), [asked for asked in (case, with_other_input) if trial.takes(asked)])
