"""What makes a test function a property: the cases it wants, and a name under which it can be replayed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis.strategies import SearchStrategy

from rnn_parity import Capabilities
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.base.groups import ARCHIVED, GROUPS
from rnn_parity.tests.judge.base.places import TESTS
from rnn_parity.tests.judge.trial.trial import Trial

Check: TypeAlias = Callable[[Trial, Case], None]
#: Shapes that are drawn from where each case makes others of it.
FEW_SHAPES = 3
#: Every property whose file has been imported, by name.
PROPERTIES: dict[str, Property] = {}


def load_properties() -> dict[str, Property]:
    """Every property of the suite: importing its file registers it."""
    for path in sorted(TESTS.glob("test_*.py")):
        importlib.import_module(f"rnn_parity.tests.{path.stem}")
    return PROPERTIES


def group_of(name: str) -> str:
    """Return the group of a property, by its name; empty for the archive, whose cases are each of another."""
    if name not in PROPERTIES:
        load_properties()
    return PROPERTIES[name].group if name in PROPERTIES else ""


def in_groups(names: Iterable[str]) -> list[str]:
    """Sort names of properties in the order of their groups, the archive last."""
    order = [*GROUPS, ""]
    return sorted(names, key=lambda name: (order.index(group_of(name)), name))


def under_titles(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return names that are sorted so under the titles of their groups."""
    titles = {name: GROUPS[group].title if (group := group_of(name)) else ARCHIVED for name in names}
    return [(title, list(under)) for title, under in groupby(titles, key=titles.__getitem__)]


@dataclass(frozen=True)
class Property:
    """A demand on implementations: `check(trial, case)` raises `Disagreement` where it is not met."""

    name: str
    says: str
    #: One of `GROUPS`.
    group: str
    check: Check
    #: The cases that an implementation with these capabilities is fed.
    cases: Callable[[Capabilities], SearchStrategy[Case]]
    #: Why an implementation with these capabilities takes no part; empty where it does.
    exempts: Callable[[Capabilities], str]
    #: Whether a case may be judged at all, beside what `cases` draws: while reducing and replaying.
    admits: Callable[[Trial, Case], bool]

    def judge(self, trial: Trial, case: Case) -> None:
        """Check, and have the implementation watched meanwhile: what it does to its process is a disagreement, too."""
        with trial.watched(case):
            self.check(trial, case)

    def given(
        self, capabilities: Capabilities, avoiding: Callable[[Case], object] | None = None
    ) -> Callable[..., None]:
        """Return the property as a Hypothesis test, on cases for these capabilities without the known defects."""
        cases = self.cases(capabilities)
        if avoiding is not None:
            cases = cases.filter(lambda case: not avoiding(case))
        test: Callable[..., None] = given(case=cases)(self._body())
        return test

    def _body(self) -> Check:
        def body(trial: Trial, case: Case) -> None:
            with trial.judging(case) as in_time:
                if in_time:
                    self.judge(trial, case)

        body.__name__ = body.__qualname__ = f"test_{self.name}"
        body.__module__, body.__doc__ = self.check.__module__, self.check.__doc__
        return body


def claims_gradients(capabilities: Capabilities) -> str:
    """Return why properties of gradients do not ask an implementation; empty where they do."""
    return "" if capabilities.gradients else "claims no gradients"


def claims_second_derivatives(capabilities: Capabilities) -> str:
    """Return why properties of second derivatives do not ask an implementation; empty where they do."""
    if capabilities.own_process:
        return "runs in a separate process, which differentiates once only"
    return claims_gradients(capabilities) or ("" if capabilities.second_derivatives else "claims no second derivatives")


def claims_lengths(capabilities: Capabilities) -> str:
    """Return why properties of sequences of different lengths do not ask an implementation; empty where they do."""
    return "" if capabilities.lengths else "claims no lengths"


def own_process(capabilities: Capabilities) -> str:
    """Return why memory and concurrent calls are not judged; empty where they are."""
    return (
        "runs in a separate process, where memory and concurrent calls cannot be observed"
        if capabilities.own_process
        else ""
    )


def judged(
    cases: Callable[[Capabilities], SearchStrategy[Case]],
    *,
    group: str,
    exempts: Callable[[Capabilities], str] = lambda capabilities: "",
    admits: Callable[[Trial, Case], bool] = lambda trial, case: trial.takes(case),
    reshapes: bool = False,
) -> Callable[[Check], Any]:
    """Make `test_NAME(trial, case)` a Hypothesis test and the property NAME.

    Args:
        cases: the strategy for an implementation with given capabilities.
        group: what the property is about, one of `GROUPS`: there it stands wherever results are told.
        exempts: why an implementation takes no part, in words; empty where it does.
        admits: whether a case that was not drawn may be judged: inside the claims, unless said otherwise.
        reshapes: whether a case makes several shapes or graphs; what builds anew for each is given few to begin with,
            and what takes seconds to build each takes no part.
    """

    def exempts_or_dear(capabilities: Capabilities) -> str:
        dear = "builds slowly for each shape, and a case of this property has several shapes"
        return exempts(capabilities) or (dear if reshapes and not capabilities.several_shapes else "")

    def cases_of_few_shapes(capabilities: Capabilities) -> SearchStrategy[Case]:
        return cases(replace(capabilities, shapes=FEW_SHAPES) if reshapes and capabilities.per_shape else capabilities)

    def decorate(check: Check) -> Any:
        name = check.__name__.removeprefix("test_")
        says = (check.__doc__ or "").partition("\n")[0]
        found = Property(name, says, group, check, cases_of_few_shapes, exempts_or_dear, admits)
        PROPERTIES[name] = found
        test = found.given(Capabilities())
        test.property = found  # type: ignore[attr-defined]
        return test

    return decorate
