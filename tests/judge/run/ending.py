"""What stands at the end of a run, whether it was judged here or merged of parts: the table, and the verdicts last."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.report import groups, table
from rnn_parity.tests.judge.report.results import Results
from rnn_parity.tests.judge.report.sentences import verdicts

#: Lines are no longer and no shorter, however wide the terminal is.
_NARROWEST, _WIDEST = 80, 100
#: How a verdict looks, where it is neither right nor wrong and where it is.
_STYLES = {"right": {"green": True}} | {
    kind: {"yellow": True} for kind in ("absent", "nothing", "seen once", "few", "error")
}


def at_a_glance(write: Any, results: Results, run: Run, verbosity: int) -> Iterator[str]:
    """Tell how each does in each group; in each property, too, where more is asked for, or only how many cases."""
    if not results.found:
        return
    judged = any(result.cases for result in results.found.values())
    if verbosity >= 0 and (judged or not any(finding.hopeless for finding in results.findings)):
        write.sep("=", "groups of properties")
        yield from groups.lines(results, run.implementations, _width(write))
        yield "each property by itself: -v, --table=PATH.md or --html=PATH.html"
    if verbosity > 0:
        write.sep("=", "implementations against properties")
        yield from table.lines(results, write.fullwidth if sys.stdout.isatty() else None)
    yield table.totals(results)


def verdict(write: Any, results: Results, run: Run) -> None:
    """Tell the verdict on each implementation, in a sentence."""
    told = verdicts(results, run.implementations).values()
    shown = [each for each in told if each.kind != "absent"] or list(told)
    if shown:
        write.sep("=", "verdict")
    for each in shown:
        style = _STYLES.get(each.kind, {"red": True})
        for line in textwrap.wrap(each.sentence, _width(write), subsequent_indent="  ", break_on_hyphens=False):
            write.line(line, **style)


def _width(write: Any) -> int:
    return min(max(int(write.fullwidth), _NARROWEST), _WIDEST)


@contextmanager
def told_once(terminalreporter: Any) -> Iterator[None]:
    """Have pytest list, of items that fail in the same way, the first, unless it is asked for all."""
    failed = terminalreporter.stats.get("failed", [])
    config = terminalreporter.config
    if config.option.verbose <= 0 and config.option.reportchars == _USUAL:
        terminalreporter.stats["failed"] = [report for report in failed if not hasattr(report, "_pdbshown")]
    try:
        yield
    finally:
        if failed:
            terminalreporter.stats["failed"] = failed


#: What pytest sums up where `-r` says nothing: failures and errors.
_USUAL = "fE"
