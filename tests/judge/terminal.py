"""A finding as a user reads it in the terminal: the bug first, then the case, how it differs, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.judge.finding import Finding


class Told:
    """A finding in the place of a traceback, in colour where the terminal has it."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding

    def __str__(self) -> str:
        return "\n".join(lines(self.finding))

    def toterminal(self, writer: Any) -> None:
        """How pytest prints it."""
        for line in lines(self.finding):
            writer.line(line)


def lines(finding: Finding) -> Iterator[str]:
    """The whole of it."""
    yield f"{finding.implementation} ({finding.library} {finding.version}) fails {finding.property}: {finding.says}"
    yield ""
    yield from (f"  {line}" for line in finding.differs)
    for part in (finding.diagnosis, finding.divergence, [finding.matters] if finding.matters else []):
        if part:
            yield ""
            yield from (f"  {line}" for line in part)
    yield ""
    yield f"minimal case: {finding.descriptor}"
    yield from (f"  {line}" for line in finding.case.splitlines())
    unless = "" if finding.reduced_fully else ", the limit: it may not be minimal"
    yield f"  (reduced from {finding.found} in {finding.calls} calls{unless})"
    yield ""
    yield "on this same case"
    yield from (f"  {verdict}: {', '.join(names)}" for verdict, names in finding.others.items() if names)
    yield ""
    yield "what next"
    width = max(map(len, finding.commands), default=0)
    yield from (f"  {what.ljust(width)}: {command}" for what, command in finding.commands.items())
