"""The parts of a run, judged on several machines, as one: what `--merge` does with their reports."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import create_terminal_writer

from rnn_parity import Implementation, RegistrationError, registered, resolve
from rnn_parity.tests.judge.base.finding import Finding
from rnn_parity.tests.judge.base.part import Part
from rnn_parity.tests.judge.base.settings import Run
from rnn_parity.tests.judge.base.telling import Teller
from rnn_parity.tests.judge.report import github, outputs, terminal
from rnn_parity.tests.judge.report import results as report
from rnn_parity.tests.judge.run import ending
from rnn_parity.tests.judge.run.options import check_outputs

#: What all parts of a run have in common, and what it is called.
COMMON = {
    "seed": "seed",
    "cases": "cases",
    "cpu_seconds": "CPU seconds",
    "sizes": "sizes",
    "profile": "profile",
    "device": "device",
    "selected": "selection of tests",
    "versions": "versions",
    "implementations": "implementations",
}


@dataclass(frozen=True)
class Read:
    """The report of one part."""

    path: Path
    run: dict[str, Any]
    results: list[report.Result]
    findings: list[Finding]
    seen_once: list[Finding]

    @property
    def part(self) -> Part:
        """Which part it is."""
        return Part(*self.run["part"])


@dataclass(frozen=True, kw_only=True)
class Reported(Implementation):
    """An implementation as it was where it was judged, whatever is installed here."""

    there: dict[str, str] = field(default_factory=dict)
    was_installed: bool = False

    @property
    def versions(self) -> dict[str, str]:
        """What a part reported."""
        return self.there

    @property
    def version(self) -> str | None:
        """What a part reported."""
        return self.there.get(self.library)

    @property
    def installed(self) -> bool:
        """What a part reported."""
        return self.was_installed


def merge(config: pytest.Config) -> int:
    """Merge the reports that `--merge` names, tell what they say together, and write what else is asked for.

    Returns:
        1 where a part failed or is missing, else 0.

    Raises:
        pytest.UsageError: there are none, or they are not parts of one run.
    """
    check_outputs(config)
    parts = _read_all(config.getoption("merge"))
    absent = sorted({*range(1, parts[0].part.of + 1)} - {read.part.number for read in parts})
    failed = [
        read
        for read in parts
        if read.run["exit_status"] not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    ]
    status = int(bool(absent or failed))
    results, again = _together(parts)
    write, teller = create_terminal_writer(config), Teller()
    whole = _whole(parts, results, status)
    written = outputs.parts(config, whole, teller)
    for line in teller.told(
        {
            **{
                f"finding {place}": partial(_tell, write, finding, again[finding.gist])
                for place, finding in enumerate(results.findings, 1)
            },
            "the table of results": partial(ending.at_a_glance, write, results, whole.run, config.option.verbose),
            "what was seen once": lambda: map(terminal.seen_once, results.seen_once),
            **written,
            "the standing of the parts": partial(_standing, parts, absent, failed),
            # Each part has annotated what it found.
            "the summary on GitHub": partial(github.summarized, results, whole.run, os.environ),
            "the verdicts": partial(ending.verdict, write, results, whole.run),
        }
    ):
        write.line(line)
    return teller.status(status)


def _tell(write: Any, finding: Finding, found_by: Sequence[Part]) -> None:
    told = terminal.Told(finding)
    write.sep("_", f"{finding.implementation} fails {finding.property}")
    told.toterminal(write)
    if len(found_by) > 1:
        write.line(f"found in parts {', '.join(map(str, found_by))}")


def _standing(parts: Sequence[Read], absent: Sequence[int], failed: Sequence[Read]) -> Iterator[str]:
    of = parts[0].part.of
    yield f"merged: {len(parts)} of {of} parts"
    if absent:
        numbers = ", ".join(f"{number}/{of}" for number in absent)
        yield f"MISSING: {numbers}: what they were to judge is in no table; run them with --shard, and merge again"
    for read in failed:
        yield f"FAILED: part {read.part}, with exit status {read.run['exit_status']}: {read.path}"


# Reading


def _read_all(patterns: Sequence[str]) -> list[Read]:
    paths: set[str] = set()
    for pattern in patterns:
        if not (found := glob.glob(pattern)):  # noqa: PTH207 - an absolute pattern, too
            raise pytest.UsageError(
                f"--merge {pattern}: there is no such file; expected reports that --report has written"
            )
        paths.update(found)
    parts = sorted((_read(Path(path)) for path in sorted(paths)), key=lambda read: read.part.number)
    for before, read in pairwise(parts):
        _belong_together(before, read)
    return parts


def _read(path: Path) -> Read:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise pytest.UsageError(f"--merge: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise pytest.UsageError(f"--merge: {path} is not JSON ({error}): run that part again") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != report.SCHEMA:
        raise pytest.UsageError(
            f"--merge: {path} is no report of schema {report.SCHEMA}, which this rnn-parity merges: found {schema!r}"
        )
    try:
        read = Read(
            path,
            data["run"],
            [report.Result.from_report(result) for result in data["results"]],
            [Finding(**finding) for finding in data["findings"]],
            [Finding(**finding) for finding in data["seen_once"]],
        )
        for key in (*COMMON, "part", "exit_status", "workers", "seconds"):
            read.run[key]
    except (KeyError, TypeError, ValueError) as error:
        raise pytest.UsageError(f"--merge: {path} is damaged ({error!r}): run that part again") from error
    return read


def _belong_together(one: Read, other: Read) -> None:
    """Raise where two reports are not parts of one run."""
    if one.part.of != other.part.of:
        raise pytest.UsageError(f"--merge: {one.path} is part {one.part} of a run, and {other.path} part {other.part}")
    if one.part == other.part:
        raise pytest.UsageError(
            f"--merge: {one.path} and {other.path} are both part {one.part}: merged, its cases would count twice"
        )
    for key, name in COMMON.items():
        if one.run[key] != other.run[key]:
            raise pytest.UsageError(
                f"--merge: {one.path} and {other.path} are not of one run: they differ in {name}: "
                f"{_difference(one.run[key], other.run[key])}"
            )


def _difference(one: Any, other: Any) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        differing = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
        return "; ".join(f"{key}: {one.get(key)} and {other.get(key)}" for key in differing[:3])
    return f"{one} and {other}"


# Merging


def _together(parts: Sequence[Read]) -> tuple[report.Results, dict[tuple[str, ...], list[Part]]]:
    """All results added up, each counterexample once, and the parts that found it."""
    results, again = report.Results(), dict[tuple[str, ...], list[Part]]()
    for read in parts:
        for result in read.results:
            results.add(result)
        for finding in read.seen_once:
            results.saw_once(finding)
        for finding in read.findings:
            if finding.gist not in again:
                results.findings.append(finding)
            again.setdefault(finding.gist, []).append(read.part)
    return results, again


def _whole(parts: Sequence[Read], results: report.Results, status: int) -> outputs.Whole:
    return outputs.Whole(
        results,
        _run(parts[0].run),
        workers=sum(read.run["workers"] for read in parts),
        seconds=max(read.run["seconds"] for read in parts),
        exit_status=status,
    )


def _run(told: dict[str, Any]) -> Run:
    return Run(
        implementations=tuple(_reported(name, there) for name, there in told["implementations"].items()),
        cases=told["cases"],
        seed=told["seed"],
        profile=told["profile"],
        archive=None,
        replay=None,
        seconds=told["cpu_seconds"],
        device=told["device"],
        sizes=told["sizes"],
        selected=tuple(told["selected"]),
    )


def _reported(name: str, there: dict[str, Any]) -> Implementation:
    try:
        found = {each.name: each for each in (resolve(there["asked"]) if there["asked"] else registered().values())}
    except RegistrationError as error:
        raise pytest.UsageError(
            f"--merge: {name} was judged elsewhere, and is to be described here: {error}"
        ) from error
    if name not in found:
        raise pytest.UsageError(
            f"--merge: {name} was judged elsewhere, and is not registered here: use the same checkout"
        )
    own = {each.name: getattr(found[name], each.name) for each in fields(Implementation)}
    return Reported(**own, there=there["versions"], was_installed=there["installed"])
