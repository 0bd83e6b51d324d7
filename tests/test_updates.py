"""Updates: parameters that change between calls."""

from hypothesis import strategies as st

from impls import Capabilities
from strategies import Case, cases, cases_with_cotangents
from tests.judge import Trial, follows_its_parameters, judged


def numbers(capabilities: Capabilities) -> st.SearchStrategy[Case]:
    """Any dtype, and half of the time to be differentiated, where that is claimed."""
    plain = cases(capabilities, special=False)
    return st.one_of(plain, cases_with_cotangents(capabilities)) if capabilities.gradients else plain


@judged(numbers, group="state")
def test_updates(trial: Trial, case: Case) -> None:
    """The network is what its parameters are now, by whatever route they came; a copy of them stays as it was made.

    Not judged here: NaN and infinity, lengths, other memory and threads: a stale copy shows in the plainest call.
    """
    follows_its_parameters(trial, case)
