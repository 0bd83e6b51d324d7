"""The command `rnn-parity`: pytest on the properties, wherever it is called."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import pytest

from rnn_parity.tests.commandline.called import note_call
from rnn_parity.tests.commandline.commands import COMMANDS, parser

TESTS = Path(__file__).parent.parent
#: Exit statuses of pytest as those of a command: 0 right, 1 wrong, 2 asked for in a wrong way, 3 an error of the suite.
STATUSES = {
    pytest.ExitCode.INTERRUPTED: 130,
    pytest.ExitCode.USAGE_ERROR: 2,
    pytest.ExitCode.NO_TESTS_COLLECTED: 2,
}


def main() -> int:
    """Judge as `pytest` does in a checkout, with the same options. What configures pytest here is not read."""
    note_call()
    asked = [*_asked(sys.argv[1:])]
    if find_spec("torch") is None:
        print("rnn-parity: torch is not installed here. Run python -m pip install torch", file=sys.stderr)
        return 2
    own = (
        f"--config-file={TESTS}/commandline/pytest.ini",
        f"--rootdir={TESTS.parent}",
        f"--confcutdir={TESTS}",
        # pytest would keep its cache in that root; without its plugin it knows no such setting.
        *([] if any("no:cacheprovider" in part for part in sys.argv) else [f"-ocache_dir={Path.cwd()}/.pytest_cache"]),
    )
    named = any(_is_ours(argument) for argument in sys.argv[1:])
    properties = [] if named else map(str, sorted(TESTS.glob("test_*.py")))
    status = pytest.main([*own, *asked, *properties], plugins=[_Names])
    return STATUSES.get(pytest.ExitCode(status), int(status))


class _Names:
    """A plugin that has pytest print items as `tests/test_agreement.py::...`, which the command takes."""

    @staticmethod
    @pytest.hookimpl(trylast=True)
    def pytest_configure(config: pytest.Config) -> None:
        """Have the terminal tell paths from the suite's folder, and not from the current one."""
        config.cwd_relative_nodeid = str  # type: ignore[method-assign, assignment]
        if reporter := config.pluginmanager.getplugin("terminalreporter"):
            reporter.startpath = config.rootpath


def _asked(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments as pytest takes them: what stands before the first option is the command's own."""
    first = [*takewhile(lambda argument: not argument.startswith("-"), arguments)]
    options = arguments[len(first) :]
    name = first.pop(0) if first and first[0] in COMMANDS else ""
    command = COMMANDS[name]
    helps = [option for option in options if option in ("-h", "--help")]
    taken = parser(name).parse_args([*(word for word in first if not _is_ours(word)), *helps])
    yield from command.asks
    for argument in command.takes:
        yield from (f"{argument.option}={value}" for value in getattr(taken, argument.name))
    for word in (*filter(_is_ours, first), *options):
        yield f"{TESTS.parent}/{word}" if _is_ours(word) else "--list-impls" if word == "--list" else word


def _is_ours(argument: str) -> bool:
    """Return whether this is an item or a file of the suite, which are printed as `tests/test_agreement.py::...`."""
    file = argument.partition("::")[0]
    return file.startswith("tests/") and (TESTS.parent / file).is_file()
