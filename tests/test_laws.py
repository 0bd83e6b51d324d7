"""Laws: what must not change where a case is split, merged, permuted, scaled or embedded."""

from strategies import Case, cases
from tests.judge import Trial, judged, obeys_laws


@judged(cases, group="results", reshapes=True)
def test_laws(trial: Trial, case: Case) -> None:
    """Results that are got another way are the same within twice the proven radius, whatever the reference says.

    Not judged here: gradients (which have bounds of their own, in `gradients`), lengths (`lengths`), threads
    (`threads`).
    """
    obeys_laws(trial, case)
