"""Findings: each has an archived case, and a script that shows it with nothing of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn_parity import Implementation, registered
from rnn_parity.contract import KnownDefect
from rnn_parity.tests.judge.reduction.archive import REGRESSIONS, files, read
from rnn_parity.tests.suite.running import script_run

FINDINGS: dict[str, tuple[Implementation, KnownDefect]] = {
    f"{defect.library or implementation.library}-{defect.name}": (implementation, defect)
    for implementation in registered().values()
    for defect in implementation.known_defects
}
SCRIPTS = REGRESSIONS / "scripts"


def test_every_script_is_a_finding() -> None:
    """No script is left over, and none is missing."""
    assert sorted(path.stem for path in SCRIPTS.glob("*.py")) == sorted(FINDINGS)


@pytest.mark.parametrize("name", sorted(name for name, (_, defect) in FINDINGS.items() if defect.case))
def test_every_finding_is_archived(name: str) -> None:
    """Its case is there, runs into its predicate, says what happened, and the finding has a reason and a link."""
    _, defect = FINDINGS[name]
    path = REGRESSIONS / defect.case
    assert path in files()
    record = read(path)
    assert record.note
    assert defect.predicate(record.case)
    assert defect.reason
    assert defect.link
    assert not defect.properties or record.property in defect.properties


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_every_finding_stands_up(name: str) -> None:
    """Its script says what was expected and what was got, and ends with an error or a crash while it is there."""
    implementation, defect = FINDINGS[name]
    path = SCRIPTS / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    assert not any(ours in source for ours in ("rnn_parity", "import impls", "from impls", "strategies", "hypothesis"))
    if not implementation.installed:
        pytest.skip(f"not installed: {implementation.how_to_install}")
    ran = script_run(path, Path.home())
    assert "expected" in ran.stdout
    assert "got" in ran.stdout
    assert (ran.returncode != 0) == defect.present(), ran.stdout + ran.stderr
