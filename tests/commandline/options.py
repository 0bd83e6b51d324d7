"""The options of the suite: a plugin that imports nothing else.

pytest reads the command line before it reads `tests/conftest.py`, and takes the file in `--impl my_rnn.py` for one of
tests unless it knows the option by then. In a checkout `pyproject.toml` has pytest load this plugin first; elsewhere
the command `rnn-parity` does, and no other run of pytest has these options. The command imports this for its help
before pytest does, which would warn of that: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable

import pytest

# One thread per worker: workers share the cores, and sums are added in one order. Set before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Suggest the options of the suite that are nearest to those which nobody knows, should pytest refuse them."""
    group = parser.getgroup(_GROUP)
    known = [name for option in group.options for name in option.names()]
    _, unknown = parser.parse_known_and_unknown_args(args)
    near = [match for name in unknown for match in difflib.get_close_matches(name.partition("=")[0], known, n=1)]
    if near:
        parser.extra_info["did you mean"] = ", ".join(near)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite to pytest's."""
    add_options(parser.getgroup(_GROUP, "differential testing of recurrent networks").addoption)


def add_options(add: Callable[..., object]) -> None:
    """Add each option of the suite by what takes the arguments of argparse's `add_argument`."""
    add(
        "--impl",
        action="append",
        metavar="NAME|PATH.py|PATH.onnx|MODULE:ATTR",
        help="judge this implementation only: a registered name, all that a file registers, or a module's; repeatable",
    )
    add(
        "--group",
        default="main",
        metavar="NAME",
        help="judge the implementations of this group, unless --impl names some (default: main)",
    )
    add("--list-impls", action="store_true", help="print what is registered, and how to install what is not")
    add(
        "--only",
        action="append",
        metavar="GROUP",
        help="judge only these groups of properties: results, state, gradients, lengths, special, process, arguments, "
        "torch; repeatable, or with commas",
    )
    add(
        "--cell",
        action="append",
        metavar="KIND",
        help="judge these kinds of cells only, where they are claimed: rnn, gru, lstm; repeatable, or with commas",
    )
    add(
        "--cases",
        type=_positive_of("--cases", "cases"),
        metavar="N",
        help=f"cases per property and implementation (default: {CASES['dev']})",
    )
    add(
        "--sizes",
        choices=("usual", "large"),
        default="usual",
        help=f"large: networks as large as real models, {LARGE_CASES} cases unless --cases is given (default: usual)",
    )
    add(
        "--seconds",
        type=_positive_number_of("--seconds", "seconds"),
        metavar="S",
        help="CPU budget in seconds per property and implementation; when it runs out, no more cases are drawn "
        f"(default: {SECONDS['dev']:g})",
    )
    add(
        "--minutes",
        type=_positive_number_of("--minutes", "minutes"),
        metavar="M",
        help="hunt for M minutes on fresh seeds, favouring properties and implementations that show new behaviour",
    )
    add(
        "--isolate",
        action="store_true",
        help="judge each implementation in a separate process, so that a crash is shrunk as any other failure",
    )
    add(
        "--time-limit",
        type=_positive_number_of("--time-limit", "seconds"),
        default=TIME_LIMIT,
        metavar="S",
        help=f"seconds that one call may take; one that takes longer counts as hanging (default: {TIME_LIMIT:g})",
    )
    add(
        "--memory-limit",
        type=_positive_of("--memory-limit", "MiB"),
        metavar="MIB",
        help="MiB of memory that a process may hold during a call (default: three quarters of the machine's memory, "
        f"divided among the workers, but at least {LEAST_MEMORY})",
    )
    add(
        "--device",
        default="cpu",
        metavar="NAME",
        help="the device of all tensors: cpu or cuda (default: cpu)",
    )
    add(
        "--archive",
        nargs="?",
        const="tests/regressions",
        metavar="DIR",
        help="write each counterexample to the folder DIR, as JSON (without DIR: tests/regressions)",
    )
    add(
        "--expected",
        metavar="FILE",
        help="failures that are expected, a line each: property, implementation, reason; what is listed has to fail",
    )
    add("--case", metavar="FILE", help="replay one archived case, on every implementation that can take it")
    add(
        "--repro",
        metavar="FILE.py",
        help="write each counterexample as a script that needs only torch and the implementation's own library",
    )
    add("--table", metavar="PATH.md", help="write the table of conformance to a Markdown file")
    add("--html", metavar="PATH.html", help="write a page about the run: a single file, which needs no network")
    add("--report", metavar="PATH.json", help="write the results as JSON")
    add(
        "--database",
        metavar="redis://HOST:PORT/0",
        help="share failing examples with other machines, which replay them first; needs the extra redis",
    )
    add(
        "--shard",
        type=_part,
        metavar="K/N",
        help="judge part K of the N parts of a run; give all parts the same --hypothesis-seed",
    )
    add(
        "--merge",
        action="append",
        metavar="'*.json'",
        help="judge nothing: merge the reports of the parts of a run (--shard with --report) into one table; "
        "repeatable",
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
