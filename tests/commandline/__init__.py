"""The options of the suite, in a package of its own that imports nothing else.

pytest reads the command line before it reads `tests/conftest.py`, and takes the file in `--impl my_rnn.py` for one of
tests unless it knows the option by then. Installed (`pip install -e .`), this package is a plugin named `rnn_parity`,
which pytest loads first.
In the directory of another project it adds nothing.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from pathlib import Path

import pytest

_GROUP = "rnn-parity"
#: How many cases each implementation is fed for each property, by profile.
CASES = {"dev": 600, "ci": 600, "hunt": 10_000}
#: And how many large networks.
LARGE_CASES = 20
#: And how many seconds of CPU it may take for each, by profile.
SECONDS = {"dev": 30.0, "ci": 30.0, "hunt": 600.0}
#: And how many a round of a hunt may take.
ROUND_SECONDS = 3.0

#: Seconds that one call may take: to compile a network takes a minute at times.
TIME_LIMIT = 120.0
#: MiB that a process may hold during a call, at least: frameworks take one or two thousand.
LEAST_MEMORY = 4096


def in_checkout() -> bool:
    """Return whether pytest was started in a checkout of rnn-parity."""
    return Path("tests/commandline/__init__.py").is_file() and Path("strategies/case.py").is_file()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite, where pytest was started in a checkout."""
    if in_checkout():
        add_options(parser)


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Suggest the options of the suite that are nearest to those which nobody knows, should pytest refuse them."""
    group = parser.getgroup(_GROUP)
    known = [name for option in group.options for name in option.names()]
    _, unknown = parser.parse_known_and_unknown_args(args)
    near = [match for name in unknown for match in difflib.get_close_matches(name.partition("=")[0], known, n=1)]
    if near:
        parser.extra_info["did you mean"] = ", ".join(near)


def add_options(parser: pytest.Parser) -> None:
    """Add the options of the suite to pytest's."""
    group = parser.getgroup(_GROUP, "differential testing of recurrent networks")
    group.addoption(
        "--impl",
        action="append",
        metavar="NAME|PATH.py|MODULE:ATTR",
        help="judge this implementation only: a registered name, all that a file registers, or a module's; repeatable",
    )
    group.addoption(
        "--group",
        default="main",
        metavar="NAME",
        help="judge the implementations of this group, where --impl names none (default: main)",
    )
    group.addoption(
        "--list-impls", action="store_true", help="print what is registered, and how to install what is not"
    )
    group.addoption(
        "--only",
        action="append",
        metavar="GROUP",
        help="judge these groups of properties alone: results, state, gradients, lengths, special, process, arguments, "
        "torch; repeatable, or with commas",
    )
    group.addoption(
        "--cases",
        type=_positive_of("--cases", "cases"),
        metavar="N",
        help=f"cases per property and implementation (default: {CASES['dev']})",
    )
    group.addoption(
        "--sizes",
        choices=("usual", "large"),
        default="usual",
        help=f"large: networks of sizes that real models have, {LARGE_CASES} cases each unless told (default: usual)",
    )
    group.addoption(
        "--seconds",
        type=_positive_number_of("--seconds", "seconds"),
        metavar="S",
        help=f"CPU seconds per property and implementation, then it is fed no more (default: {SECONDS['dev']:g})",
    )
    group.addoption(
        "--minutes",
        type=_positive_number_of("--minutes", "minutes"),
        metavar="M",
        help="hunt for so long: the time goes to the properties and implementations where it pays, on fresh seeds",
    )
    group.addoption(
        "--isolate",
        action="store_true",
        help="judge each implementation in a process of its own: one that crashes is found out as any other",
    )
    group.addoption(
        "--time-limit",
        type=_positive_number_of("--time-limit", "seconds"),
        default=TIME_LIMIT,
        metavar="S",
        help=f"seconds that one call may take before the implementation counts as hanging (default: {TIME_LIMIT:g})",
    )
    group.addoption(
        "--memory-limit",
        type=_positive_of("--memory-limit", "MiB"),
        metavar="MIB",
        help="MiB of memory that a process may hold during a call (default: three quarters of what the machine has for "
        f"each worker, and {LEAST_MEMORY} at least)",
    )
    group.addoption(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where tensors lie: cpu or cuda (default: cpu)",
    )
    group.addoption(
        "--archive",
        nargs="?",
        const="tests/regressions",
        metavar="DIR",
        help="write counterexamples to DIR (default: tests/regressions)",
    )
    group.addoption("--case", metavar="FILE", help="replay one archived case, on every implementation that can take it")
    group.addoption(
        "--repro",
        metavar="FILE.py",
        help="write each counterexample as a script that needs torch and the implementation's own library only",
    )
    group.addoption("--table", metavar="PATH.md", help="write the table of conformance into a file, group by group")
    group.addoption("--html", metavar="PATH.html", help="write a page about the run: one file, which needs no network")
    group.addoption("--report", metavar="PATH.json", help="write the results as data")
    group.addoption(
        "--database",
        metavar="redis://HOST:PORT/0",
        help="share examples with other machines: what one finds, all replay first; needs the extra redis",
    )
    group.addoption(
        "--shard",
        type=_part,
        metavar="K/N",
        help="judge part K of N, which together are the whole run; needs --hypothesis-seed, the same for all",
    )
    group.addoption(
        "--merge",
        metavar="'*.json'",
        help="judge nothing: merge the parts that --shard and --report made into one table, and what else is asked for",
    )


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise pytest.UsageError(f"--shard: expected K/N with K from 1 to N, as in 2/4, found {text!r}")
    return int(number), int(of)


def _positive_number_of(option: str, what: str) -> Callable[[str], float]:
    def positive(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < math.inf:
            raise pytest.UsageError(f"{option}: expected a number of {what} above 0, found {text!r}")
        return number

    return positive


def _positive_of(option: str, what: str) -> Callable[[str], int]:
    def positive(text: str) -> int:
        number = int(text) if text.isdecimal() else 0
        if number < 1:
            raise pytest.UsageError(f"{option}: expected a number of {what} from 1, found {text!r}")
        return number

    return positive
