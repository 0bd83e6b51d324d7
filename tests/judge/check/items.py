"""The properties as items of somebody else's tests: `test_parity = properties(MyRNN)` in a test file of their own."""

from __future__ import annotations

import os
import random
import shlex
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import settings

from rnn_parity import Capabilities, Implementation, RegistrationError, Rounding
from rnn_parity.registry import Options
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.check.asked import Given, implementation_of, looked_at, number_of, properties_of, said_of
from rnn_parity.tests.judge.check.checking import CASES, SECONDS
from rnn_parity.tests.judge.check.judging import Judging
from rnn_parity.tests.judge.check.process import lent_for_judging
from rnn_parity.tests.judge.check.repository import table_of
from rnn_parity.tests.judge.demands.property import Property
from rnn_parity.tests.judge.look.claims import in_source
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.report.terminal import Told, columns, seen_once
from rnn_parity.tests.judge.run.expected import Expected, Line
from rnn_parity.tests.judge.trial.trial import Trial
from rnn_parity.tests.judge.trial.verdict import Disagreement


def properties(
    implementation: Given,
    *,
    capabilities: Capabilities | None = None,
    rounding: Rounding | None = None,
    cases: int | None = None,
    only: str | Iterable[str] = (),
    properties: str | Iterable[str] = (),
    seconds: float = SECONDS,
) -> Any:
    """Return a test function with an item for each property, and for each archived counterexample.

    It needs no plugin, and changes nothing of the run: assign it to a name that pytest collects.

    Args:
        implementation: as `check` takes it.
        capabilities: what it takes on; by default the whole surface of nn.RNN.
        rounding: how it rounds, as `check` takes it.
        cases: how many a property; by default `cases` in [tool.rnn_parity] of pyproject.toml, or else 100.
        only: judge these groups of properties alone; by default `only` in that table, or else all.
        properties: judge these properties alone.
        seconds: CPU seconds for each property, after which it is fed no more.

    Raises:
        RegistrationError: the implementation is none, or not what its capabilities say.
        ValueError: an argument, or what the table says, does not fit.
    """
    caller = sys._getframe(1)
    table = table_of(Path(caller.f_code.co_filename))
    asked = next(given for given in (cases, table.cases, CASES) if given is not None)
    number_of("cases", asked, lambda number: isinstance(number, int) and number >= 1, "an integer from 1")
    number_of("seconds", seconds, lambda number: number > 0, "a number above 0")
    wanted = properties_of(only or table.only, properties)
    with lent_for_judging():
        judged = _claiming(implementation, said_of(capabilities, rounding))
    parity = _Parity(judged, wanted, asked, seconds, table.archive, table.expected)

    @pytest.mark.parametrize("judged", list(parity.items()))
    def test(judged: Property | Path, request: pytest.FixtureRequest) -> None:
        parity.run(judged, request.node)

    # So that pytest tells where it is written.
    code: CodeType = test.__code__
    test.__code__ = code.replace(co_filename=caller.f_code.co_filename, co_firstlineno=caller.f_lineno)
    test.__module__ = caller.f_globals.get("__name__", test.__module__)
    return test


def _claiming(given: Given, said: Options) -> Implementation:
    """Return what is to be judged on all that it claims: what always raises is left out of no run unnoticed."""
    try:
        return implementation_of(given, said, "properties")
    except RegistrationError as error:
        if "capabilities" not in said:
            narrower = looked_at(given, said, "properties")[0].capabilities
            raise RegistrationError(f"{error}. Say what it takes: capabilities={in_source(narrower)}") from error
        raise


@dataclass
class _Parity:
    """What one test function judges."""

    implementation: Implementation
    wanted: list[Property]
    cases: int
    seconds: float
    archive: Path | None
    expected: Expected
    #: Made by the first item in a process: what one item has looked into, others are told.
    _judging: Judging | None = field(default=None, init=False)

    def items(self) -> Iterator[Any]:
        """Yield a parameter for each item."""
        for judged in self.wanted:
            reason = judged.exempts(self.implementation.capabilities)
            marks = [pytest.mark.skip(reason=reason)] * bool(reason)
            if line := self._expects(judged.name):
                marks.append(pytest.mark.xfail(strict=True, reason=str(line)))
            yield pytest.param(judged, id=judged.name, marks=marks)
        for path in archive.files(self.archive) if self.archive else ():
            yield pytest.param(path, id=path.stem)

    def _expects(self, judged: str) -> Line | None:
        return self.expected.get((judged, self.implementation.name))

    def run(self, judged: Property | Path, item: Any) -> None:
        """Judge what an item is about, and fail it where it fails."""
        if self._judging is None:
            run = Run((self.implementation,), self.cases, _seed(item.config), "", self.archive, None, self.seconds)
            self._judging = Judging(run, self.wanted, hurried=False)
        judging = self._judging
        judging.teller = Teller()
        with lent_for_judging():
            if isinstance(judged, Path):
                found = self._replayed(judging, judged, item)
            else:
                found = self._found(judging, judged, item)
        if judging.teller.faults:
            pytest.fail("\n".join(judging.teller.told({})), pytrace=False)
        if found is not None and found.seen_once:
            item.add_report_section("call", "rnn-parity", seen_once(found))
        elif found is not None:
            if (line := self._expects(found.property)) and (isinstance(judged, Path) or found.property != judged.name):
                pytest.xfail(str(line))  # It follows from that, or was kept of it.
            pytest.fail(self._text(found, judged, item), pytrace=False)

    def _found(self, judging: Judging, judged: Property, item: Any) -> Finding | None:
        found = judging.judge(judged, f"pytest {_place(item)} --hypothesis-seed={judging.run.seed}")
        result = judging.results.found[self.implementation.name, judged.name]
        if result.status == "too few":
            pytest.skip(f"no verdict: {result.cases} cases in {self.seconds:g} s of CPU, which are too few")
        return found

    def _replayed(self, judging: Judging, path: Path, item: Any) -> Finding | None:
        judged, record = _read(path)
        trial = Trial(self.implementation, asked_for=judged.name)
        if judged.exempts(trial.capabilities) or not judged.admits(trial, record.case):
            pytest.skip(f"{self.implementation.name} does not claim to take this case")
        try:
            judged.judge(trial, record.case)
        except Disagreement as failure:
            return judging.told(judged, failure, None, f"pytest {_place(item)}")[0]
        return None

    def _text(self, found: Finding, judged: Property | Path, item: Any) -> str:
        """Return what is told: in full, or, where it follows from what another item of the run tells, in a line."""
        if isinstance(judged, Property) and found.property != judged.name:
            teller = item.nodeid.replace(f"[{judged.name}]", f"[{found.property}]")
            lead = f"{found.implementation} fails {judged.name} as it fails {found.property}: {found.headline}"
            lead = textwrap.fill(lead, columns(100), subsequent_indent="  ", break_on_hyphens=False)
            if any(other.nodeid == teller for other in item.session.items):
                return f"{lead}\nIt is told in {teller}"
            return f"{lead}\n\n{Told(found)}"
        return str(Told(found))


def _read(path: Path) -> tuple[Property, archive.Record]:
    try:
        record = archive.read(path)
        return archive.property_of(path, record), record
    except archive.UnreadableCase as error:
        pytest.fail(str(error), pytrace=False)


def _seed(config: pytest.Config) -> int:
    """Return the seed that Hypothesis was given, a fixed one where its profile is to repeat itself, or a fresh one."""
    asked = config.getoption("hypothesis_seed", None)
    if asked not in (None, "random"):
        return int(asked)
    repeats = settings.get_profile(settings.get_current_profile_name()).derandomize
    return 0 if repeats else random.SystemRandom().randrange(2**32)


def _place(item: Any) -> str:
    """Return what names an item on a command line here."""
    _, colons, name = item.nodeid.partition("@")[0].partition("::")
    return shlex.quote(f"{os.path.relpath(item.path)}{colons}{name}")
