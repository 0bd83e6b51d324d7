"""Modules: copied, pickled, saved and loaded."""

from strategies import Case, cases
from tests.judge import Trial, claims_module, judged, survives_copying


@judged(cases, group="torch", exempts=claims_module)
def test_modules(trial: Trial, case: Case) -> None:
    """A copy by state_dict, deepcopy or pickle computes the same, and shares nothing with the module.

    Not judged here: gradients and lengths, which a copy that computes the same has from the same code.
    """
    survives_copying(trial, case)
