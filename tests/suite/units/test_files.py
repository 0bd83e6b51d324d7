"""Files are small: each holds one idea, and is read in one go."""

from __future__ import annotations

from rnn_parity.tests.suite import ROOT

MOST_LINES = 300


def test_no_file_is_longer_than_a_reader_takes() -> None:
    """What is installed is code in files of 300 lines at most."""
    sources = [
        path
        for folder in ("impls", "strategies", "tests/judge", "tests/commandline")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".js", ".css", ".jinja"}
    ]
    long = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if path.read_text(encoding="utf-8").count("\n") > MOST_LINES
    }
    assert not long
