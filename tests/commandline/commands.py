"""What the command `rnn-parity` is told before its options, and what pytest is told for it."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any, NamedTuple

from rnn_parity.tests.commandline.called import own
from rnn_parity.tests.commandline.options import add_options


class Argument(NamedTuple):
    """Something that stands before the options; pytest is told each value by an option."""

    name: str
    option: str
    number: str | int
    says: str


class Command(NamedTuple):
    """A command: what it is for, what it takes, and what its help shows."""

    says: str
    takes: tuple[Argument, ...]
    #: Options of the suite that its help shows; it takes all others, too.
    shows: tuple[str, ...]
    #: What pytest is told in any case; options on the command line go before it.
    asks: tuple[str, ...] = ()


TARGETS = Argument(
    "TARGET", "--impl", "*", "my_rnn.py, model.onnx, mylib.rnn:MyRNN, or a name that --list prints; all, unless told"
)
#: By name; the one without a name judges.
COMMANDS = {
    "": Command(
        "judge recurrent networks by what torch.nn.RNN computes", (TARGETS,), ("--only", "--cases", "--archive")
    ),
    "hunt": Command(
        "judge for half an hour, on fresh cases all the time",
        (TARGETS,),
        ("--minutes", "--only", "--archive", "--html"),
        ("--minutes=30",),
    ),
    "replay": Command(
        "judge on one counterexample that was kept",
        (Argument("FILE", "--case", 1, "what --archive has written"), TARGETS),
        ("--isolate", "--repro"),
    ),
    "merge": Command(
        "make one table of the reports of the parts of a run",
        (Argument("REPORT.json", "--merge", "+", "what --report has written, of each part"),),
        ("--html", "--report", "--table"),
    ),
    "table": Command(
        "judge, and write the table of conformance",
        (Argument("PATH.md", "--table", 1, "a file of Markdown, made or renewed"), TARGETS),
        ("--only", "--cases", "--html"),
    ),
    "options": Command("list all options, also pytest's: -n auto is all cores", (), (), ("--help",)),
}
STATUSES = "exit status: 0 right, 1 wrong, 2 wrong command, 3 error of the suite, 130 Ctrl-C"


def parser(name: str) -> ArgumentParser:
    """Return the parser of what stands before the options of a command; its help shows options as well."""
    command = COMMANDS[name]
    made = ArgumentParser(
        prog=shlex.join([*own(), *[name] * bool(name)]),
        usage=" ".join(["%(prog)s", *map(_usage, command.takes), *["[OPTION ...]"] * bool(command.shows)]),
        description=f"{command.says[0].upper()}{command.says[1:]}.",
        epilog=STATUSES if name else f"{_others()}\n{STATUSES}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    for argument in command.takes:
        made.add_argument(argument.name, nargs=argument.number, help=argument.says)

    def show(*names: str, **described: Any) -> None:
        if set(names) & set(command.shows):
            made.add_argument(*names, **described)

    add_options(show)
    return made


def _usage(argument: Argument) -> str:
    return {"*": f"[{argument.name} ...]", "+": f"{argument.name} [...]"}.get(str(argument.number), argument.name)


def _others() -> str:
    width = max(map(len, COMMANDS))
    rows = [f"  {name:<{width}}  {command.says}" for name, command in COMMANDS.items() if name]
    return "\n".join(["more commands, each with its --help:", *rows])
