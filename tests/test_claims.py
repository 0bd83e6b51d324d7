"""Claims: what capabilities do not claim is refused with an error, or right; never silently wrong."""

from strategies import Case, cases_beyond
from strategies.drawing.beyond import claims_everything
from tests.judge import Disagreement, Trial, judged


@judged(
    cases_beyond,
    group="arguments",
    exempts=lambda capabilities: "claims everything" if claims_everything(capabilities) else "",
    admits=lambda trial, case: not trial.takes(case) and not trial.defects(case),
    reshapes=True,
)
def test_claims(trial: Trial, case: Case) -> None:
    """What is not claimed raises an error or is right (what is claimed and does not work fails elsewhere).

    Not judged here: second derivatives where they are not claimed; threads, which are claimed for all calls or
    for none.
    """
    try:
        trial.agrees(case)
    except Disagreement as disagreement:
        if not disagreement.kind.startswith("raises"):
            raise
