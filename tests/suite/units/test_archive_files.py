"""The archive's files: named by content, written whole or not at all, read with suspicion."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from rnn_parity import Config
from rnn_parity.strategies import MEMORY, Case, cases
from rnn_parity.strategies.plain import to_plain
from rnn_parity.tests.judge.reduction import archive
from rnn_parity.tests.judge.reduction.archive import REGRESSIONS, Record, UnreadableCase, files, read, write
from rnn_parity.tests.suite import ROOT
from rnn_parity.tests.suite.alike import everything
from rnn_parity.tests.suite.quick import examples

CASE = Case(Config(1, 2), np.ones((3, 1, 1)), weights={"bias_hh_l0": np.array([1.0, np.nan])})
RECORD = Record(
    "agreement",
    CASE,
    [{"implementation": "mine", "kind": "value", "expected": 1.0, "got": "nan"}],
    {"torch": "2.0", "python": "3.11"},
    "2026-01-31",
    "found by hand [1",
)


def spoilt(**changes: Any) -> str:
    """The text of a good file with some of its keys changed."""
    data = {"schema": 1, "property": "agreement", "case": to_plain(CASE)}
    return json.dumps(data | changes)


#: What stands in a file, and words that the refusal must hold beside the file's name.
UNREADABLE: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["is not JSON", "restore it from version control or delete it"]),
    "cut off": (spoilt()[:-20], ["is not JSON"]),
    "merged badly": ("<<<<<<< HEAD\n" + spoilt(), ["is not JSON"]),
    "no text": (b"\xff\xfe\x00", ["is not JSON"]),
    "too deep": ("[" * 100_000, ["is not JSON", "recursion"]),
    "an endless number": ('{"schema": ' + "9" * 5000 + "}", ["is not JSON", "digits"]),
    "a list": ("[]", ["is not a counterexample of rnn-parity", "key 'schema'"]),
    "a number": ("1", ["is not a counterexample of rnn-parity"]),
    "foreign": ('{"name": "left-pad"}', ["is not a counterexample of rnn-parity"]),
    "later": (spoilt(schema=2), ["has schema 2", "reads 1", "update rnn-parity"]),
    "of another schema": (spoilt(schema="one"), ["has schema 'one'", "reads 1"]),
    "no property": (spoilt(property=""), ["is damaged", "property: expected the name of a property", "found ''"]),
    "property elsewhere": (spoilt(property="../../etc"), ["is damaged", "property", "found '../../etc'"]),
    "property a number": (spoilt(property=3), ["is damaged", "property: expected text", "found 3"]),
    "date a number": (spoilt(date=3), ["is damaged", "date: expected text", "found 3"]),
    "note a list": (spoilt(note=[]), ["is damaged", "note: expected text", "found []"]),
    "disagreed a number": (spoilt(disagreed=3), ["is damaged", "disagreed: expected a list", "found 3"]),
    "versions a list": (spoilt(versions=[]), ["is damaged", "versions: expected a dict", "found []"]),
    "no case": (json.dumps({"schema": 1, "property": "agreement"}), ["is damaged", "key 'config'", "found None"]),
    "a case of another kind": (spoilt(case=[1]), ["is damaged", "key 'config'", "found [1]"]),
    "a case without arrays": (spoilt(case=to_plain(CASE) | {"arrays": {}}), ["is damaged", "arrays", "missing"]),
    "a case too large": (
        spoilt(case=to_plain(CASE) | {"config": to_plain(CASE)["config"] | {"hidden_size": 10**9}}),
        ["is damaged", "hidden_size should lie between 1 and 1000000"],
    ),
    "a deep case": (
        json.dumps({"schema": 1, "property": "agreement"})[:-1] + ', "case": ' + "[" * 900 + "]" * 900 + "}",
        ["case"],
    ),
}


def names(folder: Path) -> list[str]:
    """All that lies in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


# Writing


def test_round_trip(tmp_path: Path) -> None:
    """What was written is read."""
    found = read(write(RECORD, tmp_path))
    assert everything(found.case) == everything(CASE)
    assert replace(found, case=CASE) == RECORD


@settings(max_examples=examples(60), deadline=None, database=None)
@given(case=cases(memory=tuple(MEMORY)))
def test_round_trip_of_cases(case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any case comes back the same, to the last bit, under the same name."""
    found = read(write(Record("agreement", case), tmp_path_factory.mktemp("archive")))
    assert everything(found.case) == everything(case)
    assert found.file_name == Record("agreement", case).file_name


def test_same_case_twice(tmp_path: Path) -> None:
    """The same case found twice is one file, and the first finder's."""
    first = write(RECORD, tmp_path)
    before = first.read_bytes()
    again = Record("agreement", replace(CASE, x=CASE.x.copy()), [{"implementation": "another"}], note="found again")
    assert write(again, tmp_path) == first
    assert names(tmp_path) == [first.name]
    assert first.read_bytes() == before


#: What makes another case, and so another file.
OTHERS: dict[str, Record] = {
    "property": replace(RECORD, property="calls"),
    "a number": replace(RECORD, case=CASE.with_arrays(x=CASE.x * 2)),
    "the sign of a zero": replace(RECORD, case=CASE.with_arrays(bias_ih_l0=np.array([0.0, -0.0]))),
    "an option": replace(RECORD, case=CASE.with_config(batch_first=True)),
    "dtype": replace(RECORD, case=CASE.with_config(dtype=torch.float64)),
    "a given state": replace(RECORD, case=replace(CASE, h_0=np.zeros((1, 1, 2)))),
    "unbatched": replace(RECORD, case=replace(CASE, unbatched=True)),
    "memory": replace(RECORD, case=replace(CASE, memory="offset")),
}


def test_names_differ_by_content() -> None:
    """Whatever is replayed differently has another name."""
    found = [RECORD.file_name, *(record.file_name for record in OTHERS.values())]
    assert len(set(found)) == len(found)


def test_name() -> None:
    """A name begins with the property, and is the same on every machine and in every version."""
    assert RECORD.file_name == "agreement-29eea6571cdb.json"
    assert replace(RECORD, note="", disagreed=(), versions={}, date="").file_name == RECORD.file_name


def test_text(tmp_path: Path) -> None:
    """A file says what it is about to a reader of a diff, an array a line."""
    text = write(RECORD, tmp_path).read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == [
        "schema",
        "property",
        "descriptor",
        "note",
        "case",
        "disagreed",
        "versions",
        "date",
    ]
    assert '"descriptor": "tanh T3 B1 I1 H2"' in text
    assert '"values": [1, "nan"]' in text
    assert '"shape": [3, 1, 1],' in text
    assert '"note": "found by hand [1"' in text


def test_date(tmp_path: Path) -> None:
    """Where no date is given it is today's."""
    before = datetime.now(UTC).date().isoformat()
    found = read(write(replace(RECORD, date=""), tmp_path)).date
    assert before <= found <= datetime.now(UTC).date().isoformat()


def test_new_folder(tmp_path: Path) -> None:
    """A folder that is not there is made."""
    path = write(RECORD, tmp_path / "deep" / "down")
    assert files(path.parent) == [path]


def test_readable_by_all(tmp_path: Path) -> None:
    """The file can be read by others, as a file in version control should."""
    assert write(RECORD, tmp_path).stat().st_mode & 0o777 == 0o644


#: Where writing may be cut short.
INTERRUPTIONS = {
    "the disk": ("os.fsync", OSError("no space left on device")),
    "the keyboard": ("os.fsync", KeyboardInterrupt()),
    "the name": ("pathlib.Path.replace", PermissionError("not allowed")),
    "the data": ("rnn_parity.tests.judge.reduction.archive._compact", MemoryError()),
}


@pytest.mark.parametrize("by", INTERRUPTIONS)
def test_interrupted(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file appears whole or not at all, and nothing else is left behind."""
    target, error = INTERRUPTIONS[by]

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(target, fail)
        with pytest.raises(type(error)):
            write(RECORD, tmp_path)
    assert names(tmp_path) == []
    assert write(RECORD, tmp_path).is_file()


def test_what_json_cannot_hold(tmp_path: Path) -> None:
    """A record that cannot be written leaves nothing behind."""
    with pytest.raises(TypeError):
        write(replace(RECORD, disagreed=[{"got": torch.float32}]), tmp_path)
    assert names(tmp_path) == []


WRITER = """
import sys
import numpy as np
from pathlib import Path
from rnn_parity import Config
from rnn_parity.strategies import Case
from rnn_parity.tests.judge.reduction.archive import Record, write

print("ready", flush=True)
sys.stdin.readline()
for number in range(300):
    write(Record("agreement", Case(Config(1, 1), np.full((50, 1, 1), float(number)))), Path(sys.argv[1]))
"""


@pytest.mark.full
def test_two_writers(tmp_path: Path) -> None:
    """Two processes that write the same records at once do each other no harm."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    found = files(tmp_path)
    assert names(tmp_path) == [path.name for path in found]
    assert len(found) == 300
    assert all(read(path).file_name == path.name for path in found)


# Reading


@pytest.mark.parametrize("rule", UNREADABLE)
def test_unreadable(rule: str, tmp_path: Path) -> None:
    """A file that cannot be replayed is refused: the text names the file and what is wrong with it, briefly."""
    text, words = UNREADABLE[rule]
    path = tmp_path / "agreement-0123.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UnreadableCase) as refusal:
        read(path)
    said = str(refusal.value)
    assert said.startswith(f"{path}: ")
    assert [word for word in words if word not in said] == []
    assert len(said) < len(str(path)) + 300


def test_plainest_file(tmp_path: Path) -> None:
    """A file needs no more than schema, property and case; keys that are not known are let be."""
    path = tmp_path / "a.json"
    path.write_text(spoilt(colour="blue"))
    found = read(path)
    assert (found.property, list(found.disagreed), found.versions, found.date, found.note) == (
        "agreement",
        [],
        {},
        "",
        "",
    )


def no_file(path: Path) -> None:
    """Leave nothing there."""


def folder(path: Path) -> None:
    """Put a folder there."""
    path.mkdir()


#: What is there in the place of a file, and words of the refusal.
NO_FILES: list[tuple[Callable[[Path], None], str]] = [(no_file, "No such file"), (folder, "Is a directory")]


@pytest.mark.parametrize(("put", "words"), NO_FILES)
def test_no_file(put: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """What is no file is refused by its name, too."""
    path = tmp_path / "agreement-0123.json"
    put(path)
    with pytest.raises(UnreadableCase, match=rf"agreement-0123\.json: cannot be read: {words}"):
        read(path)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file larger than any honest one is not even opened."""
    path = tmp_path / "agreement-0123.json"
    path.write_text(spoilt())
    monkeypatch.setattr(archive, "MOST_BYTES", path.stat().st_size)
    assert read(path).property == "agreement"
    monkeypatch.setattr(archive, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(UnreadableCase, match=r"agreement-0123\.json: larger than the"):
        read(path)


def test_the_property_that_a_file_is_about(tmp_path: Path) -> None:
    """Of a name that no property has, the nearest is told."""
    assert archive.property_of(tmp_path, RECORD).name == "agreement"
    with pytest.raises(UnreadableCase, match=r"later\.json: is about the property 'agrement'.*this suite has "):
        archive.property_of(tmp_path / "later.json", replace(RECORD, property="agrement"))


def test_what_is_kept_of_an_implementation(tmp_path: Path) -> None:
    """Of a property: files with its name; those of others, and what cannot be read, are passed over."""
    path = write(RECORD, tmp_path)
    write(replace(RECORD, property="laws"), tmp_path)
    write(replace(RECORD, case=replace(CASE, x=CASE.x * 2), disagreed=[3, {"implementation": "other"}]), tmp_path)  # type: ignore[list-item]
    (tmp_path / "agreement-bad.json").write_text("{", encoding="utf-8")
    ((found, case, seen),) = archive.kept_of("agreement", "mine", tmp_path)
    assert (found, case.descriptor, seen["kind"]) == (path, CASE.descriptor, "value")


def test_files(tmp_path: Path) -> None:
    """The archive is its JSON files in the order of their names; unfinished ones are none."""
    for name in ("b.json", "a.json", ".x.part", "README.md"):
        (tmp_path / name).write_text("")
    assert [path.name for path in files(tmp_path)] == ["a.json", "b.json"]
    assert files(tmp_path / "missing") == []


def test_our_own_archive() -> None:
    """Every file in the archive can be read, and has the name that its content gives it."""
    assert [path.name for path in files()] == [read(path).file_name for path in files()]
    assert all(path.parent == REGRESSIONS for path in files())
