"""Every planted bug is caught within the default number of cases, and comes out minimal."""

import math
from zlib import crc32

import pytest

from rnn_parity.strategies.shrinking.complexity import complexity
from rnn_parity.strategies.shrinking.reduce import steps
from rnn_parity.tests.judge import Disagreement, Trial
from rnn_parity.tests.judge.diagnosis import Evidence, evidence, solve, solving
from rnn_parity.tests.judge.reduction import counterexample
from rnn_parity.tests.judge.reduction.counterexample import find_minimal, verdict_on
from rnn_parity.tests.suite.planted import BUGS, HONEST, Bug, Honest
from rnn_parity.tests.suite.planted.minimal import MINIMAL
from rnn_parity.tests.suite.planted.named import NAMED
from rnn_parity.tests.suite.planted.trying import PROPERTIES, hunt, implementation, simpler_by_brute_force

# What an implementation warns of is its own business; what it returns is judged.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out, and what a bug is called, must not hang on how fast a machine is."""
    monkeypatch.setattr(counterexample, "PATIENCE", math.inf)
    monkeypatch.setattr(evidence, "SECONDS", math.inf)
    monkeypatch.setattr(solving, "SECONDS", math.inf)


#: Bugs that show by chance, or by the number of calls made before: that they are caught is all that can be asked.
BY_CHANCE = {"sums-split-anew", "dropout-left-on", "state-in-self", "input-in-self", "state-in-class"}
#: Properties with a bound of their own, on which more cases of honest variants are tried.
BOUNDED = {
    *("agreement", "autocast", "backward", "gradients", "laws", "length_gradients", "lengths", "second_derivatives"),
    "special",
}
#: The most numbers in a case for which every case of zeros and ones is tried.
EXHAUSTIVE = 5


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_is_caught_from_any_seed(bug: Bug, seed: int) -> None:
    """The property that a bug is meant for finds it within the default number of cases."""
    found = hunt(PROPERTIES[bug.property], implementation(bug), seed, shrink=False)
    assert isinstance(found, Disagreement), f"{bug}, {bug.words()!r}, passes {bug.property}"


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name not in BY_CHANCE], ids=str)
def test_comes_out_minimal_and_by_name(bug: Bug) -> None:
    """The counterexample is no larger than the one on record, 1-minimal, and the smallest where all can be tried.

    The bug is called what is on record. Where that is nothing, no name is stated as certain, which takes
    longest to see: a quarter of those is tried here, and all by `rnn_parity.tests.measures.diagnosing`.
    """
    judged, found = PROPERTIES[bug.property], implementation(bug)
    disagreement = hunt(judged, found, 0, shrink=True)
    assert isinstance(disagreement, Disagreement)
    minimal = find_minimal(judged, found, disagreement)
    case, trial = minimal.case, Trial(found)
    descriptor, numbers, nonzeros = MINIMAL[bug.name]

    assert complexity(case)[1:3] <= (numbers, nonzeros), f"{case} is larger than {descriptor}"
    for step in steps(case):
        if complexity(step) < complexity(case) and judged.admits(trial, step):
            again = verdict_on(judged, found, step)
            assert again is None or again.kind != minimal.disagreement.kind, f"{case} is not minimal: {step}"
    assert simpler_by_brute_force(minimal, EXHAUSTIVE) is None

    if NAMED[bug.name] is None and crc32(bug.name.encode()) % 4:
        return
    diagnosis = solve(Evidence(minimal))
    assert (diagnosis.names[0] if diagnosis.certain else None) == NAMED[bug.name], f"{bug.words()} {diagnosis}"


def test_every_bug_is_on_record() -> None:
    """The tables of minimal cases and of names have a row for every bug, and no other."""
    assert set(MINIMAL) == set(NAMED) == {bug.name for bug in BUGS}


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        (variant, name)
        for variant in HONEST
        for name, judged in PROPERTIES.items()
        if not judged.exempts(variant.capabilities)
    ],
    ids=str,
)
def test_honest_variants_are_never_accused(variant: Honest, name: str) -> None:
    """Other orders, formulas and places to round are inside the bounds."""
    cases = 60 if name in BOUNDED else 20
    verdict = hunt(PROPERTIES[name], implementation(variant), 0, shrink=False, cases=cases)
    if isinstance(verdict, Disagreement):
        raise verdict
    assert verdict.tally.cases == cases
